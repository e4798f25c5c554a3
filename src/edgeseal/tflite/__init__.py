"""Any ``.tflite`` file: what is in it, what is wrong with it, the same function in fewer bits."""

"""The jobs of this wing, one function each; :mod:`edgeseal.tflite` has them all.

Each does everything: it checks its arguments, reads, works, gates and writes, and returns what came
of it. The modules are imported one by one, so that none waits for what another needs.
"""

"""What models are run on: pictures in the form that an input wants, or drawn values."""

from edgeseal.tflite.inputs._model_inputs import (
    ModelInputs,
    model_inputs,
)
from edgeseal.tflite.inputs._paired_samples import (
    Sample,
    converted,
    drawn_samples,
    pink_noise,
    samples_from_pictures,
)
from edgeseal.tflite.inputs._picture_samples import (
    picture_input,
    picture_samples,
    samples_of,
)

__all__ = [
    "ModelInputs",
    "Sample",
    "converted",
    "drawn_samples",
    "model_inputs",
    "picture_input",
    "picture_samples",
    "pink_noise",
    "samples_from_pictures",
    "samples_of",
]

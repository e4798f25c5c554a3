"""What models are run on: pictures in the form that an input wants, or drawn values."""

from edgeseal.tflite.inputs._arrays import ARRAY_SUFFIXES, are_arrays, given_inputs, read_arrays
from edgeseal.tflite.inputs._input_form import (
    InputForm,
    InputOptions,
    placeholder_hint,
    placeholders,
)
from edgeseal.tflite.inputs._model_inputs import (
    ModelInputs,
    model_inputs,
)
from edgeseal.tflite.inputs._paired_samples import (
    Sample,
    converted,
    drawn_samples,
    pink_noise,
    samples_from_arrays,
    samples_from_pictures,
)
from edgeseal.tflite.inputs._picture_samples import (
    picture_input,
    picture_samples,
    samples_of,
)
from edgeseal.tflite.inputs._picture_scale import (
    PictureScale,
    ScaleSource,
    known_scale,
    picture_scale,
    state_scale,
)

__all__ = [
    "ARRAY_SUFFIXES",
    "InputForm",
    "InputOptions",
    "ModelInputs",
    "PictureScale",
    "Sample",
    "ScaleSource",
    "are_arrays",
    "converted",
    "drawn_samples",
    "given_inputs",
    "known_scale",
    "model_inputs",
    "picture_input",
    "picture_samples",
    "picture_scale",
    "pink_noise",
    "placeholder_hint",
    "placeholders",
    "read_arrays",
    "samples_from_arrays",
    "samples_from_pictures",
    "samples_of",
    "state_scale",
]

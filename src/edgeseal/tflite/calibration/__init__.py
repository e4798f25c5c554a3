"""What float models compute inside, seen while they run on pictures."""

from edgeseal.tflite.calibration._adequacy import Adequacy, measure_adequacy
from edgeseal.tflite.calibration._array_inputs import ArrayInputs, list_inputs, named_inputs
from edgeseal.tflite.calibration._calibration import Calibration, Observed, progress_path
from edgeseal.tflite.calibration._calibration_inputs import (
    CalibrationInputs,
    bundled_inputs,
    inputs_from,
)
from edgeseal.tflite.calibration._fingerprint import fingerprint, tensor_keys
from edgeseal.tflite.calibration._histogram import Histogram
from edgeseal.tflite.calibration._methods import (
    Method,
    choose_range,
    clipped_share,
    find_method,
    rounding_error,
)
from edgeseal.tflite.calibration._moments import Moments, second_moments
from edgeseal.tflite.calibration._observer import float_activations, observe_values
from edgeseal.tflite.calibration._ranges import Ranges, read_ranges, write_ranges
from edgeseal.tflite.calibration._tensor_statistics import TensorStatistics

__all__ = [
    "Adequacy",
    "ArrayInputs",
    "Calibration",
    "CalibrationInputs",
    "Histogram",
    "Method",
    "Moments",
    "Observed",
    "Ranges",
    "TensorStatistics",
    "bundled_inputs",
    "choose_range",
    "clipped_share",
    "find_method",
    "fingerprint",
    "float_activations",
    "inputs_from",
    "list_inputs",
    "measure_adequacy",
    "named_inputs",
    "observe_values",
    "progress_path",
    "read_ranges",
    "rounding_error",
    "second_moments",
    "tensor_keys",
    "write_ranges",
]

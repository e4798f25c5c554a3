"""What float models compute inside, seen while they run on pictures."""

from edgeseal.calibrate._adequacy import Adequacy, measure_adequacy
from edgeseal.calibrate._calibration import Calibration, Observed, progress_path
from edgeseal.calibrate._fingerprint import fingerprint, tensor_keys
from edgeseal.calibrate._histogram import Histogram
from edgeseal.calibrate._inputs import Inputs, bundled_inputs, inputs_from
from edgeseal.calibrate._methods import (
    Method,
    choose_range,
    clipped_share,
    find_method,
    rounding_error,
)
from edgeseal.calibrate._moments import Moments, second_moments
from edgeseal.calibrate._observer import float_activations, observe_values
from edgeseal.calibrate._ranges import Ranges, read_ranges, write_ranges
from edgeseal.calibrate._statistics import Statistics

__all__ = [
    "Adequacy",
    "Calibration",
    "Histogram",
    "Inputs",
    "Method",
    "Moments",
    "Observed",
    "Ranges",
    "Statistics",
    "bundled_inputs",
    "choose_range",
    "clipped_share",
    "find_method",
    "fingerprint",
    "float_activations",
    "inputs_from",
    "measure_adequacy",
    "observe_values",
    "progress_path",
    "read_ranges",
    "rounding_error",
    "second_moments",
    "tensor_keys",
    "write_ranges",
]

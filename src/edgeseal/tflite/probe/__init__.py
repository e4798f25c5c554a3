"""Lets the installed LiteRT try models and single operators, in a process of their own."""

from edgeseal.tflite.probe._cut import Cutout, called_functions, cut, cut_function
from edgeseal.tflite.probe._execute import ExecutedStep, ValueOrigin, execute, run_alone, run_twin
from edgeseal.tflite.probe._first_trial import check_comes_back, refusal
from edgeseal.tflite.probe._interpreter import new_interpreter
from edgeseal.tflite.probe._prober import Prober
from edgeseal.tflite.probe._twin import float_twin
from edgeseal.tflite.probe._unpacking import Unpacking
from edgeseal.tflite.probe._validity import (
    check_meaning,
    check_validity,
    fit_problem,
    meaning_problem,
)
from edgeseal.tflite.probe._values import (
    constant_values,
    dequantize,
    draw,
    has_fitting_scales,
    integer_limits,
    is_quantized,
    numpy_type,
    quantize,
    size_bytes,
)

__all__ = [
    "Cutout",
    "ExecutedStep",
    "Prober",
    "Unpacking",
    "ValueOrigin",
    "called_functions",
    "check_comes_back",
    "check_meaning",
    "check_validity",
    "constant_values",
    "cut",
    "cut_function",
    "dequantize",
    "draw",
    "execute",
    "fit_problem",
    "float_twin",
    "has_fitting_scales",
    "integer_limits",
    "is_quantized",
    "meaning_problem",
    "new_interpreter",
    "numpy_type",
    "quantize",
    "refusal",
    "run_alone",
    "run_twin",
    "size_bytes",
]

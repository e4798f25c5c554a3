"""Lets the installed LiteRT try models and single operators, in a process of their own."""

from edgeseal.probe._cut import Cutout, called_functions, cut, cut_function
from edgeseal.probe._execute import Origin, Step, execute, run_alone, run_twin
from edgeseal.probe._outcome import Outcome, Status
from edgeseal.probe._prober import Prober
from edgeseal.probe._twin import float_twin
from edgeseal.probe._unpacking import Unpacking
from edgeseal.probe._values import (
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
    "Origin",
    "Outcome",
    "Prober",
    "Status",
    "Step",
    "Unpacking",
    "called_functions",
    "constant_values",
    "cut",
    "cut_function",
    "dequantize",
    "draw",
    "execute",
    "float_twin",
    "has_fitting_scales",
    "integer_limits",
    "is_quantized",
    "numpy_type",
    "quantize",
    "run_alone",
    "run_twin",
    "size_bytes",
]

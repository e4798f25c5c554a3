"""What is wrong with a ``.tflite`` file, by trial with the installed LiteRT."""

from edgeseal.check._causes import has_axis_outside, quantized_operand_at_zero
from edgeseal.check._check import Report, check, check_file
from edgeseal.check._codes import CODES, Code, Level
from edgeseal.check._dead import dead_functions, live_operators
from edgeseal.check._finding import Finding, Node
from edgeseal.check._page import codes_page
from edgeseal.check._quantization import needless_quantizes
from edgeseal.check._shapes import needless_broadcasts
from edgeseal.check._trial import Samples

__all__ = [
    "CODES",
    "Code",
    "Finding",
    "Level",
    "Node",
    "Report",
    "Samples",
    "check",
    "check_file",
    "codes_page",
    "dead_functions",
    "has_axis_outside",
    "live_operators",
    "needless_broadcasts",
    "needless_quantizes",
    "quantized_operand_at_zero",
]

"""What is wrong with a ``.tflite`` file, by trial with the installed LiteRT."""

from edgeseal.tflite.diagnosis._causes import has_axis_outside, quantized_operand_at_zero
from edgeseal.tflite.diagnosis._check import CheckReport, check, check_file
from edgeseal.tflite.diagnosis._codes import CODES, Code, Level
from edgeseal.tflite.diagnosis._codes_page import codes_page
from edgeseal.tflite.diagnosis._dead_code import dead_functions, live_operators
from edgeseal.tflite.diagnosis._file_trial import Samples
from edgeseal.tflite.diagnosis._finding import Finding, Node
from edgeseal.tflite.diagnosis._quantization_findings import needless_quantizes
from edgeseal.tflite.diagnosis._shape_findings import needless_broadcasts
from edgeseal.tflite.diagnosis._version_findings import code_of_version

__all__ = [
    "CODES",
    "CheckReport",
    "Code",
    "Finding",
    "Level",
    "Node",
    "Samples",
    "check",
    "check_file",
    "code_of_version",
    "codes_page",
    "dead_functions",
    "has_axis_outside",
    "live_operators",
    "needless_broadcasts",
    "needless_quantizes",
    "quantized_operand_at_zero",
]

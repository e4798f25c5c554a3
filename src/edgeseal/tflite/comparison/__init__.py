"""Compares two files of the same graph, operator by operator."""

from edgeseal.tflite.comparison._compare import (
    ComparedPart,
    Comparison,
    ModelFile,
    OperatorError,
    check_ends,
    compare,
)
from edgeseal.tflite.comparison._comparison_record import (
    comparison_record,
)
from edgeseal.tflite.comparison._comparison_text import (
    summary_lines,
)
from edgeseal.tflite.comparison._match import (
    Means,
)
from edgeseal.tflite.comparison._meter import (
    SampleReading,
)
from edgeseal.tflite.comparison._output_errors import (
    OutputError,
)
from edgeseal.tflite.comparison._plot_file import (
    check_plot,
    write_plot,
)

__all__ = [
    "ComparedPart",
    "Comparison",
    "Means",
    "ModelFile",
    "OperatorError",
    "OutputError",
    "SampleReading",
    "check_ends",
    "check_plot",
    "compare",
    "comparison_record",
    "summary_lines",
    "write_plot",
]

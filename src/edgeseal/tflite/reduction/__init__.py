"""Cuts the smallest sub-model that still shows a fault out of a model."""

from edgeseal.tflite.reduction._bug_report import (
    BugReport,
    bug_report,
)
from edgeseal.tflite.reduction._chosen_finding import (
    NodePlace,
)
from edgeseal.tflite.reduction._reduce import (
    ReduceSettings,
    reduce_command,
    reduce_difference,
    reduce_finding,
)
from edgeseal.tflite.reduction._reduction import (
    Reduction,
    Script,
    reduction_paths,
    write_reduction,
)

__all__ = [
    "BugReport",
    "NodePlace",
    "ReduceSettings",
    "Reduction",
    "Script",
    "bug_report",
    "reduce_command",
    "reduce_difference",
    "reduce_finding",
    "reduction_paths",
    "write_reduction",
]

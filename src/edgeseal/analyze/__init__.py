"""What is in a ``.tflite`` file, and what goes wrong there: compare, profile, reduce."""

from edgeseal.analyze._bug_report import BugReport, bug_report
from edgeseal.analyze._choice import NodePlace
from edgeseal.analyze._compare import (
    Comparison,
    ModelFile,
    OperatorError,
    Part,
    check_ends,
    compare,
)
from edgeseal.analyze._compare_report import check_plot, write_plot
from edgeseal.analyze._compare_text import summary_lines
from edgeseal.analyze._error import Error
from edgeseal.analyze._inputs import Sample, drawn_samples, samples_from_pictures
from edgeseal.analyze._match import Means
from edgeseal.analyze._meter import Reading
from edgeseal.analyze._outputs import OutputError
from edgeseal.analyze._profile import KindTime, OperatorTime, Placement, Profile, profile
from edgeseal.analyze._reduce import (
    ReduceSettings,
    reduce_command,
    reduce_difference,
    reduce_finding,
)
from edgeseal.analyze._reduction import Reduction, Script, reduction_paths, write_reduction
from edgeseal.analyze._same import Sameness, compare_outputs

__all__ = [
    "BugReport",
    "Comparison",
    "Error",
    "KindTime",
    "Means",
    "ModelFile",
    "NodePlace",
    "OperatorError",
    "OperatorTime",
    "OutputError",
    "Part",
    "Placement",
    "Profile",
    "Reading",
    "ReduceSettings",
    "Reduction",
    "Sameness",
    "Sample",
    "Script",
    "bug_report",
    "check_ends",
    "check_plot",
    "compare",
    "compare_outputs",
    "drawn_samples",
    "profile",
    "reduce_command",
    "reduce_difference",
    "reduce_finding",
    "reduction_paths",
    "samples_from_pictures",
    "summary_lines",
    "write_plot",
    "write_reduction",
]

"""Which operators an accelerator takes, which fall back to other kernels, and why."""

from edgeseal.tflite.targets._assess import assess
from edgeseal.tflite.targets._rules import Rules, rules_of
from edgeseal.tflite.targets._target_report import (
    Basis,
    Fallback,
    Target,
    TargetEstimate,
    TargetReport,
)

__all__ = [
    "Basis",
    "Fallback",
    "Rules",
    "Target",
    "TargetEstimate",
    "TargetReport",
    "assess",
    "rules_of",
]

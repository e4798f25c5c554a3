"""Which operators an accelerator takes, which fall back to other kernels, and why."""

from edgeseal.targets._assess import assess
from edgeseal.targets._report import Basis, Estimate, Fallback, Target, TargetReport
from edgeseal.targets._rules import Rules, rules_of
from edgeseal.targets._vela import ETHOS_U85_MACS

__all__ = [
    "ETHOS_U85_MACS",
    "Basis",
    "Estimate",
    "Fallback",
    "Rules",
    "Target",
    "TargetReport",
    "assess",
    "rules_of",
]

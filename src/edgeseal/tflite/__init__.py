"""Any ``.tflite`` file: what is in it, what is wrong with it, the same function in fewer bits.

One function for each job, with the arguments of the command line. Each returns a result that says
whether it is good, prints in a few lines and has a form for JSON.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeseal.tflite.verbs._bench import BenchResult, bench
    from edgeseal.tflite.verbs._check import CheckReport, DeviceReport, TargetReports, check
    from edgeseal.tflite.verbs._compare import CompareResult, compare
    from edgeseal.tflite.verbs._inspect import Inspection, inspect
    from edgeseal.tflite.verbs._lean import LeanResult, lean
    from edgeseal.tflite.verbs._profile import Profile, profile
    from edgeseal.tflite.verbs._quantize import QuantizedFile, quantize
    from edgeseal.tflite.verbs._ranges import RangesResult, ranges
    from edgeseal.tflite.verbs._recipes import RecipeList, recipes
    from edgeseal.tflite.verbs._reduce import ReducedFile, reduce
    from edgeseal.tflite.verbs._repair import RepairedFile, repair
    from edgeseal.tflite.verbs._sensitivity import SensitivityResult, sensitivity
    from edgeseal.tflite.verbs._tune import TunedFile, tune

__all__ = [
    "BenchResult",
    "CheckReport",
    "CompareResult",
    "DeviceReport",
    "Inspection",
    "LeanResult",
    "Profile",
    "QuantizedFile",
    "RangesResult",
    "RecipeList",
    "ReducedFile",
    "RepairedFile",
    "SensitivityResult",
    "TargetReports",
    "TunedFile",
    "bench",
    "check",
    "compare",
    "inspect",
    "lean",
    "profile",
    "quantize",
    "ranges",
    "recipes",
    "reduce",
    "repair",
    "sensitivity",
    "tune",
]

_VERBS = {
    "BenchResult": "bench",
    "CheckReport": "check",
    "CompareResult": "compare",
    "DeviceReport": "check",
    "Inspection": "inspect",
    "LeanResult": "lean",
    "Profile": "profile",
    "QuantizedFile": "quantize",
    "RangesResult": "ranges",
    "RecipeList": "recipes",
    "ReducedFile": "reduce",
    "RepairedFile": "repair",
    "SensitivityResult": "sensitivity",
    "TargetReports": "check",
    "TunedFile": "tune",
}


def __getattr__(name: str) -> object:
    """Import a name on first use (PEP 562): no job waits for what another needs."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"edgeseal.tflite.verbs._{_VERBS.get(name, name)}")
    return getattr(module, name)

"""Mends models: the same function, in operators that the runtime takes."""

from edgeseal.tflite.repairs._agreement import OutputAgreement
from edgeseal.tflite.repairs._repair import (
    TIDY,
    Companion,
    OnDevice,
    RepairResult,
    repair,
    repair_file,
)
from edgeseal.tflite.repairs._unmended import Unmended
from edgeseal.tflite.repairs.device._mend_for_device import FOR_DEVICES, Judge
from edgeseal.tflite.repairs.mend._choose_candidate import MEND, Preference
from edgeseal.tflite.repairs.mend._rounding_rest import restore_rest

__all__ = [
    "FOR_DEVICES",
    "MEND",
    "TIDY",
    "Companion",
    "Judge",
    "OnDevice",
    "OutputAgreement",
    "Preference",
    "RepairResult",
    "Unmended",
    "repair",
    "repair_file",
    "restore_rest",
]

"""Mends models: the same function, in operators that the runtime takes."""

from edgeseal.tflite.repairs._agreement import OutputAgreement
from edgeseal.tflite.repairs._repair import TIDY, Companion, RepairResult, repair, repair_file
from edgeseal.tflite.repairs._unmended import Unmended
from edgeseal.tflite.repairs.mend._choose_candidate import MEND, Preference
from edgeseal.tflite.repairs.mend._rounding_rest import restore_rest
from edgeseal.tflite.repairs.rank._rank4 import LOWER_RANK
from edgeseal.tflite.repairs.tidy._broadcasts import REMOVE_BROADCASTS
from edgeseal.tflite.repairs.tidy._cancelled_quantizes import CANCEL_QUANTIZES
from edgeseal.tflite.repairs.tidy._unused import REMOVE_DEAD

__all__ = [
    "CANCEL_QUANTIZES",
    "LOWER_RANK",
    "MEND",
    "REMOVE_BROADCASTS",
    "REMOVE_DEAD",
    "TIDY",
    "Companion",
    "OutputAgreement",
    "Preference",
    "RepairResult",
    "Unmended",
    "repair",
    "repair_file",
    "restore_rest",
]

"""Mends models: the same function, in operators that the runtime takes."""

from edgeseal.tflite.repairs._agreement import OutputAgreement
from edgeseal.tflite.repairs._change import ModelChange, Unmended
from edgeseal.tflite.repairs._repair import Companion, RepairResult, repair, repair_file
from edgeseal.tflite.repairs.mend._candidate import Preference
from edgeseal.tflite.repairs.rank._rank4 import lower_rank
from edgeseal.tflite.repairs.tidy._broadcasts import remove_broadcasts
from edgeseal.tflite.repairs.tidy._cancelled_quantizes import cancel_quantizes
from edgeseal.tflite.repairs.tidy._unused import remove_dead

__all__ = [
    "Companion",
    "ModelChange",
    "OutputAgreement",
    "Preference",
    "RepairResult",
    "Unmended",
    "cancel_quantizes",
    "lower_rank",
    "remove_broadcasts",
    "remove_dead",
    "repair",
    "repair_file",
]

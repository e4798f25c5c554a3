"""Mends models: the same function, in operators that the runtime takes."""

from edgeseal.repair._agreement import Agreement
from edgeseal.repair._broadcast import remove_broadcasts
from edgeseal.repair._cancel import cancel_quantizes
from edgeseal.repair._candidate import Preference
from edgeseal.repair._change import Change, Unmended
from edgeseal.repair._dead import remove_dead
from edgeseal.repair._rank4 import lower_rank
from edgeseal.repair._repair import Companion, Result, repair, repair_file

__all__ = [
    "Agreement",
    "Change",
    "Companion",
    "Preference",
    "Result",
    "Unmended",
    "cancel_quantizes",
    "lower_rank",
    "remove_broadcasts",
    "remove_dead",
    "repair",
    "repair_file",
]

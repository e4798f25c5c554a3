"""What happens to a marked picture on its way: each family of attacks in a file of its own.

The families that upstream's evaluation has are held to it by the tests.
"""

from edgeseal.evaluate.attacks._attack import FAMILIES, Attack, Step, sweep
from edgeseal.evaluate.attacks._family import Family, Picture
from edgeseal.evaluate.attacks._sets import (
    ATTACK_SETS,
    attacks_from_json,
    attacks_to_json,
    find_attacks,
)

__all__ = [
    "ATTACK_SETS",
    "FAMILIES",
    "Attack",
    "Family",
    "Picture",
    "Step",
    "attacks_from_json",
    "attacks_to_json",
    "find_attacks",
    "sweep",
]

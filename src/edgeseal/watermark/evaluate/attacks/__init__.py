"""What happens to a marked picture on its way: families of attacks by kind.

The families that upstream's evaluation has are held to it by the tests.
"""

from edgeseal.watermark.evaluate.attacks._attack import FAMILIES, Attack, AttackStep, sweep
from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture
from edgeseal.watermark.evaluate.attacks._sets import (
    ATTACK_SETS,
    attacks_from_json,
    attacks_to_json,
    find_attacks,
)

__all__ = [
    "ATTACK_SETS",
    "FAMILIES",
    "Attack",
    "AttackFamily",
    "AttackStep",
    "Picture",
    "attacks_from_json",
    "attacks_to_json",
    "find_attacks",
    "sweep",
]

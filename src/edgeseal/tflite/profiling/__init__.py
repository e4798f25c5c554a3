"""Times a file and every operator in it."""

from edgeseal.tflite.profiling._profile import (
    KindTime,
    OperatorTime,
    Placement,
    Profile,
    profile,
)

__all__ = [
    "KindTime",
    "OperatorTime",
    "Placement",
    "Profile",
    "profile",
]

"""How far values are from others: one definition and one name for every report."""

from edgeseal.tflite.metrics._error_sums import (
    ErrorSum,
    TensorError,
    real_values,
    worst,
)
from edgeseal.tflite.metrics._measures import (
    largest_difference,
    nmse,
    nmse_img,
    nsr,
    ratio,
    sign_agreement,
)

__all__ = [
    "ErrorSum",
    "TensorError",
    "largest_difference",
    "nmse",
    "nmse_img",
    "nsr",
    "ratio",
    "real_values",
    "sign_agreement",
    "worst",
]

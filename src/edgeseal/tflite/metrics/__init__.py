"""How far values are from others: one definition for every report."""

from edgeseal.tflite.metrics._error_sums import (
    ErrorSum,
    TensorError,
    real_values,
    worst,
)

__all__ = [
    "ErrorSum",
    "TensorError",
    "real_values",
    "worst",
]

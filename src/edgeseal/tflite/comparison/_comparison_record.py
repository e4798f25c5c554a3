"""A comparison for JSON."""

from __future__ import annotations

from edgeseal.tflite.comparison._compare import ComparedPart, Comparison, OperatorError
from edgeseal.tflite.graph import Operator
from edgeseal.tflite.metrics._error_sums import TensorError

__all__ = ["comparison_record"]


def comparison_record(comparison: Comparison) -> dict[str, object]:
    """Return everything about a comparison."""
    files = {
        "reference": (comparison.reference, comparison.reference_refusal),
        "candidate": (comparison.candidate, comparison.candidate_refusal),
    }
    return {
        **{
            name: {"path": str(path), "refusal": refusal or None}
            for name, (path, refusal) in files.items()
        },
        "device": comparison.device or None,
        "samples": comparison.samples,
        "outputs": [
            {
                "name": output.name,
                **(_error_record(output.error) or {}),
                "nmse_img": output.nmse_img,
                "sign_agreement": output.sign_agreement,
                "parts": [_error_record(part) for part in output.parts],
            }
            for output in comparison.outputs
        ],
        "operators": [_operator_record(found) for found in comparison.operators],
        "missing": [_name_record(operator) for operator in comparison.missing],
    }


def _operator_record(found: OperatorError) -> dict[str, object]:
    return {
        "number": found.number,
        **_name_record(found.operator),
        "module": found.module,
        "matched": found.is_matched,
        "matched_by": None if found.means is None else found.means.value,
        "counterpart": None if found.counterpart is None else _name_record(found.counterpart),
        **{part.value: _error_record(found.part(part)) for part in ComparedPart},
        "failure": found.reading.message or None,
    }


def _name_record(operator: Operator) -> dict[str, object]:
    return {"kind": operator.kind, "outputs": [tensor.name for tensor in operator.outputs]}


def _error_record(error: TensorError | None) -> dict[str, object] | None:
    if error is None:
        return None
    return {
        "nsr": error.nsr,
        "snr_db": error.snr_db,
        "max_abs": error.max_abs,
        "not_finite": error.not_finite,
    }

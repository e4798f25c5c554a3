"""Lets operators state the versions that they need, which more delegates and compilers know."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from edgeseal.tflite.diagnosis import code_of_version
from edgeseal.tflite.graph import Model, Operator
from edgeseal.tflite.rewrites import ModelChange, ModelRewrite, Proof

__all__ = ["STATE_NEEDED_VERSIONS"]


def _change(model: Model) -> Iterator[ModelChange]:
    alike: defaultdict[tuple[str, str, int, int], list[Operator]] = defaultdict(list)
    for operator in model.operators():
        code = code_of_version(operator)
        if code:
            stated = operator.version
            operator.stated = None
            alike[operator.kind, code, stated, operator.version].append(operator)
    for (_, code, stated, needed), operators in alike.items():
        text = f"that stated version {stated} given {needed}, which they need"
        yield ModelChange.of(operators, text, code)


STATE_NEEDED_VERSIONS = ModelRewrite(
    "versions",
    "versions of operators as low as their types and options allow",
    Proof.EXACT,
    _change,
)

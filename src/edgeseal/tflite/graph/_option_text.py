"""An operator's options in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeseal.tflite.graph._model import Operator
from edgeseal.tflite.graph._schema import enum_names

__all__ = ["OptionText", "describe_options"]

_SHOWN = 16  # elements of a list
_LONGEST = 200  # letters of a text

_ENUMS = {
    "algorithm": "RngAlgorithm",
    "combiner": "CombinerType",
    "compareType": "StablehloComparisonType",
    "comparisonDirection": "StablehloComparisonDirection",
    "fusedActivationFunction": "ActivationFunctionType",
    "idxOutType": "TensorType",
    "inDataType": "TensorType",
    "kernelType": "LSTMKernelType",
    "keyDtype": "TensorType",
    "mode": "MirrorPadMode",
    "outDataType": "TensorType",
    "outType": "TensorType",
    "outputType": "TensorType",
    "padding": "Padding",
    "quantizedBiasType": "TensorType",
    "reduceFunction": "ReduceWindowFunction",
    "valueDtype": "TensorType",
    "weightsFormat": "FullyConnectedOptionsWeightsFormat",
}


_SUBGRAPHS = re.compile(r"subgraph|.*Subgraph(Index|Indices)")


@dataclass(frozen=True, slots=True)
class OptionText:
    """One option.

    Attributes:
        name: as the schema spells it, such as ``strideW``.
        text: its value for people: enums by name, long lists cut.
    """

    name: str
    text: str


def describe_options(operator: Operator) -> tuple[OptionText, ...]:
    """Return the options of an operator in the schema's order; custom ones by their size.

    Those that name subgraphs are left out: ``operator.subgraphs`` has them.
    """
    return tuple(_options(operator))


def _options(operator: Operator) -> Iterator[OptionText]:
    fields = {} if operator.options is None else vars(operator.options)
    for name, value in fields.items():
        if not _SUBGRAPHS.fullmatch(name):
            yield OptionText(name, _text(name, value))
    if operator.custom_options is not None:
        yield OptionText("custom options", f"{operator.custom_options.size} bytes")


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        enum = _ENUMS.get(name)
        known = {} if enum is None else enum_names(enum)
        return known.get(int(value), str(value))
    if isinstance(value, float | np.floating):
        return f"{value:.7g}"
    if isinstance(value, bytes | str):
        return _cut(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
    if isinstance(value, list | np.ndarray):
        return _list(value)
    return "none" if value is None else type(value).__name__.removesuffix("T")


def _list(values: Any) -> str:
    if isinstance(values, np.ndarray) and values.dtype == np.uint8:
        return f"{len(values)} bytes"
    shown = ", ".join(_text("", value) for value in values[:_SHOWN])
    more = f", ... {len(values)} in all" if len(values) > _SHOWN else ""
    return f"[{shown}{more}]"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."

"""The schema of ``.tflite`` files, as the installed LiteRT has it.

It ships with the runtime, so it always fits the version in use.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from edgeseal.tflite.graph._flatbuffer import guarded
from edgeseal.tflite.graph._model import Operator, Subgraph
from edgeseal.tflite.graph._tensor import Tensor

__all__ = [
    "OPERATOR_CODES",
    "OPERATOR_NAMES",
    "TYPE_CODES",
    "TYPE_NAMES",
    "enum_names",
    "has_own_options",
    "new_operator",
    "schema",
    "subgraph_fields",
    "union_codes",
]

schema: Any = guarded("ai_edge_litert.schema_py_generated")

# Option tables of operators that do not have their operator's name.
_SHARED_OPTIONS = {
    "Conv3D": ("CONV_3D_TRANSPOSE",),
    "L2Norm": ("L2_NORMALIZATION",),
    "MaximumMinimum": ("MAXIMUM", "MINIMUM"),
    "Pool2D": ("AVERAGE_POOL_2D", "L2_POOL_2D", "MAX_POOL_2D"),
    "Random": ("MULTINOMIAL", "RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM"),
    "Reducer": (
        "MEAN",
        "REDUCE_ALL",
        "REDUCE_ANY",
        "REDUCE_MAX",
        "REDUCE_MIN",
        "REDUCE_PROD",
        "SUM",
    ),
    "SequenceRNN": ("UNIDIRECTIONAL_SEQUENCE_RNN",),
}


def _names(enum: type) -> dict[int, str]:
    # without the underscored attributes that Python adds to classes (3.13: __firstlineno__)
    return {
        value: name
        for name, value in vars(enum).items()
        if isinstance(value, int) and not name.startswith("_")
    }


@functools.cache
def enum_names(enum: str) -> dict[int, str]:
    """Return the names of the values of one of the schema's enums, such as ``Padding``."""
    return _names(getattr(schema, enum))


@functools.cache
def union_codes(union: str) -> dict[str, int]:
    """Return the code of each table that a union of the schema may hold, by its class name."""
    return {f"{name}T": code for code, name in enum_names(union).items() if name != "NONE"}


OPERATOR_NAMES = enum_names("BuiltinOperator")
TYPE_NAMES = enum_names("TensorType")
OPERATOR_CODES = {name: code for code, name in OPERATOR_NAMES.items()}
TYPE_CODES = {name: code for code, name in TYPE_NAMES.items()}


def new_operator(
    kind: str,
    inputs: list[Tensor | None],
    outputs: list[Tensor],
    *,
    subgraphs: Iterable[Subgraph] = (),
    **options: object,
) -> Operator:
    """Build an operator.

    Args:
        kind: the schema's name, such as ``DEQUANTIZE``.
        inputs: operands, None for an absent optional one.
        outputs: results.
        subgraphs: functions that it calls, in the order that :class:`Operator` gives.
        options: fields of the schema's option table of this operator, by the schema's names.

    Raises:
        ValueError: operators of this kind have no options, or call no functions.
        AttributeError: the option table lacks a field.
    """
    called = list(subgraphs)
    table = _option_table(kind) if options or called else None
    for field, value in options.items():
        if not hasattr(table, field):
            raise AttributeError(f"{type(table).__name__} has no field {field}")
        setattr(table, field, value)
    if called and not subgraph_fields(table):
        raise ValueError(f"operators {kind} call no functions")
    return Operator(kind, inputs, outputs, options=table, subgraphs=called)


def _option_table(kind: str) -> Any:
    """Return an empty option table of a kind of operator."""
    name = _option_names().get(kind.replace("_", "").lower())
    if name is None:
        raise ValueError(f"operators {kind} have no options")
    return getattr(schema, name)()


def has_own_options(operator: Operator) -> bool:
    """Whether options are those of the operator's kind, or none; others are damage."""
    own = _option_names().get(operator.kind.replace("_", "").lower())
    if operator.options is None or operator.is_custom or own is None:
        return True
    return type(operator.options).__name__ == own


@functools.cache
def _option_names() -> dict[str, str]:
    """Return the class of the option table by the kind, in lower case without underscores."""
    classes = [*union_codes("BuiltinOptions"), *union_codes("BuiltinOptions2")]
    found = {name.removesuffix("OptionsT").lower(): name for name in classes}
    for table, kinds in _SHARED_OPTIONS.items():
        found |= {kind.replace("_", "").lower(): f"{table}OptionsT" for kind in kinds}
    return found


def subgraph_fields(options: Any) -> tuple[str, ...]:
    """Return the fields of an option table that refer to subgraphs, in the schema's order."""
    return () if options is None else _subgraph_fields(type(options).__name__)


@functools.cache
def _subgraph_fields(name: str) -> tuple[str, ...]:
    endings = ("subgraph", "subgraphindex", "subgraphindices")
    fields = vars(getattr(schema, name)())
    return tuple(field for field in fields if field.lower().endswith(endings))

"""Writing of one subgraph: tensors and operators become records with indices."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import ModelError
from edgeseal.tflite.graph._model import Operator, OperatorCode, Subgraph
from edgeseal.tflite.graph._schema import TYPE_CODES, schema, subgraph_fields, union_codes
from edgeseal.tflite.graph._tensor import Blockwise, Buffer, Quantization, Tensor

__all__ = ["Places", "encoded", "subgraph_record"]

_ABSENT = -1


@dataclass(frozen=True, slots=True)
class Places:
    """The indices that a file gives to things.

    Attributes:
        codes: of operator codes.
        subgraphs: of subgraphs.
        tensors: of tensors, for each subgraph.
        buffer: returns the index of a buffer, 0 for none.
    """

    codes: dict[OperatorCode, int]
    subgraphs: dict[Subgraph, int]
    tensors: list[dict[Tensor, int]]
    buffer: Callable[[Buffer | None], int]

    def subgraph(self, subgraph: Subgraph, user: str) -> int:
        """Return the index of a subgraph that ``user`` refers to."""
        if subgraph not in self.subgraphs:
            raise ModelError(
                f"{user} refers to the subgraph {subgraph.name!r}, which is not in the model; "
                "add it to the model's subgraphs"
            )
        return self.subgraphs[subgraph]

    def tensor(self, tensor: Tensor, subgraph: int, user: str) -> int:
        """Return the index of a tensor of a subgraph that ``user`` refers to."""
        if tensor not in self.tensors[subgraph]:
            raise ModelError(
                f"{user} refers to {tensor!r}, which is not in subgraph {subgraph}; name a tensor "
                "that the subgraph has"
            )
        return self.tensors[subgraph][tensor]


def subgraph_record(subgraph: Subgraph, places: Places) -> Any:
    """Return the generated record of a subgraph."""
    tensors = places.tensors[places.subgraphs[subgraph]]
    record = copy.copy(subgraph.raw) or schema.SubGraphT()
    record.name = encoded(subgraph.name, record.name)
    record.tensors = [_tensor(tensor, tensors, places) for tensor in tensors]
    record.inputs = _indices(subgraph.inputs, tensors)
    record.outputs = _indices(subgraph.outputs, tensors)
    record.operators = [_operator(operator, tensors, places) for operator in subgraph.operators]
    return record


def encoded(text: str, original: bytes | None = None) -> bytes | None:
    """Return a text as a file has it; None if it is empty and was absent before."""
    return text.encode("utf-8", "surrogateescape") if text or original is not None else None


def _tensor(tensor: Tensor, tensors: dict[Tensor, int], places: Places) -> Any:
    record = copy.copy(tensor.raw) or schema.TensorT(hasRank=True)
    record.name = encoded(tensor.name, record.name)
    if tensor.shape or record.shape is not None:
        record.shape = np.asarray(tensor.shape, np.int32)
    record.type = TYPE_CODES[tensor.dtype]
    record.buffer = places.buffer(tensor.buffer)
    record.externalBuffer = 0 if tensor.external is None else tensor.external.id
    record.quantization = _quantization(tensor, tensors)
    return record


def _quantization(tensor: Tensor, tensors: dict[Tensor, int]) -> Any:
    record = _affine(tensor.quantization) if tensor.quantization else _without_scale(tensor)
    if tensor.blockwise is not None:
        record = record or schema.QuantizationParametersT()
        record.details = _details(tensor.blockwise, tensors)
        record.detailsType = union_codes("QuantizationDetails")[type(record.details).__name__]
    elif hasattr(getattr(record, "details", None), "scales"):  # it was blockwise
        record.details, record.detailsType = None, 0
    return record


def _affine(quantization: Quantization) -> Any:
    record = copy.copy(quantization.raw) or schema.QuantizationParametersT()
    record.scale = np.asarray(quantization.scale, np.float32)
    zero_point = np.asarray(quantization.zero_point, np.int64)
    if quantization.raw is None or record.zeroPoint is not None or zero_point.any():
        record.zeroPoint = zero_point
    record.quantizedDimension = quantization.axis
    return record


def _without_scale(tensor: Tensor) -> Any:
    """Return a file's record that has no scale: there may be min and max, or details."""
    record = None if tensor.raw is None else copy.copy(tensor.raw.quantization)
    return None if record is None or (record.scale is not None and len(record.scale)) else record


def _details(blockwise: Blockwise, tensors: dict[Tensor, int]) -> Any:
    record = copy.copy(blockwise.raw) or schema.BlockwiseQuantizationT()
    zero_points = blockwise.zero_points
    record.scales = tensors[blockwise.scales]
    record.zeroPoints = _ABSENT if zero_points is None else tensors[zero_points]
    record.blockSize = blockwise.block_size
    return record


def _operator(operator: Operator, tensors: dict[Tensor, int], places: Places) -> Any:
    record = copy.copy(operator.raw) or schema.OperatorT()
    record.opcodeIndex = places.codes[operator.code]
    record.inputs = _indices(operator.inputs, tensors)
    record.outputs = _indices(operator.outputs, tensors)
    if operator.intermediates:
        record.intermediates = _indices(operator.intermediates, tensors)
    _set_options(record, operator, places)
    record.customOptions = operator.custom_options
    record.largeCustomOptionsOffset = record.largeCustomOptionsSize = 0
    return record


def _indices(tensors: Sequence[Tensor | None], places: dict[Tensor, int]) -> NDArray[np.int32]:
    indices = [_ABSENT if tensor is None else places[tensor] for tensor in tensors]
    return np.asarray(indices, np.int32)


def _set_options(record: Any, operator: Operator, places: Places) -> None:
    record.builtinOptions = record.builtinOptions2 = None
    record.builtinOptionsType = record.builtinOptions2Type = 0
    if operator.options is None:
        return
    options = operator.options if not operator.subgraphs else _calling(operator, places)
    name = type(options).__name__
    if name in union_codes("BuiltinOptions"):
        record.builtinOptions = options
        record.builtinOptionsType = union_codes("BuiltinOptions")[name]
    else:
        record.builtinOptions2 = options
        record.builtinOptions2Type = union_codes("BuiltinOptions2")[name]


def _calling(operator: Operator, places: Places) -> Any:
    """Return an operator's options with the indices of the subgraphs that it calls."""
    options = copy.copy(operator.options)
    indices = [places.subgraph(subgraph, repr(operator)) for subgraph in operator.subgraphs]
    fields = subgraph_fields(options)
    if fields and not isinstance(getattr(type(options)(), fields[0]), int):  # one list of them
        setattr(options, fields[0], np.asarray(indices, np.int32))
        return options
    if len(fields) != len(indices):
        raise ModelError(
            f"{operator!r} calls {len(indices)} subgraphs, and its options have room for "
            f"{len(fields)}"
        )
    for field, index in zip(fields, indices, strict=True):
        setattr(options, field, index)
    return options

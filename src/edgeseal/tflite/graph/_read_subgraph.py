"""Reading of one subgraph: tensors and operators that refer to each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import ModelError
from edgeseal.tflite.graph._flatbuffer import FileSource, damaged
from edgeseal.tflite.graph._model import Operator, OperatorCode, Subgraph
from edgeseal.tflite.graph._schema import TYPE_NAMES, enum_names, subgraph_fields
from edgeseal.tflite.graph._tensor import Blockwise, Buffer, ExternalBuffer, Quantization, Tensor

__all__ = ["Pool", "Pools", "data_outside", "fill_subgraph", "text", "unknown"]

_HIGHEST_RANK = 64  # the runtime's kernels end at 8
_INSIDE = 1  # offsets up to here do not lead behind the flatbuffer
_ABSENT = -1

_Item = TypeVar("_Item")


class Pool(Generic[_Item]):
    """Things of a file that others refer to by index."""

    def __init__(self, what: str, items: Iterable[_Item]) -> None:
        """Hold the items in the file's order; ``what`` is the word for one."""
        self.items = list(items)
        self._what = what
        self._used: set[int] = set()

    def pick(self, index: int, user: str) -> _Item:
        """Return an item; raises if there is none of that index."""
        if not 0 <= index < len(self.items):
            count = len(self.items)
            raise damaged(f"{user} refers to {self._what} {index}, and there are {count}")
        self._used.add(index)
        return self.items[index]

    def pick_all(self, indices: NDArray[Any] | None, user: str) -> list[_Item]:
        """Return several items."""
        return [self.pick(index, user) for index in _ints(indices)]

    def unused(self) -> list[_Item]:
        """Return the items that nobody picked, each once."""
        picked = {self.items[index] for index in self._used}
        return [item for item in dict.fromkeys(self.items) if item not in picked]


@dataclass(frozen=True, slots=True)
class Pools:
    """What the subgraphs of a file share."""

    source: FileSource
    buffers: Pool[Buffer | None]
    codes: Pool[OperatorCode]
    subgraphs: Pool[Subgraph]
    external: dict[int, ExternalBuffer]


def fill_subgraph(subgraph: Subgraph, record: Any, pools: Pools, where: str) -> Pool[Tensor]:
    """Fill an empty subgraph and return its tensors in the file's order.

    Args:
        subgraph: which operators of any subgraph may refer to already.
        record: the generated record of the file.
        pools: what it refers to.
        where: how errors call it.
    """
    reader = _SubgraphReader(record, pools, where)
    tensors = reader.tensors
    subgraph.name = text(record.name)
    subgraph.inputs = tensors.pick_all(record.inputs, where)
    subgraph.outputs = tensors.pick_all(record.outputs, where)
    subgraph.operators = reader.operators()
    subgraph.tensor_order = tensors.items
    mentioned = set(subgraph.tensors())
    subgraph.extra_tensors = [tensor for tensor in tensors.items if tensor not in mentioned]
    subgraph.raw = record
    record.tensors = record.inputs = record.outputs = record.operators = None
    return tensors


class _SubgraphReader:
    """Makes the tensors and operators of a subgraph."""

    def __init__(self, record: Any, pools: Pools, where: str) -> None:
        self._pools = pools
        self._where = where
        self._operators = record.operators or []
        records = record.tensors or []
        self.tensors = Pool("tensor", map(self._tensor, records, range(len(records))))
        for index, table in enumerate(records):
            self._add_blockwise(self.tensors.items[index], table.quantization, index)

    def operators(self) -> list[Operator]:
        return [self._operator(table, index) for index, table in enumerate(self._operators)]

    def _tensor(self, record: Any, index: int) -> Tensor:
        user = f"tensor {index} of {self._where}"
        if record.type not in TYPE_NAMES:
            raise unknown(f"a tensor of type {record.type}")
        return Tensor(
            name=text(record.name),
            shape=_shape(record, user),
            dtype=TYPE_NAMES[record.type],
            buffer=self._pools.buffers.pick(record.buffer, user),
            quantization=_quantization(record.quantization),
            raw=_checked_sparsity(record),
            external=self._external(record, user),
        )

    def _external(self, record: Any, user: str) -> ExternalBuffer | None:
        number = record.externalBuffer
        if number and number not in self._pools.external:
            raise damaged(f"{user} refers to an external buffer {number}, which there is not")
        return self._pools.external.get(number)

    def _add_blockwise(self, tensor: Tensor, record: Any, index: int) -> None:
        details: Any = None if record is None else record.details
        if not hasattr(details, "scales"):  # as blockwise details have, and their successors
            return
        user = f"the quantization of tensor {index} of {self._where}"
        zero_points = details.zeroPoints
        tensor.blockwise = Blockwise(
            scales=self.tensors.pick(details.scales, user),
            zero_points=None if zero_points == _ABSENT else self.tensors.pick(zero_points, user),
            block_size=details.blockSize,
            raw=details,
        )

    def _operator(self, record: Any, index: int) -> Operator:
        user = f"operator {index} of {self._where}"
        code = self._pools.codes.pick(record.opcodeIndex, user)
        options = _options(record)
        operator = Operator(
            kind=code.kind,
            inputs=[
                None if place == _ABSENT else self.tensors.pick(place, user)
                for place in _ints(record.inputs)
            ],
            outputs=self.tensors.pick_all(record.outputs, user),
            is_custom=code.is_custom,
            options=options,
            intermediates=self.tensors.pick_all(record.intermediates, user),
            raw=record,
            subgraphs=[self._pools.subgraphs.pick(place, user) for place in _called(options)],
            custom_options=self._custom_options(record),
        )
        operator.state_version(code.version)
        record.inputs = record.outputs = record.intermediates = record.customOptions = None
        record.builtinOptions = record.builtinOptions2 = None
        return operator

    def _custom_options(self, record: Any) -> NDArray[np.uint8] | None:
        if record.customOptions is not None:
            return np.asarray(record.customOptions, np.uint8)
        offset, size = record.largeCustomOptionsOffset, record.largeCustomOptionsSize
        return data_outside(self._pools.source, offset, size)


def data_outside(source: FileSource, offset: int, size_bytes: int) -> NDArray[np.uint8] | None:
    """Return data that is kept behind the flatbuffer; None where there is none."""
    if offset <= _INSIDE:
        return None
    return np.frombuffer(source.take(offset, size_bytes), np.uint8)


def text(raw: bytes | None) -> str:
    """Return a text of the file; what is no UTF-8 survives being written again."""
    return "" if raw is None else raw.decode("utf-8", "surrogateescape")


def unknown(what: str) -> ModelError:
    """Return the error for a file that is newer than the installed LiteRT."""
    return ModelError(
        f"has {what}, which the installed LiteRT does not know; install a newer ai-edge-litert"
    )


def _ints(values: NDArray[Any] | None) -> list[int]:
    return [] if values is None else values.tolist()


def _shape(record: Any, user: str) -> tuple[int, ...]:
    shape = tuple(_ints(record.shape))
    for sizes in (shape, _ints(record.shapeSignature)):
        if len(sizes) > _HIGHEST_RANK:
            raise damaged(f"{user} has {len(sizes)} dimensions")
        if min(sizes, default=0) < _ABSENT:
            raise damaged(f"{user} has a dimension of size {min(sizes)}")
    return shape


def _quantization(record: Any) -> Quantization | None:
    if record is None:
        return None
    _known(record.detailsType, "QuantizationDetails", "quantization details")
    if record.scale is None or len(record.scale) == 0:
        return None
    zero_point = np.zeros(1, np.int64) if record.zeroPoint is None else record.zeroPoint
    return Quantization(record.scale, zero_point, axis=record.quantizedDimension, raw=record)


def _checked_sparsity(record: Any) -> Any:
    """Return a tensor's record, unless its sparsity has parts that would be lost."""
    for dimension in () if record.sparsity is None else record.sparsity.dimMetadata or ():
        for code in (dimension.arraySegmentsType, dimension.arrayIndicesType):
            _known(code, "SparseIndexVector", "sparse indices")
    return record


def _options(record: Any) -> Any:
    _known(record.builtinOptionsType, "BuiltinOptions", "operator options")
    _known(record.builtinOptions2Type, "BuiltinOptions2", "operator options")
    return record.builtinOptions if record.builtinOptions is not None else record.builtinOptions2


def _known(code: int, union: str, what: str) -> None:
    if code not in enum_names(union):
        raise unknown(f"{what} of type {code}")


def _called(options: Any) -> list[int]:
    """Return the indices of the subgraphs that options refer to."""
    indices: list[int] = []
    for field in subgraph_fields(options):
        value = getattr(options, field)
        indices += [value] if isinstance(value, int) else _ints(value)
    return indices

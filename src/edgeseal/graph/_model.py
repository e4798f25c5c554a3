"""A ``.tflite`` model as objects that refer to each other.

Indices exist only in the file: :mod:`edgeseal.graph._schema` resolves them while reading and
hands them out while writing. A pass therefore adds, removes and rewires objects without any
renumbering.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Buffer", "Model", "Operator", "Quantization", "Signature", "Subgraph", "Tensor"]


@dataclass(eq=False, slots=True)
class Buffer:
    """Constant data, possibly shared by several tensors.

    Attributes:
        data: uint8 [size_bytes], a view into the file as long as nobody replaces it.
    """

    data: NDArray[np.uint8]

    @classmethod
    def of(cls, array: NDArray[Any]) -> Buffer:
        """Return a buffer with the bytes of ``array`` in C order."""
        flat = np.ascontiguousarray(array).reshape(-1)
        return cls(flat.view(np.uint8))


@dataclass(eq=False, slots=True)
class Quantization:
    """Affine quantization: real = scale * (stored - zero_point).

    Attributes:
        scale: float32 [1] or [channels].
        zero_point: int64 [1] or [channels].
        axis: the quantized dimension where there is a scale per channel.
        raw: the file's own record, for the fields that are not modelled here (min, max,
            blockwise details); written back as it is.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int = 0
    raw: Any = None


@dataclass(eq=False, slots=True)
class Tensor:
    """A value in a subgraph.

    Attributes:
        name: unique in files that converters write, but not by rule.
        shape: static shape; empty for scalars.
        dtype: the schema's name, such as ``FLOAT32`` or ``INT8``.
        buffer: the constant data, or None for a value computed at run time.
        quantization: affine parameters, or None.
        raw: the file's own record, for the fields that are not modelled here (sparsity, shape
            signature, variants, variables); written back as it is.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    buffer: Buffer | None = None
    quantization: Quantization | None = None
    raw: Any = None

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes of constant data; 0 for a value computed at run time."""
        return 0 if self.buffer is None else self.buffer.data.size

    @property
    def is_sparse(self) -> bool:
        """Whether the constant data is stored compressed, without its zeros."""
        return self.raw is not None and self.raw.sparsity is not None

    def __repr__(self) -> str:
        return f"Tensor({self.name!r}, {self.dtype}{list(self.shape)})"


@dataclass(eq=False, slots=True)
class Operator:
    """One node.

    Attributes:
        kind: the schema's operator name, such as ``FULLY_CONNECTED``, or the custom code.
        inputs: operands; None where an optional one is absent.
        outputs: results.
        intermediates: values inside the operator that carry quantization, as LSTM has.
        version: version of the operator's contract.
        is_custom: whether ``kind`` is a custom code.
        options: the schema's option table of this operator, as the generated object class; its
            attributes have the schema's names. None where the operator has no options.
        raw: the file's own record of everything else (custom options).
    """

    kind: str
    inputs: list[Tensor | None]
    outputs: list[Tensor]
    version: int = 1
    is_custom: bool = False
    options: Any = None
    intermediates: list[Tensor] = field(default_factory=list)
    raw: Any = None

    def __repr__(self) -> str:
        return f"Operator({self.kind} -> {', '.join(t.name for t in self.outputs)})"


@dataclass(eq=False, slots=True)
class Subgraph:
    """A function: inputs, outputs, and operators in execution order."""

    name: str
    inputs: list[Tensor]
    outputs: list[Tensor]
    operators: list[Operator]
    raw: Any = None
    extra_tensors: list[Tensor] = field(default_factory=list)

    def tensors(self) -> list[Tensor]:
        """Return every tensor once: inputs, operands and results, outputs, then unused ones."""
        found: dict[int, Tensor] = {}
        for tensor in self._mentions():
            found.setdefault(id(tensor), tensor)
        return list(found.values())

    def insert_before(self, anchor: Operator, *operators: Operator) -> None:
        """Insert operators, in their order, right before ``anchor``."""
        self._insert(self._position(anchor), operators)

    def insert_after(self, anchor: Operator, *operators: Operator) -> None:
        """Insert operators, in their order, right after ``anchor``."""
        self._insert(self._position(anchor) + 1, operators)

    def _position(self, operator: Operator) -> int:
        for position, candidate in enumerate(self.operators):
            if candidate is operator:
                return position
        raise ValueError(f"{operator!r} is not in the subgraph {self.name!r}")

    def _insert(self, position: int, operators: tuple[Operator, ...]) -> None:
        self.operators[position:position] = operators

    def _mentions(self) -> Iterator[Tensor]:
        yield from self.inputs
        for operator in self.operators:
            yield from (tensor for tensor in operator.inputs if tensor is not None)
            yield from operator.outputs
            yield from operator.intermediates
        yield from self.outputs
        yield from self.extra_tensors


@dataclass(eq=False, slots=True)
class Signature:
    """A named entry point: names of the inputs and outputs of a subgraph."""

    key: str
    subgraph: Subgraph
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


@dataclass(eq=False, slots=True)
class Model:
    """A whole ``.tflite`` file.

    Attributes:
        subgraphs: the first is the main one.
        signatures: named entry points.
        metadata: named blobs, such as the runtime version a converter notes.
        description: free text.
        version: schema version, 3 for every file of this format.
    """

    subgraphs: list[Subgraph]
    signatures: list[Signature] = field(default_factory=list)
    metadata: dict[str, bytes] = field(default_factory=dict)
    description: str = ""
    version: int = 3

    @property
    def main(self) -> Subgraph:
        """The first subgraph."""
        return self.subgraphs[0]

    def operators(self) -> Iterator[Operator]:
        """Iterate over the operators of every subgraph."""
        for subgraph in self.subgraphs:
            yield from subgraph.operators

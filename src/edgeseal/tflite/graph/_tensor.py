"""Values of a graph: tensors, their constant data and their quantization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Blockwise", "Buffer", "ExternalBuffer", "Quantization", "Tensor"]


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


@dataclass(frozen=True, eq=False, slots=True)
class ExternalBuffer:
    """Constant data in another file, which is neither read nor written here.

    Attributes:
        id: the number under which the model's tensors and outside tools know it.
        group: name of the file.
        offset: of the data in that file.
        size_bytes: of the data.
        packing: how values narrower than a byte are stored; empty if nothing is said.
    """

    id: int
    group: str
    offset: int
    size_bytes: int
    packing: str = ""


@dataclass(eq=False, slots=True)
class Quantization:
    """Affine quantization: real = scale * (stored - zero_point).

    Attributes:
        scale: float32 [1] or [channels].
        zero_point: int64 [1] or [channels].
        axis: the quantized dimension where there is a scale per channel.
        raw: the file's own record, for the fields that are not modelled here (min, max);
            written back as it is.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int = 0
    raw: Any = None


@dataclass(eq=False, slots=True)
class Blockwise:
    """Quantization with a scale for every block of values along the last dimension.

    Attributes:
        scales: constant tensor of the same subgraph.
        zero_points: constant tensor of the same subgraph; None where all are 0.
        block_size: values that share a scale.
        raw: the file's own record of everything else; written back as it is.
    """

    scales: Tensor
    zero_points: Tensor | None
    block_size: int
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
        blockwise: blockwise parameters, or None.
        external: where the constant data is if another file holds it, else None.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    buffer: Buffer | None = None
    quantization: Quantization | None = None
    raw: Any = None
    blockwise: Blockwise | None = None
    external: ExternalBuffer | None = None

    @property
    def rank(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes of constant data; 0 for a value computed at run time."""
        return 0 if self.buffer is None else self.buffer.data.size

    @property
    def is_constant(self) -> bool:
        """Whether the file holds the values."""
        return self.buffer is not None

    @property
    def is_external(self) -> bool:
        """Whether the values are constant, but in another file."""
        return self.external is not None

    @property
    def is_dynamic(self) -> bool:
        """Whether a dimension may change at run time."""
        signature = None if self.raw is None else self.raw.shapeSignature
        return any(size < 0 for size in self.shape) or (
            signature is not None and any(int(size) < 0 for size in signature)
        )

    def fits(self, other: Tensor) -> bool:
        """Whether both can hold values of one shape."""
        if self.is_dynamic or other.is_dynamic:
            return self.rank == other.rank
        return self.shape == other.shape

    @property
    def is_variable(self) -> bool:
        """Whether it is state that the runtime keeps between runs, as recurrent layers have."""
        return self.raw is not None and bool(self.raw.isVariable)

    @property
    def is_sparse(self) -> bool:
        """Whether the constant data is stored compressed, without its zeros."""
        return self.raw is not None and self.raw.sparsity is not None

    def __repr__(self) -> str:
        return f"Tensor({self.name!r}, {self.dtype}{list(self.shape)})"

"""What is in a model, counted and listed."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edgeseal.tflite.graph._model import Model, Operator, Signature, Subgraph
from edgeseal.tflite.graph._tensor import Tensor

__all__ = [
    "ModelSummary",
    "OperatorCount",
    "OperatorSummary",
    "SignatureSummary",
    "TensorSummary",
    "TypeSummary",
    "summarize",
]

_MIN_RUNTIME = "min_runtime_version"


@dataclass(frozen=True, slots=True)
class TensorSummary:
    """A tensor as seen from an operator or a signature.

    Attributes:
        name: its name in the graph, or in the signature.
        dtype: such as ``FLOAT32``.
        shape: empty for scalars.
        is_constant: whether its data is in the file.
        channels: number of quantization scales; 0 if it is not quantized.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    is_constant: bool
    channels: int

    def __str__(self) -> str:
        return f"{self.name} {self.kind}"

    @property
    def kind(self) -> str:
        """Type and shape."""
        return f"{self.dtype} {list(self.shape)}"


@dataclass(frozen=True, slots=True)
class SignatureSummary:
    """An entry point.

    Attributes:
        key: its name; None for a subgraph that the file gives no signature.
        inputs: what it takes.
        outputs: what it returns.
    """

    key: str | None
    inputs: tuple[TensorSummary, ...]
    outputs: tuple[TensorSummary, ...]


@dataclass(frozen=True, slots=True)
class OperatorSummary:
    """One operator.

    Attributes:
        subgraph: place of its subgraph in the file.
        index: its place in execution order.
        kind: such as ``FULLY_CONNECTED``.
        version: of its contract.
        inputs: operands; None for an optional one that is absent.
        outputs: results.
    """

    subgraph: int
    index: int
    kind: str
    version: int
    inputs: tuple[TensorSummary | None, ...]
    outputs: tuple[TensorSummary, ...]


@dataclass(frozen=True, slots=True)
class OperatorCount:
    """All operators of a kind; ``version`` is the highest of their contracts."""

    kind: str
    count: int
    version: int
    is_custom: bool


@dataclass(frozen=True, slots=True)
class TypeSummary:
    """All tensors of a type; constants that share their data count its bytes once."""

    dtype: str
    tensors: int
    constants: int
    constant_bytes: int


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A model in numbers.

    Attributes:
        version: of the file's schema.
        min_runtime_version: as the converter noted it; None if it did not.
        description: the converter's own text.
        metadata: names of the blobs in the file.
        subgraphs: number of subgraphs.
        signatures: entry points; the main subgraph where the file names none.
        kinds: operators by kind, the most frequent first.
        types: tensors by type, those with the most constant data first.
        highest_rank: of any tensor; 0 if there is none.
        broadcast_to: number of BROADCAST_TO, which accelerators do not take.
        operators: all of them, in execution order.
    """

    version: int
    min_runtime_version: str | None
    description: str
    metadata: tuple[str, ...]
    subgraphs: int
    signatures: tuple[SignatureSummary, ...]
    kinds: tuple[OperatorCount, ...]
    types: tuple[TypeSummary, ...]
    highest_rank: int
    broadcast_to: int
    operators: tuple[OperatorSummary, ...]


def summarize(model: Model) -> ModelSummary:
    """Count and list what is in a model; it is not changed."""
    tensors = [tensor for subgraph in model.subgraphs for tensor in subgraph.tensors()]
    kinds = _count_kinds(model.operators())
    return ModelSummary(
        version=model.version,
        min_runtime_version=_min_runtime_version(model),
        description=model.description,
        metadata=tuple(sorted(model.metadata)),
        subgraphs=len(model.subgraphs),
        signatures=tuple(_signatures(model)),
        kinds=kinds,
        types=_count_types(tensors),
        highest_rank=max((tensor.rank for tensor in tensors), default=0),
        broadcast_to=sum(kind.count for kind in kinds if kind.kind == "BROADCAST_TO"),
        operators=tuple(_operators(model.subgraphs)),
    )


def _min_runtime_version(model: Model) -> str | None:
    """Return the note of a converter: digits and dots, filled up with zero bytes."""
    match = re.match(rb"[0-9][0-9A-Za-z.+-]*", model.metadata.get(_MIN_RUNTIME, b""))
    return None if match is None else match[0].decode()


def _signatures(model: Model) -> Iterator[SignatureSummary]:
    for signature in model.signatures:
        yield _signature(signature)
    if not model.signatures:
        main = model.main
        sides = [tuple(_tensor(tensor) for tensor in side) for side in (main.inputs, main.outputs)]
        yield SignatureSummary(None, *sides)


def _signature(signature: Signature) -> SignatureSummary:
    sides = [
        tuple(_tensor(tensor, name) for name, tensor in side.items())
        for side in (signature.inputs, signature.outputs)
    ]
    return SignatureSummary(signature.key, *sides)


def _tensor(tensor: Tensor, name: str | None = None) -> TensorSummary:
    return TensorSummary(
        name=tensor.name if name is None else name,
        dtype=tensor.dtype,
        shape=tensor.shape,
        is_constant=tensor.buffer is not None,
        channels=0 if tensor.quantization is None else len(tensor.quantization.scale),
    )


def _operators(subgraphs: list[Subgraph]) -> Iterator[OperatorSummary]:
    for place, subgraph in enumerate(subgraphs):
        for index, operator in enumerate(subgraph.operators):
            yield OperatorSummary(
                subgraph=place,
                index=index,
                kind=operator.kind,
                version=operator.version,
                inputs=tuple(None if t is None else _tensor(t) for t in operator.inputs),
                outputs=tuple(_tensor(tensor) for tensor in operator.outputs),
            )


def _count_kinds(operators: Iterable[Operator]) -> tuple[OperatorCount, ...]:
    counts: Counter[tuple[str, bool]] = Counter()
    versions: defaultdict[tuple[str, bool], int] = defaultdict(int)
    for operator in operators:
        key = operator.kind, operator.is_custom
        counts[key] += 1
        versions[key] = max(versions[key], operator.version)
    ordered = sorted(counts, key=lambda key: (-counts[key], key))
    return tuple(OperatorCount(key[0], counts[key], versions[key], key[1]) for key in ordered)


def _count_types(tensors: list[Tensor]) -> tuple[TypeSummary, ...]:
    every = Counter(tensor.dtype for tensor in tensors)
    constants = Counter(tensor.dtype for tensor in tensors if tensor.buffer is not None)
    sizes: Counter[str] = Counter()
    seen: set[int] = set()
    for tensor in tensors:
        if tensor.buffer is not None and id(tensor.buffer) not in seen:
            seen.add(id(tensor.buffer))
            sizes[tensor.dtype] += tensor.size_bytes
    ordered = sorted(every, key=lambda dtype: (-sizes[dtype], dtype))
    return tuple(TypeSummary(t, every[t], constants[t], sizes[t]) for t in ordered)

"""Ways to damage a ``.tflite`` file: its bytes, and the graph in it.

Every mutation is a function of the file and a seeded generator, so that two numbers bring it back.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import EdgesealError
from edgeseal.tflite.graph import Buffer, Model, Operator, Tensor, read_model, serialize

__all__ = ["BYTES", "GRAPH", "Source", "mutate"]

_WORDS = (0, 1, 2, 4, 16, 255, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1)
_SIZES = (0, 1, 2, 3, 7, 255, 65536, 2**31 - 1, -1, -(2**31))
_SCALES = (0.0, -1.0, float("nan"), float("inf"), 1e-38, 1e38)
_TYPES = """
FLOAT32 FLOAT16 INT8 UINT8 INT16 INT32 INT64 BOOL STRING INT4 RESOURCE VARIANT COMPLEX64
"""
_KINDS = """
ADD CONV_2D FULLY_CONNECTED RESHAPE WHILE IF CALL_ONCE LSTM GATHER SPLIT CONCATENATION STRIDED_SLICE
VAR_HANDLE TRANSPOSE_CONV HASHTABLE UNIDIRECTIONAL_SEQUENCE_LSTM BATCH_MATMUL SOFTMAX PAD TOPK_V2
STABLEHLO_COMPOSITE
"""
_LARGE_CONSTANT = 64  # bytes; what is smaller counts as structure

Generator = np.random.Generator


class Source:
    """A sound file, and where its structure is."""

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            EdgesealError: it is not sound.
        """
        self.path = path
        self.data = path.read_bytes()
        self.model: Callable[[], Model] = lambda: read_model(path)
        self.words = _structure(self.data, self.model())


def mutate(source: Source, generator: Generator) -> tuple[str, bytes] | None:
    """Return a mutation's name and the damaged file; None if that cannot be written."""
    if generator.random() < 0.6:
        change = BYTES[generator.integers(len(BYTES))]
        data = bytearray(source.data)
        change(data, source.words, generator)
        return change.__name__, bytes(data)
    changes = [GRAPH[generator.integers(len(GRAPH))] for _ in range(generator.choice([1, 1, 3]))]
    model = source.model()
    try:
        for each in changes:
            each(model, generator)
        return "+".join(each.__name__ for each in changes), serialize(model)
    except (EdgesealError, ValueError, TypeError, OverflowError, struct.error, AttributeError):
        return None  # no file says such a thing


def _structure(data: bytes, model: Model) -> NDArray[np.int64]:
    """Return the offsets of the aligned words that are not in large constants."""
    is_free = np.ones(len(data) // 4, bool)
    for tensor in _tensors(model):
        if tensor.buffer is not None and tensor.size_bytes > _LARGE_CONSTANT:
            start = data.find(tensor.buffer.data.tobytes())
            if start >= 0:
                is_free[start // 4 : (start + tensor.size_bytes) // 4] = False
    return 4 * np.flatnonzero(is_free)


# ---------------------------------------------------------------------------------- bytes


def flip_bytes(data: bytearray, words: NDArray[np.int64], generator: Generator) -> None:
    for place in generator.integers(0, len(data), generator.choice([1, 4, 32])):
        data[place] = generator.integers(256)


def flip_structure(data: bytearray, words: NDArray[np.int64], generator: Generator) -> None:
    for place in generator.choice(words, generator.choice([1, 3])):
        data[place + generator.integers(4)] ^= 1 << generator.integers(8)


def set_word(data: bytearray, words: NDArray[np.int64], generator: Generator) -> None:
    value = generator.choice([*_WORDS, len(data), len(data) - 4])
    struct.pack_into("<I", data, generator.choice(words), int(value))


def nudge_word(data: bytearray, words: NDArray[np.int64], generator: Generator) -> None:
    place = generator.choice(words)
    (value,) = struct.unpack_from("<I", data, place)
    nudged = value + int(generator.choice([-64, -4, -2, -1, 1, 2, 4, 64]))
    struct.pack_into("<I", data, place, nudged % 2**32)


def copy_word(data: bytearray, words: NDArray[np.int64], generator: Generator) -> None:
    source, target = generator.choice(words, 2)
    data[target : target + 4] = data[source : source + 4]


def point_elsewhere(data: bytearray, words: NDArray[np.int64], generator: Generator) -> None:
    """Make a word an offset to another place of the structure: tables that overlap, or loop."""
    place, target = generator.choice(words, 2)
    struct.pack_into("<i", data, place, int(target - place))


def truncate(data: bytearray, words: NDArray[np.int64], generator: Generator) -> None:
    kept = len(data) - generator.integers(1, 65) if generator.random() < 0.3 else None
    del data[int(generator.integers(len(data))) if kept is None else max(int(kept), 0) :]


def swap_ranges(data: bytearray, words: NDArray[np.int64], generator: Generator) -> None:
    size = int(generator.choice([4, 8, 64, 512]))
    a, b = (int(place) for place in generator.integers(0, max(1, len(data) - size), 2))
    data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]


def remove_range(data: bytearray, words: NDArray[np.int64], generator: Generator) -> None:
    start = int(generator.integers(len(data)))
    del data[start : start + int(generator.choice([1, 4, 16, 256]))]


def insert_range(data: bytearray, words: NDArray[np.int64], generator: Generator) -> None:
    start = int(generator.integers(len(data)))
    data[start:start] = generator.bytes(int(generator.choice([1, 4, 16, 256])))


def fill_range(data: bytearray, words: NDArray[np.int64], generator: Generator) -> None:
    start, size = int(generator.choice(words)), int(generator.choice([4, 16, 64, 1024]))
    end = min(start + size, len(data))
    data[start:end] = bytes([int(generator.choice([0, 255]))]) * (end - start)


BYTES: tuple[Callable[[bytearray, NDArray[np.int64], Generator], None], ...] = (
    flip_bytes,
    flip_structure,
    set_word,
    nudge_word,
    copy_word,
    point_elsewhere,
    truncate,
    swap_ranges,
    remove_range,
    insert_range,
    fill_range,
)

# ---------------------------------------------------------------------------------- graph


def change_shape(model: Model, generator: Generator) -> None:
    tensor = _tensor(model, generator)
    sizes = [*tensor.shape, *_SIZES]
    rank = int(generator.choice([len(tensor.shape), len(tensor.shape), 0, 1, 5, 9]))
    tensor.shape = tuple(
        int(size) if generator.random() < 0.5 else int(generator.choice(sizes))
        for size in (list(tensor.shape) + [1] * 9)[:rank]
    )


def change_type(model: Model, generator: Generator) -> None:
    _tensor(model, generator).dtype = str(generator.choice(_TYPES.split()))


def change_scale(model: Model, generator: Generator) -> None:
    quantized = [t for t in _tensors(model) if t.quantization is not None]
    quantization = _one(quantized, generator).quantization if quantized else None
    if quantization is None:
        return
    count = int(generator.choice([1, quantization.scale.size, 3]))
    quantization.scale = np.full(count, generator.choice(_SCALES), np.float32)
    quantization.zero_point = generator.integers(-(2**40), 2**40, generator.choice([0, 1, count]))
    quantization.axis = int(generator.choice([-1, 0, 1, 7, 2**31 - 1]))


def drop_quantization(model: Model, generator: Generator) -> None:
    _tensor(model, generator).quantization = None


def swap_buffers(model: Model, generator: Generator) -> None:
    one, other = _tensor(model, generator), _tensor(model, generator)
    one.buffer, other.buffer = other.buffer, one.buffer


def fill_buffer(model: Model, generator: Generator) -> None:
    """Give a tensor other constant data: shapes and indices full of large numbers."""
    tensor = _tensor(model, generator)
    value = generator.choice(_SIZES)
    count = int(generator.choice([0, 1, 4, 64]))
    tensor.buffer = Buffer.of(np.full(count, value, np.int64).astype(np.int32))


def change_kind(model: Model, generator: Generator) -> None:
    operator = _operator(model, generator)
    operator.kind, operator.is_custom = (
        str(generator.choice(_KINDS.split())),
        generator.random() < 0.1,
    )
    if generator.random() < 0.5:
        operator.options = None


def change_version(model: Model, generator: Generator) -> None:
    _operator(model, generator).state_version(int(generator.choice([-1, 0, 2, 99, 2**31 - 1])))


def change_options(model: Model, generator: Generator) -> None:
    options: Any = _operator(model, generator).options
    if options is None:
        return
    names = [name for name, value in vars(options).items() if isinstance(value, int | np.integer)]
    if names:
        setattr(options, str(generator.choice(names)), int(generator.choice([*_SIZES, 64])))


def change_operands(model: Model, generator: Generator) -> None:
    """Drop, repeat, swap or replace what an operator reads, even by what is written later."""
    subgraph = _one(model.subgraphs, generator)
    tensors = subgraph.tensors()
    if not subgraph.operators or not tensors:
        return
    operator = _one(subgraph.operators, generator)
    choice = generator.integers(4)
    if choice == 0 and operator.inputs:
        operator.inputs.pop(int(generator.integers(len(operator.inputs))))
    elif choice == 1:
        operator.inputs.append(_one(tensors, generator))
    elif operator.inputs:
        place = int(generator.integers(len(operator.inputs)))
        operator.inputs[place] = None if choice == 2 else _one(tensors, generator)


def change_results(model: Model, generator: Generator) -> None:
    subgraph = _one(model.subgraphs, generator)
    tensors = subgraph.tensors()
    if not subgraph.operators or not tensors:
        return
    operator = _one(subgraph.operators, generator)
    if operator.outputs and generator.random() < 0.7:
        operator.outputs[0] = _one(tensors, generator)
    else:
        operator.outputs.clear()


def change_ends(model: Model, generator: Generator) -> None:
    subgraph = _one(model.subgraphs, generator)
    tensors = subgraph.tensors()
    ends = subgraph.inputs if generator.random() < 0.5 else subgraph.outputs
    if tensors and generator.random() < 0.7:
        ends.append(_one(tensors, generator))
    elif ends:
        ends.pop()


def shuffle_operators(model: Model, generator: Generator) -> None:
    operators = _one(model.subgraphs, generator).operators
    if len(operators) > 1:
        a, b = generator.integers(0, len(operators), 2)
        operators[a], operators[b] = operators[b], operators[a]


def repeat_operator(model: Model, generator: Generator) -> None:
    subgraph = _one(model.subgraphs, generator)
    if subgraph.operators:
        subgraph.operators += [_one(subgraph.operators, generator)] * int(generator.choice([1, 30]))


def change_calls(model: Model, generator: Generator) -> None:
    """Let a function be called that takes other arguments, or that calls itself."""
    calling = [operator for operator in model.operators() if operator.subgraphs]
    if calling:
        operator = _one(calling, generator)
        operator.subgraphs[0] = _one(model.subgraphs, generator)


def rename(model: Model, generator: Generator) -> None:
    names = ("", "x" * 10_000, "\x1b[31m", "\udcff", "../../etc", "a\nb", "{}", "%s", "\0")
    _tensor(model, generator).name = str(generator.choice(names))


GRAPH: tuple[Callable[[Model, Generator], None], ...] = (
    change_shape,
    change_type,
    change_scale,
    drop_quantization,
    swap_buffers,
    fill_buffer,
    change_kind,
    change_version,
    change_options,
    change_operands,
    change_results,
    change_ends,
    shuffle_operators,
    repeat_operator,
    change_calls,
    rename,
)


def _one(things: list[Any], generator: Generator) -> Any:
    return things[int(generator.integers(len(things)))]


def _tensors(model: Model) -> list[Tensor]:
    return [tensor for subgraph in model.subgraphs for tensor in subgraph.tensors()]


def _tensor(model: Model, generator: Generator) -> Tensor:
    tensor: Tensor = _one(_tensors(model), generator)
    return tensor


def _operator(model: Model, generator: Generator) -> Operator:
    operator: Operator = _one(list(model.operators()), generator)
    return operator

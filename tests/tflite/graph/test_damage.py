"""Damaged files: each is refused in one line, or read; never a crash, a hang or a flood."""

from __future__ import annotations

import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgeseal.errors import FileError, ModelError
from edgeseal.tflite.graph import (
    Blockwise,
    Model,
    Subgraph,
    deserialize,
    new_operator,
    read_model,
    serialize,
)
from graphs import constant, model_of, value
from records import packed, record_of, small_model

_MUTATIONS = 1200
_EXTREME = (0, 1, 2, 3, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1)


def rich_model() -> Model:
    """Return a model with something of everything."""
    x, y, z = value("x", [2]), value("y", [2], "INT8", 0.5), value("z", [2])
    i, o = value("i", [2]), value("o", [2])
    body = Subgraph("body", [i], [o], [new_operator("ABS", [i], [o])])
    attributes = np.arange(9, dtype=np.uint8)
    operators = [
        new_operator("QUANTIZE", [x], [y]),
        new_operator(
            "STABLEHLO_COMPOSITE",
            [x],
            [z],
            subgraphs=[body],
            name="a.b",
            compositeAttributes=attributes,
        ),
        new_operator("CONCATENATION", [x, constant("c", [1.0, 2.0])], [value("w", [4])], axis=0),
    ]
    z.blockwise = Blockwise(constant("scales", [1.0]), None, 32)
    model = model_of([x], [y, z], operators)
    model.subgraphs.append(body)
    model.metadata = {"first": b"1" * 20, "second": b"2"}
    return model


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a file that is damaged in one of the ways that files are."""
    data = bytearray(content)
    kind = rng.integers(5)
    for _ in range(rng.integers(1, 4)):
        place, other = (int(p) & ~3 for p in rng.integers(8, len(data) - 16, 2))
        if kind == 0:
            data[place + rng.integers(4)] = rng.integers(256)
        elif kind == 1:
            near = struct.unpack_from("<I", data, place)[0] + int(rng.integers(-40, 40))
            number = rng.choice([*_EXTREME, len(data), near & 0xFFFFFFFF])
            struct.pack_into("<I", data, place, int(number))
        elif kind == 2:
            data[place : place + 8], data[other : other + 8] = (
                data[other : other + 8],
                data[place : place + 8],
            )
        elif kind == 3:
            struct.pack_into("<H", data, place, int(rng.integers(64)))
    return bytes(data[: rng.integers(8, len(data))] if kind == 4 else data)


def test_file_is_read_or_refused_in_one_line_when_bytes_are_damaged() -> None:
    contents = [serialize(rich_model()), serialize(small_model())]
    rng = np.random.default_rng(0)
    refused = 0
    tracemalloc.start()
    try:
        for trial in range(_MUTATIONS):
            try:
                model = deserialize(mutated(contents[trial % 2], rng))
            except ModelError as error:
                refused += 1
                assert "\n" not in str(error)
                assert "Error" not in str(error)
            else:
                deserialize(serialize(model))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.3 * _MUTATIONS < refused < 0.95 * _MUTATIONS
    assert peak_bytes < 4e6


def vector(builder: Any, offset: Any, count: int) -> Any:
    builder.StartVector(4, count, 4)
    for _ in range(count):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def unfolding(subgraphs: int, tensors: int, rank: int = 2) -> bytes:
    """Return a small file in which one subgraph and one tensor stand for many."""
    builder = flatbuffers.Builder(1024)
    tensor = schema.TensorT(name="t" * rank, shape=np.ones(rank, np.int32)).Pack(builder)
    many = vector(builder, tensor, tensors)
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, many)
    repeated = vector(builder, schema.SubGraphEnd(builder), subgraphs)
    buffers = vector(builder, schema.BufferT().Pack(builder), 1)
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, repeated)
    schema.ModelAddBuffers(builder, buffers)
    builder.Finish(schema.ModelEnd(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_tables_that_overlap_are_refused_when_they_would_unfold() -> None:
    content = unfolding(subgraphs=3000, tensors=3000)  # 24 kB for 9 million tensors
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match="overlap and would unfold into many times its size"):
            deserialize(content)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_texts_that_overlap_are_refused_when_they_would_unfold() -> None:
    with pytest.raises(ModelError, match="values overlap and would unfold"):
        deserialize(unfolding(subgraphs=1, tensors=300, rank=5000))


def test_shared_tables_are_read_when_they_are_few() -> None:
    assert len(deserialize(unfolding(subgraphs=10, tensors=10)).subgraphs) == 10


def main_of(record: Any) -> Any:
    return record.subgraphs[0]


def operator_of(record: Any) -> Any:
    return record.subgraphs[0].operators[0]


def quantization(**fields: Any) -> Any:
    return schema.QuantizationParametersT(
        detailsType=2, details=schema.BlockwiseQuantizationT(blockSize=32, **fields)
    )


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


BROKEN: dict[str, tuple[Callable[[Any], object], str]] = {
    "input": (lambda r: setattr(operator_of(r), "inputs", ints(0, 99)), "tensor 99, and there"),
    "input below -1": (lambda r: setattr(operator_of(r), "inputs", ints(-2)), "tensor -2, and"),
    "output": (lambda r: setattr(operator_of(r), "outputs", ints(-1)), "tensor -1, and there"),
    "intermediate": (
        lambda r: setattr(operator_of(r), "intermediates", ints(4)),
        "operator 0 of subgraph 0 refers to tensor 4, and there are 4",
    ),
    "subgraph input": (lambda r: setattr(main_of(r), "inputs", ints(-1)), "subgraph 0 refers to"),
    "code": (lambda r: setattr(operator_of(r), "opcodeIndex", 5), "operator code 5, and there"),
    "buffer": (lambda r: setattr(main_of(r).tensors[0], "buffer", 9), "buffer 9, and there are 4"),
    "external buffer": (
        lambda r: setattr(main_of(r).tensors[0], "externalBuffer", 9),
        "external buffer 9, which there is not",
    ),
    "external group": (
        lambda r: setattr(r, "externalBuffers", [schema.ExternalBufferT(id=1)]),
        "the external buffer 1 refers to group 0, and there are 0",
    ),
    "metadata": (lambda r: setattr(r.metadata[0], "buffer", 77), "metadata refers to buffer 77"),
    "nameless metadata": (lambda r: setattr(r, "metadataBuffer", ints(-1)), "buffer -1, and"),
    "signature": (lambda r: setattr(r.signatureDefs[0], "subgraphIndex", 3), "subgraph 3, and"),
    "signature tensor": (
        lambda r: setattr(r.signatureDefs[0].inputs[0], "tensorIndex", 2**31),
        "the signature 'serving_default' refers to tensor 2147483648",
    ),
    "signature name": (lambda r: setattr(r.signatureDefs[0], "signatureKey", None), "no name"),
    "blockwise": (
        lambda r: setattr(main_of(r).tensors[0], "quantization", quantization(scales=8)),
        "the quantization of tensor 0 of subgraph 0 refers to tensor 8",
    ),
    "blockwise zero points": (
        lambda r: setattr(main_of(r).tensors[0], "quantization", quantization(zeroPoints=-2)),
        "refers to tensor -2",
    ),
    "dimension": (
        lambda r: setattr(main_of(r).tensors[0], "shape", ints(2, -2)),
        "tensor 0 of subgraph 0 has a dimension of size -2",
    ),
    "shape signature": (
        lambda r: setattr(main_of(r).tensors[0], "shapeSignature", ints(-7)),
        "dimension of size -7",
    ),
    "rank": (
        lambda r: setattr(main_of(r).tensors[0], "shape", np.ones(300, np.int32)),
        "has 300 dimensions",
    ),
    "no buffers": (lambda r: setattr(r, "buffers", None), "no list of buffers"),
    "data behind": (
        lambda r: r.buffers.append(schema.BufferT(offset=2**40, size=2**40)),
        "cut short",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_reference_is_refused_when_it_leads_nowhere(name: str) -> None:
    change, message = BROKEN[name]
    record = record_of(small_model())
    change(record)
    with pytest.raises(ModelError, match=message) as refusal:
        deserialize(packed(record))
    assert str(refusal.value).startswith("a damaged .tflite model: ")
    assert str(refusal.value).endswith("; fetch or convert it again")


def test_called_function_is_refused_when_there_is_none() -> None:
    record = record_of(rich_model())
    composite = record.subgraphs[0].operators[1]
    composite.builtinOptions2.decompositionSubgraphIndex = -1
    with pytest.raises(ModelError, match="operator 1 of subgraph 0 refers to subgraph -1, and"):
        deserialize(packed(record))


NEWER: dict[str, tuple[Callable[[Any], object], str]] = {
    "operator": (
        lambda r: setattr(r.operatorCodes[0], "builtinCode", 4000),
        "has an operator of code 4000",
    ),
    "unused operator": (
        lambda r: r.operatorCodes.append(schema.OperatorCodeT(builtinCode=4000)),
        "has an operator of code 4000",
    ),
    "tensor type": (lambda r: setattr(main_of(r).tensors[0], "type", 99), "a tensor of type 99"),
    "options": (
        lambda r: setattr(operator_of(r), "builtinOptionsType", 250),
        "has operator options of type 250",
    ),
    "more options": (
        lambda r: setattr(operator_of(r), "builtinOptions2Type", 250),
        "has operator options of type 250",
    ),
    "quantization": (
        lambda r: setattr(
            main_of(r).tensors[0], "quantization", schema.QuantizationParametersT(detailsType=9)
        ),
        "has quantization details of type 9",
    ),
    "sparsity": (
        lambda r: setattr(
            main_of(r).tensors[0],
            "sparsity",
            schema.SparsityParametersT(dimMetadata=[schema.DimensionMetadataT(arrayIndicesType=9)]),
        ),
        "has sparse indices of type 9",
    ),
}


@pytest.mark.parametrize("name", NEWER)
def test_newer_litert_is_asked_for_when_the_installed_one_lacks_something(name: str) -> None:
    change, message = NEWER[name]
    record = record_of(small_model())
    change(record)
    with pytest.raises(ModelError, match=f"{message}, .*install a newer ai-edge-litert"):
        deserialize(packed(record))


def test_root_is_refused_when_it_lies_outside() -> None:
    content = bytearray(serialize(small_model()))
    for root in (len(content), 2**32 - 1, 2**31):
        struct.pack_into("<I", content, 0, root)
        with pytest.raises(ModelError, match=f"outside its {len(content)} bytes"):
            deserialize(bytes(content))


def test_text_is_refused_when_it_is_cut_short() -> None:
    content = serialize(small_model())
    text = content.index(b"a test")
    longer = content[: text - 4] + struct.pack("<I", 10**6) + content[text:]
    with pytest.raises(ModelError, match="cut short: a value goes on to byte"):
        deserialize(longer)


def test_file_error_is_raised_when_it_is_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="a pipe or a device"):
        read_model(tmp_path / "pipe")
    with pytest.raises(FileError, match="a pipe or a device"):
        read_model("/dev/zero")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_file_error_is_raised_when_permission_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "secret.tflite"
    path.write_bytes(serialize(small_model()))
    path.chmod(0)
    with pytest.raises(FileError, match="cannot be read"):
        read_model(path)

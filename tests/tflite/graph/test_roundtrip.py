"""Files of other tools: whatever they hold and however they order it, it is all written again."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgeseal.errors import ModelError
from edgeseal.tflite.graph import (
    Blockwise,
    ExternalBuffer,
    Model,
    Operator,
    OperatorCode,
    Subgraph,
    Tensor,
    new_operator,
    serialize,
)
from graphs import constant, made, model_of, run, value
from records import again, index_named, packed, record_named, record_of, small_model


def names(tensors: list[Tensor]) -> list[str]:
    return [tensor.name for tensor in tensors]


def message_of(content: bytes) -> str:
    """Return what LiteRT says when it refuses a file."""
    with pytest.raises((RuntimeError, ValueError)) as refusal:
        Interpreter(model_content=content).allocate_tensors()
    return str(refusal.value)


def test_tensors_keep_their_places_when_the_order_is_another_tools() -> None:
    record = record_of(small_model())
    main = record.subgraphs[0]
    last = len(main.tensors)
    main.tensors.append(schema.TensorT(name=b"unused", shape=[3], hasRank=True))
    main.tensors.reverse()
    for table in (main, main.operators[0]):
        table.inputs, table.outputs = last - table.inputs, last - table.outputs
    for entry in (*record.signatureDefs[0].inputs, *record.signatureDefs[0].outputs):
        entry.tensorIndex = last - entry.tensorIndex
    model = again(packed(record))
    written = record_of(model).subgraphs[0]
    assert [tensor.name for tensor in written.tensors] == [t.name for t in main.tensors]
    assert written.operators[0].inputs.tolist() == main.operators[0].inputs.tolist()
    assert names(model.main.extra_tensors) == ["unused"]
    model.main.operators.insert(0, new_operator("ABS", model.main.inputs, [value("new", [1, 2])]))
    assert record_of(model).subgraphs[0].tensors[-1].name == b"new"


def test_codes_keep_their_order_when_some_are_unused() -> None:
    record = record_of(small_model())
    record.operatorCodes = [
        schema.OperatorCodeT(builtinCode=18, deprecatedBuiltinCode=18, version=2),
        *record.operatorCodes,
        schema.OperatorCodeT(builtinCode=32, deprecatedBuiltinCode=32, customCode=b"Own"),
    ]
    record.subgraphs[0].operators[0].opcodeIndex = 1
    model = again(packed(record))
    assert model.extra_codes == [OperatorCode("MUL", 2), OperatorCode("Own", 1, True)]
    written = record_of(model).operatorCodes
    assert [(c.builtinCode, c.version, c.customCode) for c in written] == [
        (18, 2, None),
        (9, 5, None),
        (32, 1, b"Own"),
    ]
    record.operatorCodes.append(record.operatorCodes[1])
    assert again(packed(record)).extra_codes == model.extra_codes
    model.extra_codes.clear()
    assert len(record_of(model).operatorCodes) == 1


def test_code_is_dropped_when_the_last_operator_of_its_version_is_gone() -> None:
    model = again(small_model())
    model.main.operators[0].state_version(2)
    written = record_of(model).operatorCodes
    assert [(code.builtinCode, code.version) for code in written] == [(9, 2)]


def test_old_operator_code_counts_when_the_newer_field_is_empty() -> None:
    record = record_of(small_model())
    record.operatorCodes[0].builtinCode = 0
    assert again(packed(record)).main.operators[0].kind == "FULLY_CONNECTED"


def test_data_without_users_is_kept_when_written() -> None:
    record = record_of(small_model())
    record.buffers.append(schema.BufferT(data=np.arange(7, dtype=np.uint8)))
    model = again(packed(record))
    assert [buffer.data.tolist() for buffer in model.extra_buffers] == [list(range(7))]
    assert again(model).extra_buffers[0].data.tolist() == list(range(7))


def test_first_buffer_stands_for_no_data_when_it_holds_some() -> None:
    record = record_of(small_model())
    record.buffers[0].data = np.ones(8, np.uint8)
    model = again(packed(record))
    assert not model.main.inputs[0].is_constant
    assert not model.extra_buffers


def test_constant_without_elements_stays_one_when_written() -> None:
    x, y = value("x", [1, 1]), value("y", [])
    shape = constant("shape", np.empty(0, np.int32))
    model = again(model_of([x], [y], [new_operator("RESHAPE", [x, shape], [y])]))
    read = model.main.operators[0].inputs[1]
    assert read is not None and read.is_constant and read.size_bytes == 0
    assert run(model, np.array([[4]], np.float32))[0] == 4


def test_metadata_is_kept_when_names_repeat_or_are_missing() -> None:
    record = record_of(small_model())
    note = record.metadata[0].buffer
    weights = next(t.buffer for t in record.subgraphs[0].tensors if t.name == b"w")
    record.metadata += [
        schema.MetadataT(name=b"note", buffer=weights),
        schema.MetadataT(name=b"empty", buffer=0),
    ]
    record.metadataBuffer = np.array([note, weights], np.int32)
    model = again(packed(record))
    values = np.array([[1, 2], [3, 4]], np.float32).tobytes()
    assert model.metadata == {"note": b"kept \x00 whole", "empty": b""}
    assert model.extra_metadata == [("note", values)]
    assert model.nameless_metadata == [b"kept \x00 whole", values]
    written = again(model)
    assert written.extra_metadata == model.extra_metadata
    assert written.nameless_metadata == model.nameless_metadata
    assert written.main.operators[0].inputs[1] is not None


def test_texts_survive_when_they_are_no_utf8() -> None:
    record = record_of(small_model())
    record.subgraphs[0].tensors[0].name = b"caf\xe9"
    record.subgraphs[0].name = None
    written = record_of(again(packed(record))).subgraphs[0]
    assert written.tensors[0].name == b"caf\xe9"
    assert written.name is None


def test_signature_is_refused_when_it_names_a_tensor_of_nobody() -> None:
    model = small_model()
    model.signatures[0].outputs["out"] = value("stray", [1])
    with pytest.raises(ModelError, match=r"signature 'serving_default' refers to .*'stray'"):
        serialize(model)
    model.signatures[0].subgraph = Subgraph("gone", [], [], [])
    with pytest.raises(ModelError, match="subgraph 'gone', which is not in the model"):
        serialize(model)


def test_custom_operator_keeps_its_options_when_written() -> None:
    x, y = value("x", [2]), value("y", [2])
    options = np.arange(50, dtype=np.uint8)
    operator = Operator("Own", [x], [y], is_custom=True, custom_options=options)
    operator.state_version(3)
    model = model_of([x], [y], [operator])
    read = made(again(model), "y")
    assert read.code == OperatorCode("Own", 3, True)
    assert read.custom_options is not None and read.custom_options.tolist() == options.tolist()
    assert message_of(serialize(again(model))) == message_of(serialize(model))


def test_sparse_constant_unfolds_when_written_again() -> None:
    rows = schema.DimensionMetadataT(denseSize=2)
    columns = schema.DimensionMetadataT(
        format=1,
        arraySegmentsType=3,
        arraySegments=schema.Uint8VectorT(values=np.array([0, 1, 2], np.uint8)),
        arrayIndicesType=2,
        arrayIndices=schema.Uint16VectorT(values=np.array([1, 0], np.uint16)),
    )
    packed_weights = constant("w", [5.0, 7.0])
    packed_weights.shape = (2, 2)
    packed_weights.raw = schema.TensorT(
        hasRank=True,
        sparsity=schema.SparsityParametersT(
            traversalOrder=np.array([0, 1], np.int32), dimMetadata=[rows, columns]
        ),
    )
    dense, x, y = (value(name, [2, 2]) for name in ("dense", "x", "y"))
    operators = [
        new_operator("DENSIFY", [packed_weights], [dense]),
        new_operator("ADD", [x, dense], [y], potScaleInt16=False),
    ]
    model = again(model_of([x], [y], operators))
    assert [t.name for t in model.main.tensors() if t.is_sparse] == ["w"]
    assert run(model, np.zeros((2, 2), np.float32))[0].tolist() == [[0, 5], [7, 0]]


def blockwise() -> Model:
    """Return x @ w^T with a scale for every 32 of the weights' 64 columns."""
    x, y = value("x", [1, 64]), value("y", [1, 4])
    weights = constant("w", np.full((4, 32), 0x21, np.int8))  # pairs of 1 and 2
    weights.dtype, weights.shape = "INT4", (4, 64)
    scales = constant("scales", np.array([[1, 0.5]] * 4, np.float16))
    weights.blockwise = Blockwise(scales, None, 32)
    layer = new_operator("FULLY_CONNECTED", [x, weights, None], [y], keepNumDims=True)
    return model_of([x], [y], [layer])


def test_blockwise_scales_stay_with_their_weights_when_tensors_move() -> None:
    model = again(blockwise())
    x = np.ones((1, 64), np.float32)
    expected = run(model, x)[0]
    extra = value("extra", [1, 64])
    model.main.operators.insert(0, new_operator("ABS", model.main.inputs, [extra]))
    model.main.operators[1].inputs[0] = extra
    model.main.tensor_order.reverse()
    moved = again(model)
    weights = made(moved, "y").inputs[1]
    assert weights is not None and weights.blockwise is not None
    assert weights.blockwise.scales.name == "scales"
    assert weights.blockwise.zero_points is None
    assert weights.blockwise.block_size == 32
    assert np.array_equal(run(moved, x)[0], expected)
    assert np.allclose(expected, 32 * 1.5 * (1 + 0.5))


def test_blockwise_parameters_are_gone_when_the_graph_drops_them() -> None:
    model = again(blockwise())
    weights = made(model, "y").inputs[1]
    assert weights is not None
    weights.blockwise = None
    main = record_of(model).subgraphs[0]
    assert record_named(main.tensors, "w").quantization.details is None
    assert "scales" not in names(model.main.tensors())


def test_constants_in_other_files_stay_references_when_written() -> None:
    model = small_model()
    weights = model.main.operators[0].inputs[1]
    assert weights is not None
    weights.buffer, weights.external = None, ExternalBuffer(7, "weights.bin", 64, 16, "none")
    model.external_buffers = [ExternalBuffer(3, "other.bin", 0, 5)]
    read = again(model)
    written = made(read, "y").inputs[1]
    assert written is not None and written.is_external and not written.is_constant
    assert written.external is not None
    found = [(b.id, b.group, b.offset, b.size_bytes, b.packing) for b in read.external_buffers]
    assert found == [(3, "other.bin", 0, 5, ""), (7, "weights.bin", 64, 16, "none")]
    assert written.external is read.external_buffers[1]


def with_control_edges(edges: list[Any]) -> Model:
    """Return the model out = (x + 1) * 2 with the metadata entry that orders operators."""
    x, a, out = (value(name, [2]) for name in ("x", "a", "out"))
    operators = [
        new_operator("ADD", [x, constant("one", [1.0])], [a], potScaleInt16=False),
        new_operator("MUL", [a, constant("two", [2.0])], [out]),
    ]
    model = model_of([x], [out], operators)
    model.metadata["model_control_dependencies"] = bytes(edges)
    return model


def test_ordered_operators_are_found_when_others_come_before_them() -> None:
    model = again(with_control_edges([1, 1, 1, 0, 2]))  # version, subgraphs, edges, 0 and 1 twice
    first, second = model.operators()
    assert model.main.control_edges == [(first, second)]
    assert "model_control_dependencies" not in model.metadata
    model.main.operators.insert(0, new_operator("ABS", model.main.inputs, [value("b", [2])]))
    moved = again(model)
    kinds = [(a.kind, b.kind) for a, b in moved.main.control_edges or []]
    assert kinds == [("ADD", "MUL")]
    model.main.control_edges.append((first, new_operator("NEG", [], [])))  # not in the graph
    assert len(again(model).main.control_edges or []) == 1


@pytest.mark.parametrize(
    "entry",
    [[], [2, 1, 0], [1, 2, 0, 0], [1, 1, 1, 0, 4], [1, 1, 1, 0], [1, 1, 0, 9], [255] * 9],
    ids=["empty", "version", "subgraphs", "place", "cut", "longer", "number"],
)
def test_metadata_stays_as_it_is_when_it_orders_no_operators(entry: list[int]) -> None:
    model = again(with_control_edges(entry))
    assert model.metadata["model_control_dependencies"] == bytes(entry)
    assert model.main.control_edges is None


def test_order_of_many_operators_is_kept_when_places_need_two_bytes() -> None:
    tensors = [value(f"t{i}", [1]) for i in range(302)]
    operators = [new_operator("ABS", [a], [b]) for a, b in itertools.pairwise(tensors)]
    model = model_of(tensors[:1], tensors[-1:], operators)
    model.main.control_edges = [(operators[0], operators[300])]
    read = again(model)
    assert read.main.control_edges == [(read.main.operators[0], read.main.operators[300])]


def test_quantization_without_zero_points_is_refused_alike_when_written() -> None:
    record = record_of(small_model())
    tensor = record_named(record.subgraphs[0].tensors, "x")
    tensor.quantization = schema.QuantizationParametersT(scale=np.ones(1, np.float32))
    content = packed(record)
    assert message_of(serialize(again(content))) == message_of(content)


def test_range_is_kept_when_there_is_no_scale() -> None:
    record = record_of(small_model())
    tensors = record.subgraphs[0].tensors
    bounds = schema.QuantizationParametersT(
        min=np.array([-1], np.float32), max=np.array([1], np.float32)
    )
    tensors[index_named(tensors, "x")].quantization = bounds
    written = record_named(record_of(again(packed(record))).subgraphs[0].tensors, "x")
    assert written.quantization.min.tolist() == [-1]

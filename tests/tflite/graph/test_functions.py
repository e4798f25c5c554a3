"""Subgraphs that operators call or signatures name: found whatever their places are."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from flatbuffers import flexbuffers

from edgeseal.errors import ModelError
from edgeseal.tflite.graph import Buffer, Model, Signature, Subgraph, new_operator, serialize
from graphs import constant, made, model_of, run, value
from records import again, small_model


def loop() -> Model:
    """Return the model that counts from x to 5, and doubles what it reached."""
    function_ends = [[value(f"{name}{end}", [1], "INT32") for end in "io"] for name in "cb"]
    (i, less), (j, more) = function_ends
    less.dtype = "BOOL"
    condition = Subgraph(
        "condition", [i], [less], [new_operator("LESS", [i, constant("five", [5])], [less])]
    )
    step = new_operator("ADD", [j, constant("one", [1])], [more], potScaleInt16=False)
    body = Subgraph("body", [j], [more], [step])
    x, reached, y = (value(name, [1], "INT32") for name in ("x", "reached", "y"))
    model = model_of(
        [x],
        [y],
        [
            new_operator("WHILE", [x], [reached], subgraphs=[condition, body]),
            new_operator("ADD", [reached, reached], [y], potScaleInt16=False),
        ],
    )
    model.subgraphs += [condition, body]
    return model


def test_loop_runs_when_its_functions_change_places() -> None:
    model = again(loop())
    count = np.array([2], np.int32)
    assert run(model, count)[0].tolist() == [10]
    model.subgraphs[1:] = reversed(model.subgraphs[1:])
    model.subgraphs.insert(1, again(small_model()).main)
    assert run(model, count)[0].tolist() == [10]
    condition = made(again(model), "reached").subgraphs[0]
    assert [tensor.name for tensor in condition.outputs] == ["co"]


def test_operator_runs_alone_when_it_is_cut_out_with_what_it_calls() -> None:
    operator = made(again(loop()), "reached")
    inputs = [tensor for tensor in operator.inputs if tensor is not None]
    alone = Subgraph("alone", inputs, operator.outputs, [operator])
    model = Model([alone, *operator.subgraphs])
    assert run(model, np.array([2], np.int32))[0].tolist() == [5]


def test_missing_function_is_named_when_written() -> None:
    model = loop()
    del model.subgraphs[2]
    with pytest.raises(ModelError, match=r"WHILE -> reached.*'body', which is not in the model"):
        serialize(model)
    model = loop()
    made(model, "reached").subgraphs.pop()
    with pytest.raises(ModelError, match=r"calls 1 subgraphs, and its options have room for 2"):
        serialize(model)


def branches() -> Model:
    """Return the model that adds 1 or doubles."""
    ends = [[value(f"{name}{end}", [2]) for end in "io"] for name in ("then", "else")]
    then = Subgraph(
        "then",
        ends[0][:1],
        ends[0][1:],
        [new_operator("ADD", [ends[0][0], constant("1", [1.0])], ends[0][1:], potScaleInt16=False)],
    )
    other = Subgraph(
        "else",
        ends[1][:1],
        ends[1][1:],
        [new_operator("MUL", [ends[1][0], constant("2", [2.0])], ends[1][1:])],
    )
    flag, x, y = value("flag", [], "BOOL"), value("x", [2]), value("y", [2])
    choice = new_operator("IF", [flag, x], [y], subgraphs=[then, other])
    model = model_of([flag, x], [y], [choice])
    model.subgraphs += [then, other]
    return model


def test_branches_are_told_apart_when_read() -> None:
    model = again(branches())
    assert [subgraph.name for subgraph in made(model, "y").subgraphs] == ["then", "else"]
    x = np.array([3, 4], np.float32)
    assert run(model, np.array(True), x)[0].tolist() == [4, 5]
    assert run(model, np.array(False), x)[0].tolist() == [6, 8]


def test_composite_keeps_its_function_when_written() -> None:
    i, o, x, y = (value(name, [2]) for name in "ioxy")
    body = Subgraph("body", [i], [o], [new_operator("NEG", [i], [o])])
    attributes = np.frombuffer(flexbuffers.Dumps({}), np.uint8)
    operator = new_operator(
        "STABLEHLO_COMPOSITE",
        [x],
        [y],
        subgraphs=[body],
        name="odml.minus",
        compositeAttributes=attributes,
    )
    model = model_of([x], [y], [operator])
    model.subgraphs += [Subgraph("other", [], [], []), body]
    read = again(model)
    assert made(read, "y").subgraphs == [read.subgraphs[2]]
    assert made(read, "y").options.name == b"odml.minus"
    assert run(read, np.array([1, -2], np.float32))[0].tolist() == [-1, 2]


def test_list_of_functions_is_kept_when_written() -> None:
    x, y = value("x", [1], "INT32"), value("y", [1], "INT32")
    functions = [Subgraph(name, [], [], []) for name in ("first", "second")]
    case = new_operator("STABLEHLO_CASE", [x], [y], subgraphs=functions)
    model = model_of([x], [y], [case])
    model.subgraphs += reversed(functions)
    assert [s.name for s in made(again(model), "y").subgraphs] == ["first", "second"]


def test_functions_are_refused_when_an_operator_cannot_call_any() -> None:
    with pytest.raises(ValueError, match="ADD call no functions"):
        new_operator("ADD", [], [], subgraphs=[Subgraph("s", [], [], [])])
    with pytest.raises(ValueError, match="FLOOR have no options"):
        new_operator("FLOOR", [], [], speed=1)


def test_initialization_runs_once_when_variables_are_kept() -> None:
    handle, inside, x, state, y = (
        value("handle", [], "RESOURCE"),
        value("inside", [], "RESOURCE"),
        value("x", [1]),
        value("state", [1]),
        value("y", [1]),
    )
    named = {"container": "", "sharedName": "counter"}
    start = Subgraph(
        "start",
        [],
        [],
        [
            new_operator("VAR_HANDLE", [], [inside], **named),
            new_operator("ASSIGN_VARIABLE", [inside, constant("seven", [7.0])], []),
        ],
    )
    model = model_of(
        [x],
        [y],
        [
            new_operator("CALL_ONCE", [], [], subgraphs=[start]),
            new_operator("VAR_HANDLE", [], [handle], **named),
            new_operator("READ_VARIABLE", [handle], [state]),
            new_operator("ADD", [x, state], [y], potScaleInt16=False),
        ],
    )
    model.subgraphs.append(start)
    assert run(again(model), np.array([1], np.float32))[0].tolist() == [8]


def test_every_signature_runs_when_there_are_several() -> None:
    model = branches()
    then = model.subgraphs[1]
    model.signatures.append(Signature("plus", then, {"a": then.inputs[0]}, {"b": then.outputs[0]}))
    interpreter = Interpreter(model_content=serialize(again(model)))
    runner = interpreter.get_signature_runner("plus")
    assert runner(a=np.array([1, 2], np.float32))["b"].tolist() == [2, 3]
    assert list(interpreter.get_signature_list()) == ["serving_default", "plus"]


def test_buffer_is_stored_once_when_tensors_of_several_subgraphs_share_it() -> None:
    model = branches()
    shared = Buffer.of(np.arange(2, dtype=np.float32))
    for subgraph in model.subgraphs[1:]:
        tensor = subgraph.operators[0].inputs[1]
        assert tensor is not None
        tensor.buffer, tensor.shape = shared, (2,)
    read = again(model)
    buffers = {id(t.buffer) for s in read.subgraphs for t in s.tensors() if t.is_constant}
    assert len(buffers) == 1

"""Models to look at, built in code."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor, new_operator, write_model
from graphs import constant, model_of, value

HOSTILE = '</script><script>window.pwned = 1</script><img src=x onerror="window.pwned=1">`${1}&lt;'


def saved(model: Model, folder: Path, name: str = "sample.tflite") -> Path:
    path = folder / name
    write_model(model, path, overwrite=True)
    return path


def layered() -> Model:
    """Three residual blocks of four operators, between an input layer and an output layer."""
    x = last = value("image", (1, 8))
    operators = [layer(last, last := value("p.Net/p.Stem_stem;", (1, 8)))]
    for number in range(3):
        block = f"p.Net/p.Body_body/p.Block_{number}"
        start = last
        names = (f"{block}/p.Norm_norm;", f"{block}/p.Norm_norm;1", f"{block}/p.Mlp_mlp;")
        for kind, name in zip(("TANH", "LOGISTIC", "FULLY_CONNECTED"), names, strict=True):
            result = value(name, (1, 8))
            make = layer if kind == "FULLY_CONNECTED" else plain
            operators.append(make(last, result, kind))
            last = result
        total = value(f"{block};", (1, 8))
        operators.append(new_operator("ADD", [last, start], [total]))
        last = total
    y = value("logits", (1, 8))
    head = layer(last, y)
    head.inputs[1] = constant("p.Net/p.Head_head;1", np.eye(8, dtype=np.float32))
    return model_of([x], [y], [*operators, head])


def layer(source: Tensor, result: Tensor, kind: str = "FULLY_CONNECTED") -> Operator:
    weights = constant("w", np.eye(8, dtype=np.float32))
    return new_operator(kind, [source, weights, None], [result], keepNumDims=True)


def plain(source: Tensor, result: Tensor, kind: str) -> Operator:
    return new_operator(kind, [source], [result])


def row(count: int) -> Model:
    """A long row of operators without modules, with a bridge over every seventh."""
    x = last = value("x", (1, 8))
    results, operators = [x], []
    for number in range(count):
        result = value(f"r{number}", (1, 8))
        bridge = number % 7 == 6
        operators.append(
            new_operator("ADD", [last, results[-5]], [result])
            if bridge
            else plain(last, result, "TANH")
        )
        results.append(result)
        last = result
    return model_of([x], [last], operators)


def hostile() -> Model:
    """Every text that a file can hold tries to become markup or a script."""
    x, y = value(HOSTILE, (1, 8)), value(f"{HOSTILE}/{HOSTILE}/a", (1, 8))
    z = value(f"{HOSTILE}/{HOSTILE}/b\udcff\u2028\x00", (1, 8))
    operators = [Operator(HOSTILE, [x], [y], is_custom=True), plain(y, z, "TANH")]
    model = model_of([x], [z], operators)
    model.main.name = model.description = HOSTILE
    return model


def with_functions() -> Model:
    """WHILE with two functions of its own."""
    ins = [value(f"{name}_in", (1,)) for name in ("main", "condition", "body")]
    outs = [value("main_out", (1,)), Tensor("go_on", (1,), "BOOL"), value("body_out", (1,))]
    condition = Subgraph(
        "condition",
        [ins[1]],
        [outs[1]],
        [new_operator("LESS", [ins[1], constant("limit", [3.0])], [outs[1]])],
    )
    body = Subgraph(
        "body",
        [ins[2]],
        [outs[2]],
        [new_operator("ADD", [ins[2], constant("one", [1.0])], [outs[2]])],
    )
    loop = new_operator("WHILE", [ins[0]], [outs[0]], condSubgraphIndex=1, bodySubgraphIndex=2)
    loop.subgraphs = [condition, body]
    model = model_of([ins[0]], [outs[0]], [loop])
    model.subgraphs += [condition, body]
    return model

"""Operators that integers have no good form of, in others; the same function in float.

- SQUARED_DIFFERENCE as SUB and MUL, which layer norms are recognized by and INT16 has kernels for;
- DIV by a constant as MUL;
- a ReLU behind a layer or sum as a part of it, so that no step is spent on what it cuts off;
- x tanh(log(1 + e^x)), whose e^x has no range that integers could hold, by s = 1 / (1 + e^x), which
  lies in 0..1: x (2 / (1 + s^2) - 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import (
    NO_ACTIVATION,
    Operator,
    Subgraph,
    Tensor,
    float32_constant,
    new_arithmetic,
    new_operator,
)
from edgeseal.tflite.probe import constant_values

__all__ = ["fuse_activations", "simplify"]

_FUSED = {"RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}  # ActivationFunctionType
_TAKE_ACTIVATIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "SUB", "MUL")
_CHAIN = ("ADD", "EXP", "LOG", "SELECT", "SELECT_V2", "GREATER", "LOG1P", "MINIMUM", "MAXIMUM")


def simplify(subgraph: Subgraph) -> None:
    """Rewrite a function in place, before norms are looked for."""
    for operator in list(subgraph.operators):
        if operator.kind == "SQUARED_DIFFERENCE":
            _replace(subgraph, operator, _square_of_difference(subgraph, operator))
        elif operator.kind == "DIV" and (factor := _reciprocal(operator)) is not None:
            _replace(subgraph, operator, [_scaled(operator, factor)])
        elif operator.kind == "TANH" and (source := _softplus_of(subgraph, operator)) is not None:
            _rewrite_mish(subgraph, operator, source)
    subgraph.remove_unread()


def fuse_activations(subgraph: Subgraph) -> None:
    """Let layers and sums cut off what a ReLU right behind them cuts off."""
    makers, readers = subgraph.producers(), subgraph.consumers()
    for operator in list(subgraph.operators):
        source = operator.inputs[0] if operator.kind in _FUSED else None
        maker = None if source is None else makers.get(source)
        if source is None or maker is None or maker.kind not in _TAKE_ACTIVATIONS:
            continue
        is_plain = maker.options is not None
        is_plain = is_plain and maker.options.fusedActivationFunction == NO_ACTIVATION
        if not is_plain or len(readers[source]) > 1 or source in subgraph.outputs:
            continue
        maker.options.fusedActivationFunction = _FUSED[operator.kind]
        maker.outputs[0] = operator.outputs[0]
        makers[operator.outputs[0]] = maker
        subgraph.operators.remove(operator)


def _replace(subgraph: Subgraph, old: Operator, new: list[Operator]) -> None:
    place = subgraph.operators.index(old)
    subgraph.operators[place : place + 1] = new


def _square_of_difference(subgraph: Subgraph, operator: Operator) -> list[Operator]:
    first, second = operator.inputs
    result = operator.outputs[0]
    assert first is not None
    assert second is not None
    place = subgraph.operators.index(operator)
    for known in subgraph.operators[:place]:  # a norm has the difference as well
        plain = known.kind == "SUB" and known.options.fusedActivationFunction == NO_ACTIVATION
        if plain and known.inputs == [first, second]:
            difference = known.outputs[0]
            return [new_arithmetic("MUL", difference, difference, result)]
    difference = Tensor(f"{result.name}/difference", result.shape, "FLOAT32")
    made = new_arithmetic("SUB", first, second, difference)
    for later in list(subgraph.operators[place:]):
        plain = later.kind == "SUB" and later.options.fusedActivationFunction == NO_ACTIVATION
        if plain and later.inputs == [first, second] and later.outputs[0] not in subgraph.outputs:
            for reader in subgraph.operators:
                reader.inputs[:] = [
                    difference if t is later.outputs[0] else t for t in reader.inputs
                ]
    return [made, new_arithmetic("MUL", difference, difference, result)]


def _reciprocal(operator: Operator) -> Tensor | None:
    divisor = operator.inputs[1]
    values = constant_values(divisor) if divisor is not None and divisor.is_constant else None
    if divisor is None or values is None or values.dtype != np.float32 or not values.all():
        return None
    with np.errstate(all="ignore"):
        inverse = (1 / values).astype(np.float32)
    is_sound = np.isfinite(inverse).all()
    return float32_constant(f"{divisor.name}/inverse", inverse) if is_sound else None


def _scaled(operator: Operator, factor: Tensor) -> Operator:
    source = operator.inputs[0]
    assert source is not None
    activation = 0 if operator.options is None else int(operator.options.fusedActivationFunction)
    return new_arithmetic("MUL", source, factor, operator.outputs[0], activation=activation)


def _softplus_of(subgraph: Subgraph, tanh: Operator) -> Tensor | None:
    """Return x where a TANH reads log(1 + e^x), whatever keeps large x from overflowing."""
    makers = subgraph.producers()
    waiting = [tanh.inputs[0]]
    kinds: set[str] = set()
    sources: set[Tensor] = set()
    while waiting:
        tensor = waiting.pop()
        maker = None if tensor is None else makers.get(tensor)
        if tensor is None or tensor.is_constant:
            continue
        if maker is None or maker.kind not in _CHAIN or tensor.dtype not in ("FLOAT32", "BOOL"):
            sources.add(tensor)
            continue
        kinds.add(maker.kind)
        waiting += maker.inputs
    if len(sources) != 1 or not {"EXP", "LOG", "ADD"} <= kinds:
        return None
    (source,) = sources
    return source if _is_softplus(subgraph, source, tanh) else None


def _is_softplus(subgraph: Subgraph, source: Tensor, tanh: Operator) -> bool:
    """Try the operators between, on numbers: what they compute decides, not how they are put."""
    values = np.linspace(-12, 30, 43, dtype=np.float32)
    known: dict[Tensor, NDArray[Any]] = {source: values}
    for operator in subgraph.operators[: subgraph.operators.index(tanh)]:
        operands: list[NDArray[Any]] = []
        for tensor in operator.inputs:
            number = None if tensor is None else _number(tensor, known)
            if number is None:
                break
            operands.append(number)
        else:
            made = _computed(operator.kind, operands)
            if made is not None:
                known[operator.outputs[0]] = made
    read = tanh.inputs[0]
    found = None if read is None else known.get(read)
    expected = np.logaddexp(0, values.astype(np.float64))
    return found is not None and bool(np.allclose(found, expected, rtol=1e-3, atol=1e-5))


def _number(tensor: Tensor, known: Mapping[Tensor, NDArray[Any]]) -> NDArray[Any] | None:
    """Return a constant that is one number, or the values that are known of a tensor."""
    values = constant_values(tensor) if tensor.is_constant else known.get(tensor)
    if values is None or (tensor.is_constant and values.size != 1):
        return None
    return values.reshape(-1)


def _computed(kind: str, operands: Sequence[NDArray[Any]]) -> NDArray[Any] | None:
    functions: dict[str, Callable[..., Any]] = {
        "ADD": np.add,
        "EXP": np.exp,
        "LOG": np.log,
        "GREATER": np.greater,
        "SELECT": np.where,
        "SELECT_V2": np.where,
        "MINIMUM": np.minimum,
        "MAXIMUM": np.maximum,
    }
    with np.errstate(all="ignore"):
        return functions[kind](*operands) if kind in functions else None


def _rewrite_mish(subgraph: Subgraph, tanh: Operator, source: Tensor) -> None:
    """Write tanh(log(1 + e^x)) as 2 / (1 + s^2) - 1."""
    result = tanh.outputs[0]

    def like(part: str) -> Tensor:
        return Tensor(f"{result.name}/{part}", result.shape, "FLOAT32")

    def number(value: float) -> Tensor:
        values = np.full((1,) * result.rank, value, np.float32)
        return float32_constant(f"{result.name}/{value:g}", values)

    below, share, square, safe, root, inverse, double = (
        like(p) for p in ("below", "share", "square", "safe", "root", "inverse", "double")
    )
    made = [
        new_arithmetic("MUL", source, number(-1.0), below),
        new_operator("LOGISTIC", [below], [share]),
        new_arithmetic("MUL", share, share, square),
        new_arithmetic("ADD", square, number(1.0), safe),
        new_operator("RSQRT", [safe], [root]),
        new_arithmetic("MUL", root, root, inverse),
        new_arithmetic("MUL", inverse, number(2.0), double),
        new_arithmetic("SUB", double, number(1.0), result),
    ]
    _replace(subgraph, tanh, made)

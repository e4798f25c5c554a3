"""litert-torch: the one place that calls the converter."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgeseal._native import native_output_held_back
from edgeseal.convert._chain import Chain, advance
from edgeseal.errors import MissingExtraError
from edgeseal.graph import Model, read_model
from edgeseal.graph import Tensor as Value

__all__ = ["to_litert", "to_litert_in_pieces"]


def to_litert(module: nn.Module, sample: Sequence[Tensor]) -> Model:
    """Convert a module with litert-torch.

    Args:
        module: takes and returns tensors of fixed shapes.
        sample: arguments of those shapes.

    Raises:
        MissingExtraError: litert-torch is not installed.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "raw.tflite"
        with native_output_held_back(stdout=True, show_on_failure=True):
            _litert_torch().convert(module, tuple(sample)).export(str(path))
        return read_model(path)


def to_litert_in_pieces(chain: Chain, sample: Sequence[Tensor]) -> Model:
    """Convert a chain link by link and join the graphs; equal to converting it as one.

    The converter needs several times the memory of the weights that it sees. This way it sees those
    of one link; the constants of the joined graph stay in files, mapped.

    Args:
        chain: takes and returns tensors of fixed shapes.
        sample: arguments of those shapes.

    Raises:
        MissingExtraError: litert-torch is not installed.
    """
    values = tuple(sample)
    joined: Model | None = None
    for index, link in enumerate(chain):
        piece = to_litert(link, values[: link.takes])
        for tensor in piece.main.tensors():
            tensor.name = f"{index};{tensor.name}"
        joined = piece if joined is None else _join(joined, piece, link.takes)
        with torch.no_grad():
            values = advance(link, values)
    if joined is None:
        raise TypeError("a chain without links")
    return joined


def _join(model: Model, piece: Model, takes: int) -> Model:
    """Let a graph go on with a piece that takes the first of its results."""
    main, rest = model.main, piece.main
    taken = dict(zip(rest.inputs, main.outputs[:takes], strict=True))
    for operator in rest.operators:
        operator.inputs = [_replaced(tensor, taken) for tensor in operator.inputs]
    main.operators += rest.operators
    results = [taken.get(tensor, tensor) for tensor in rest.outputs]
    main.outputs = [*results, *main.outputs[takes:]]
    (signature,) = model.signatures
    signature.outputs = {f"output_{i}": tensor for i, tensor in enumerate(main.outputs)}
    return model


def _replaced(tensor: Value | None, taken: dict[Value, Value]) -> Value | None:
    return None if tensor is None else taken.get(tensor, tensor)


def _litert_torch() -> Any:
    try:
        import litert_torch
    except ModuleNotFoundError as error:
        raise MissingExtraError("converting a PyTorch model", "convert") from error
    return litert_torch

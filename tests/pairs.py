"""A tiny matched pair of models, built in code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import (
    Buffer,
    Model,
    Signature,
    Subgraph,
    Tensor,
    new_operator,
    write_model,
)
from edgeseal.watermark.runtime import ModelInfo, attach_info

BITS = 24
SIZE = 32
STRENGTH = 0.03
_EMBEDDER: dict[str, Any] = {"part": "embedder", "scaling_w": 0.8, "scaling_i": 0.97}


@dataclass(frozen=True)
class Pair:
    """Files of a detector and an embedder, and the weights inside, for oracles.

    The embedder is ``tanh(weight @ message + bias + 0.02 * image)``, the detector
    ``carriers @ image``, with output 0 always high.
    """

    detector: Path
    embedder: Path
    carriers: NDArray[np.float32]


def constant(name: str, array: NDArray[Any]) -> Tensor:
    kinds = {"float32": "FLOAT32", "int32": "INT32", "int8": "INT8"}
    return Tensor(name, array.shape, kinds[array.dtype.name], Buffer.of(array))


def value(name: str, *shape: int, dtype: str = "FLOAT32") -> Tensor:
    return Tensor(name, shape, dtype)


def one_graph(
    operators: list[Any], inputs: dict[str, Tensor], outputs: dict[str, Tensor], info: ModelInfo
) -> Model:
    subgraph = Subgraph("main", list(inputs.values()), list(outputs.values()), operators)
    model = Model([subgraph], [Signature("serving_default", subgraph, inputs, outputs)])
    attach_info(model, info)
    return model


def tiny_info(**changes: Any) -> ModelInfo:
    info = ModelInfo(
        card="tiny",
        part="detector",
        recipe="float32",
        bits=BITS,
        image_size=SIZE,
        random_seed=7,
        tools={"edgeseal": "0"},
    )
    return replace(info, **changes)


def detector_model(carriers: NDArray[np.float32], batch: int = 1, **changes: Any) -> Model:
    pixels = SIZE * SIZE * 3
    weight = np.concatenate([np.zeros((1, pixels), np.float32), carriers])
    bits = len(carriers)
    bias = np.zeros(1 + bits, np.float32)
    bias[0] = 9.0
    image, flat = value("image", batch, SIZE, SIZE, 3), value("flat", batch, pixels)
    logits = value("logits", batch, 1 + bits)
    shape = constant("shape", np.array([batch, pixels], np.int32))
    operators = [
        new_operator("RESHAPE", [image, shape], [flat]),
        new_operator(
            "FULLY_CONNECTED",
            [flat, constant("weight", weight), constant("bias", bias)],
            [logits],
            keepNumDims=False,
        ),
    ]
    return one_graph(operators, {"image": image}, {"logits": logits}, tiny_info(**changes))


def table_detector_model(carriers: NDArray[np.float32], **changes: Any) -> Model:
    """Return a detector that adds a table of rank 2 first, which LiteRT's GPU does wrongly."""
    model = detector_model(carriers, **changes)
    reshape = model.subgraphs[0].operators[0]
    (image, _), (flat,) = reshape.inputs, reshape.outputs
    rows = (SIZE, SIZE * 3)
    square, summed = value("square", *rows), value("summed", *rows)
    table = np.random.default_rng(3).normal(size=rows).astype(np.float32)
    operators = [
        new_operator("RESHAPE", [image, constant("rows", np.array(rows, np.int32))], [square]),
        new_operator("ADD", [square, constant("table", table)], [summed]),
        new_operator("RESHAPE", [summed, reshape.inputs[1]], [flat]),
    ]
    model.subgraphs[0].operators[:1] = operators
    return model


def embedder_model(carriers: NDArray[np.float32], **changes: Any) -> Model:
    weight = np.ascontiguousarray(2 * STRENGTH * carriers.T)
    image, message = value("image", 1, SIZE, SIZE, 3), value("message", 1, len(carriers))
    flat, square = value("flat", 1, len(weight)), value("square", 1, SIZE, SIZE, 3)
    scaled, mixed = value("scaled", *image.shape), value("mixed", *image.shape)
    delta = value("delta", *image.shape)
    bias = -STRENGTH * carriers.sum(0)
    shape = constant("shape", np.array([1, SIZE, SIZE, 3], np.int32))
    operators = [
        new_operator(
            "FULLY_CONNECTED",
            [message, constant("weight", weight), constant("bias", bias)],
            [flat],
            keepNumDims=False,
        ),
        new_operator("RESHAPE", [flat, shape], [square]),
        new_operator("MUL", [image, constant("c", np.full(1, 0.02, np.float32))], [scaled]),
        new_operator("ADD", [square, scaled], [mixed]),
        new_operator("TANH", [mixed], [delta]),
    ]
    inputs = {"image": image, "message": message}
    return one_graph(operators, inputs, {"delta": delta}, tiny_info(**_EMBEDDER | changes))


def make_carriers(bits: int = BITS) -> NDArray[np.float32]:
    """Return orthogonal patterns of unit RMS without a mean: float32 [bits, SIZE * SIZE * 3]."""
    noise = np.random.default_rng(1).normal(size=(SIZE * SIZE * 3, bits))
    basis, _ = np.linalg.qr(noise - noise.mean(0))
    return np.ascontiguousarray(basis.T * np.sqrt(SIZE * SIZE * 3), np.float32)


def write_pair(folder: Path, bits: int = BITS, **changes: Any) -> Pair:
    """Write a matched pair whose messages have a number of bits."""
    carriers = make_carriers(bits)
    changes = {"bits": bits, **changes}
    write_model(detector_model(carriers, **changes), folder / "detector.tflite")
    write_model(embedder_model(carriers, **changes), folder / "embedder.tflite")
    return Pair(folder / "detector.tflite", folder / "embedder.tflite", carriers)

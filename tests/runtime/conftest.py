"""A tiny matched pair of models, built in code, and pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgeseal.graph import (
    Buffer,
    Model,
    Quantization,
    Signature,
    Subgraph,
    Tensor,
    new_operator,
    write_model,
)
from edgeseal.runtime import ModelInfo, attach_info

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


def _constant(name: str, array: NDArray[Any]) -> Tensor:
    kinds = {"float32": "FLOAT32", "int32": "INT32", "int8": "INT8"}
    return Tensor(name, array.shape, kinds[array.dtype.name], Buffer.of(array))


def _value(name: str, *shape: int, dtype: str = "FLOAT32") -> Tensor:
    return Tensor(name, shape, dtype)


def _one_graph(
    operators: list[Any], inputs: dict[str, Tensor], outputs: dict[str, Tensor], info: ModelInfo
) -> Model:
    subgraph = Subgraph("main", list(inputs.values()), list(outputs.values()), operators)
    model = Model([subgraph], [Signature("serving_default", subgraph, inputs, outputs)])
    attach_info(model, info)
    return model


def _info(**changes: Any) -> ModelInfo:
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


def _detector_model(carriers: NDArray[np.float32], batch: int = 1, **changes: Any) -> Model:
    pixels = SIZE * SIZE * 3
    weight = np.concatenate([np.zeros((1, pixels), np.float32), carriers])
    bias = np.zeros(1 + BITS, np.float32)
    bias[0] = 9.0
    image, flat = _value("image", batch, SIZE, SIZE, 3), _value("flat", batch, pixels)
    logits = _value("logits", batch, 1 + BITS)
    shape = _constant("shape", np.array([batch, pixels], np.int32))
    operators = [
        new_operator("RESHAPE", [image, shape], [flat]),
        new_operator(
            "FULLY_CONNECTED",
            [flat, _constant("weight", weight), _constant("bias", bias)],
            [logits],
            keepNumDims=False,
        ),
    ]
    return _one_graph(operators, {"image": image}, {"logits": logits}, _info(**changes))


def _embedder_model(carriers: NDArray[np.float32], **changes: Any) -> Model:
    weight = np.ascontiguousarray(2 * STRENGTH * carriers.T)
    image, message = _value("image", 1, SIZE, SIZE, 3), _value("message", 1, BITS)
    flat, square = _value("flat", 1, len(weight)), _value("square", 1, SIZE, SIZE, 3)
    scaled, mixed = _value("scaled", *image.shape), _value("mixed", *image.shape)
    delta = _value("delta", *image.shape)
    bias = -STRENGTH * carriers.sum(0)
    shape = _constant("shape", np.array([1, SIZE, SIZE, 3], np.int32))
    operators = [
        new_operator(
            "FULLY_CONNECTED",
            [message, _constant("weight", weight), _constant("bias", bias)],
            [flat],
            keepNumDims=False,
        ),
        new_operator("RESHAPE", [flat, shape], [square]),
        new_operator("MUL", [image, _constant("c", np.full(1, 0.02, np.float32))], [scaled]),
        new_operator("ADD", [square, scaled], [mixed]),
        new_operator("TANH", [mixed], [delta]),
    ]
    inputs = {"image": image, "message": message}
    return _one_graph(operators, inputs, {"delta": delta}, _info(**_EMBEDDER | changes))


def _refused_model() -> Model:
    """The well-known failure: BATCH_MATMUL with an INT8 constant on the left."""
    image, logits = _value("image", 1, SIZE, SIZE, 3), _value("logits", 1, 1 + BITS)
    squared = _value("squared", 1, SIZE, SIZE, 3)
    left = _constant("table", np.ones((1, SIZE, SIZE, SIZE), np.int8))
    left.quantization = Quantization(np.full(1, 0.1, np.float32), np.zeros(1, np.int64))
    operators = [new_operator("BATCH_MATMUL", [left, image], [squared])]
    operators.append(
        new_operator("MEAN", [squared, _constant("axes", np.ones(1, np.int32))], [logits])
    )
    return _one_graph(operators, {"image": image}, {"logits": logits}, _info())


def _failing_model() -> Model:
    """A detector that prepares and then fails while running: GATHER beyond the end."""
    image, flat = _value("image", 1, SIZE, SIZE, 3), _value("flat", SIZE * SIZE * 3)
    logits = _value("logits", 1, 1 + BITS)
    shape = _constant("shape", np.full(1, SIZE * SIZE * 3, np.int32))
    beyond = _constant("beyond", np.full((1, 1 + BITS), 10**6, np.int32))
    operators = [
        new_operator("RESHAPE", [image, shape], [flat]),
        new_operator("GATHER", [flat, beyond], [logits], axis=0),
    ]
    return _one_graph(operators, {"image": image}, {"logits": logits}, _info())


@pytest.fixture(scope="session")
def carriers() -> NDArray[np.float32]:
    """Return orthogonal patterns of unit RMS without a mean: float32 [BITS, SIZE * SIZE * 3]."""
    noise = np.random.default_rng(1).normal(size=(SIZE * SIZE * 3, BITS))
    basis, _ = np.linalg.qr(noise - noise.mean(0))
    return np.ascontiguousarray(basis.T * np.sqrt(SIZE * SIZE * 3), np.float32)


@pytest.fixture(scope="session")
def pair(carriers: NDArray[np.float32], tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Return the matched pair as files."""
    folder = tmp_path_factory.mktemp("models")
    write_model(_detector_model(carriers), folder / "detector.tflite")
    write_model(_embedder_model(carriers), folder / "embedder.tflite")
    return Pair(folder / "detector.tflite", folder / "embedder.tflite", carriers)


@pytest.fixture
def write_detector(carriers: NDArray[np.float32], tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a detector with another batch size or description."""

    def write(*, batch: int = 1, **changes: Any) -> Path:
        path = tmp_path / "changed_detector.tflite"
        write_model(_detector_model(carriers, batch, **changes), path)
        return path

    return write


@pytest.fixture
def write_embedder(carriers: NDArray[np.float32], tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes an embedder with another description."""

    def write(**changes: Any) -> Path:
        path = tmp_path / "changed_embedder.tflite"
        write_model(_embedder_model(carriers, **changes), path)
        return path

    return write


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    """Return a detector that LiteRT refuses, the way a naively quantized one is."""
    path = tmp_path / "refused.tflite"
    write_model(_refused_model(), path)
    return path


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """Return a detector that LiteRT prepares but cannot run."""
    path = tmp_path / "failing.tflite"
    write_model(_failing_model(), path)
    return path


@pytest.fixture(scope="session")
def info() -> ModelInfo:
    """Return the description of the tiny detector."""
    return _info()


@pytest.fixture(scope="session")
def photo() -> NDArray[np.uint8]:
    """Return a smooth picture: uint8 [60, 90, 3]."""
    rows, columns = np.mgrid[0:60, 0:90]
    waves = [np.sin(rows / 9 + c) * np.cos(columns / 13 - c) for c in range(3)]
    shades: NDArray[np.float64] = np.rint(127 + 90 * np.stack(waves, 2))
    return shades.astype(np.uint8)


@pytest.fixture
def write_photo(photo: NDArray[np.uint8], tmp_path: Path) -> Callable[..., Path]:
    """Return a function that saves the picture under a name, with options of Pillow's save."""

    def write(name: str, **options: Any) -> Path:
        path = tmp_path / name
        Image.fromarray(photo).save(path, **options)
        return path

    return write

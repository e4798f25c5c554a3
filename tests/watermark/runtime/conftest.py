"""A tiny matched pair of models, built in code, and pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgeseal.tflite.graph import Model, Quantization, new_operator, write_model
from edgeseal.watermark.runtime import ModelInfo
from pairs import (
    BITS,
    SIZE,
    STRENGTH,
    Pair,
    constant,
    detector_model,
    embedder_model,
    make_carriers,
    one_graph,
    tiny_info,
    value,
    write_pair,
)

__all__ = ["BITS", "SIZE", "STRENGTH", "Pair"]


def _refused_model() -> Model:
    """The well-known failure: BATCH_MATMUL with an INT8 constant on the left."""
    image, logits = value("image", 1, SIZE, SIZE, 3), value("logits", 1, 1 + BITS)
    squared = value("squared", 1, SIZE, SIZE, 3)
    left = constant("table", np.ones((1, SIZE, SIZE, SIZE), np.int8))
    left.quantization = Quantization(np.full(1, 0.1, np.float32), np.zeros(1, np.int64))
    operators = [new_operator("BATCH_MATMUL", [left, image], [squared])]
    operators.append(
        new_operator("MEAN", [squared, constant("axes", np.ones(1, np.int32))], [logits])
    )
    return one_graph(operators, {"image": image}, {"logits": logits}, tiny_info())


def _failing_model() -> Model:
    """A detector that prepares and then fails while running: GATHER beyond the end."""
    image, flat = value("image", 1, SIZE, SIZE, 3), value("flat", SIZE * SIZE * 3)
    logits = value("logits", 1, 1 + BITS)
    shape = constant("shape", np.full(1, SIZE * SIZE * 3, np.int32))
    beyond = constant("beyond", np.full((1, 1 + BITS), 10**6, np.int32))
    operators = [
        new_operator("RESHAPE", [image, shape], [flat]),
        new_operator("GATHER", [flat, beyond], [logits], axis=0),
    ]
    return one_graph(operators, {"image": image}, {"logits": logits}, tiny_info())


@pytest.fixture(scope="session")
def carriers() -> NDArray[np.float32]:
    """Return orthogonal patterns of unit RMS without a mean: float32 [BITS, SIZE * SIZE * 3]."""
    return make_carriers()


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Return the matched pair as files."""
    return write_pair(tmp_path_factory.mktemp("models"))


@pytest.fixture
def write_detector(carriers: NDArray[np.float32], tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a detector with another batch size or description."""

    def write(*, batch: int = 1, **changes: Any) -> Path:
        path = tmp_path / "changed_detector.tflite"
        write_model(detector_model(carriers, batch, **changes), path)
        return path

    return write


@pytest.fixture
def write_embedder(carriers: NDArray[np.float32], tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes an embedder with another description."""

    def write(**changes: Any) -> Path:
        path = tmp_path / "changed_embedder.tflite"
        write_model(embedder_model(carriers, **changes), path)
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
    return tiny_info()


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

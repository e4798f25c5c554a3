"""Detectors in ONNX Runtime and OpenVINO, on one thread of the processor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import FileError, MissingExtraError, ModelError, UsageError
from edgeseal.watermark import cards
from edgeseal.watermark._peer_sessions import open_onnx_session, open_openvino_model
from edgeseal.watermark.evaluate._engines import OpenDetector
from edgeseal.watermark.runtime import ModelInfo

__all__ = ["open_onnx", "open_openvino"]

Batch = NDArray[np.float32]
Run = Callable[[Batch], Batch]


class PeerDetector:
    """A detector that takes one picture at a time, its channels first or last."""

    def __init__(self, run: Run, *, channels_first: bool) -> None:
        """Wrap a function: float32 [1, ...] in 0..1 -> logits [1, 1 + bits]."""
        self._run = run
        self._channels_first = channels_first

    def logits(self, batch: Batch) -> Batch:
        """Return float32 [N, bits] (without index 0) for pictures float32 [N, H, W, 3] in 0..1."""
        if self._channels_first:
            batch = batch.transpose(0, 3, 1, 2)
        runs = [self._run(np.ascontiguousarray(picture[None])) for picture in batch]
        return np.concatenate(runs)[:, 1:]


def open_onnx(path: Path, card: str | None) -> OpenDetector:
    """Open an ``.onnx`` file of a card's detector.

    Raises:
        UsageError: the card is missing or unknown.
        MissingExtraError: ONNX Runtime is not installed.
        FileError, ModelError: the file cannot be loaded, or is no detector of the card.
    """
    chosen = _card(path, card)
    try:
        session = open_onnx_session(path, threads=1)
    except ModuleNotFoundError as error:
        raise MissingExtraError("evaluating .onnx files", "peers") from error
    except Exception as error:  # each kind of damage has a class of its own
        raise _unloadable(path, error) from error
    given = session.get_inputs()
    first = _layout(path, chosen, [list(one.shape) for one in given])
    name = given[0].name

    def run(batch: Batch) -> Batch:
        result: Batch = session.run(None, {name: batch})[0]
        return result

    return _opened(path, chosen, "ONNX Runtime", run, channels_first=first)


def open_openvino(path: Path, card: str | None) -> OpenDetector:
    """Open an OpenVINO ``.xml`` file of a card's detector; its weights lie beside it.

    Raises:
        UsageError: the card is missing or unknown.
        MissingExtraError: OpenVINO is not installed.
        FileError, ModelError: the file cannot be loaded, or is no detector of the card.
    """
    chosen = _card(path, card)
    try:
        compiled = open_openvino_model(path, threads=1)
    except ModuleNotFoundError as error:
        raise MissingExtraError("evaluating OpenVINO files", "peers") from error
    except RuntimeError as error:
        raise _unloadable(path, error) from error
    first = _layout(path, chosen, [list(one.partial_shape.to_shape()) for one in compiled.inputs])
    request = compiled.create_infer_request()

    def run(batch: Batch) -> Batch:
        return np.array(request.infer([batch])[0], np.float32)

    return _opened(path, chosen, "OpenVINO", run, channels_first=first)


def _card(path: Path, card: str | None) -> cards.Card:
    if not path.is_file():
        raise FileError(f"{path}: cannot be read (no such file)")
    if card is None:
        raise UsageError(
            f"{path}: a file of another engine does not say its card; give `card` CARD"
        )
    return cards.load_card(card)


def _unloadable(path: Path, error: Exception) -> ModelError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return ModelError(f"{path}: cannot be loaded: {lines[0]}")


def _layout(path: Path, card: cards.Card, shapes: list[list[object]]) -> bool:
    """Return whether the channels come first."""
    size = card.image_size
    last, first = [size, size, 3], [3, size, size]
    if len(shapes) != 1 or shapes[0][1:] not in (last, first):
        raise ModelError(
            f"{path}: no detector of {card.name}: expected one input [1, {size}, {size}, 3] or "
            f"[1, 3, {size}, {size}], got {shapes}"
        )
    return shapes[0][1:] == first


def _opened(
    path: Path, card: cards.Card, engine: str, run: Run, *, channels_first: bool
) -> OpenDetector:
    detector = PeerDetector(run, channels_first=channels_first)
    read = detector.logits(np.zeros((1, card.image_size, card.image_size, 3), np.float32))
    if read.shape != (1, card.bits):
        raise ModelError(
            f"{path}: no detector of {card.name}: expected 1 + {card.bits} logits, got "
            f"{1 + read.shape[-1]}"
        )
    info = ModelInfo(
        card=card.name,
        part=cards.Part.DETECTOR.value,
        recipe=path.suffix[1:].lower(),
        bits=card.bits,
        image_size=card.image_size,
    )
    return OpenDetector(path, engine, info, detector)

"""Which peers there are, and what has to be made for them first."""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgeseal.errors import EdgesealError, MissingExtraError, UsageError
from edgeseal.tflite.benchmark import Engine, Run
from edgeseal.watermark.cards import ViTSpec, load_card
from edgeseal.watermark.peers._onnx import (
    OnnxEngine,
    export_onnx,
    quantize_dynamic_onnx,
    quantize_static_onnx,
)
from edgeseal.watermark.peers._openvino import OpenVinoEngine, export_openvino, quantize_nncf
from edgeseal.watermark.peers._peer_weights import PeerWeights
from edgeseal.watermark.peers._torch import TorchEngine

__all__ = ["PEERS", "Peer", "find_peers", "prepare_peers"]


@dataclass(frozen=True, slots=True)
class Peer:
    """An engine with one way to set it up.

    Attributes:
        name: what the command line calls it.
        summary: one line for people.
        packages: modules that it needs.
        prepare: writes what it loads into a folder, and returns it.
    """

    name: str
    summary: str
    packages: tuple[str, ...]
    prepare: Callable[[_Workshop], Engine]


class _Workshop:
    """Makes files for peers; each once."""

    def __init__(
        self,
        weights: PeerWeights,
        folder: Path,
        calibration: Sequence[tuple[NDArray[Any], ...]],
        threads: int,
    ) -> None:
        self.weights = weights
        self.threads = threads
        self.calibration = calibration
        self._folder = folder

    def made(self, name: str, make: Callable[[Path], None]) -> Path:
        """Return a file, which ``make`` writes if it is not there."""
        path = self._folder / name
        if not path.exists():
            try:
                make(path)
            except BaseException:  # half a file is none for the next peer
                path.unlink(missing_ok=True)
                raise
        return path

    def onnx(self) -> Path:
        return self.made("float32.onnx", lambda path: export_onnx(self.weights, path))

    def openvino(self) -> Path:
        return self.made("float32.xml", lambda path: export_openvino(self.weights, path))

    @property
    def is_transformer(self) -> bool:
        return isinstance(load_card(self.weights.card).spec(self.weights.part), ViTSpec)


def _torch(work: _Workshop) -> Engine:
    return TorchEngine(work.weights, work.threads)


def _torch_compiled(work: _Workshop) -> Engine:
    return TorchEngine(work.weights, work.threads, compiled=True)


def _onnx(work: _Workshop) -> Engine:
    return OnnxEngine(work.onnx(), work.weights, "float32", work.threads)


def _onnx_dynamic(work: _Workshop) -> Engine:
    path = work.made("dynamic.onnx", lambda target: quantize_dynamic_onnx(work.onnx(), target))
    return OnnxEngine(path, work.weights, "dynamic INT8", work.threads)


def _onnx_static(work: _Workshop) -> Engine:
    def make(target: Path) -> None:
        quantize_static_onnx(work.onnx(), target, work.calibration)

    return OnnxEngine(work.made("static.onnx", make), work.weights, "static INT8", work.threads)


def _openvino(work: _Workshop) -> Engine:
    return OpenVinoEngine(work.openvino(), work.weights, "float32", "f32", work.threads)


def _openvino_bf16(work: _Workshop) -> Engine:
    return OpenVinoEngine(work.openvino(), work.weights, "bfloat16", "bf16", work.threads)


def _openvino_int8(work: _Workshop) -> Engine:
    def make(target: Path) -> None:
        source = work.openvino()
        quantize_nncf(source, target, work.calibration, transformer=work.is_transformer)

    path = work.made("int8.xml", make)
    return OpenVinoEngine(path, work.weights, "NNCF INT8", None, work.threads)


_ONNX = ("torch", "onnx", "onnxscript", "onnxruntime")
_OPENVINO = ("torch", "openvino")

PEERS = {
    peer.name: peer
    for peer in (
        Peer("torch", "PyTorch, eager", ("torch",), _torch),
        Peer("torch-compiled", "PyTorch, torch.compile", ("torch",), _torch_compiled),
        Peer("onnx", "ONNX Runtime, float32", _ONNX, _onnx),
        Peer("onnx-dynamic", "ONNX Runtime, dynamic INT8", _ONNX, _onnx_dynamic),
        Peer("onnx-static", "ONNX Runtime, static INT8 (QDQ)", _ONNX, _onnx_static),
        Peer("openvino", "OpenVINO, float32", _OPENVINO, _openvino),
        Peer("openvino-bf16", "OpenVINO, bfloat16", _OPENVINO, _openvino_bf16),
        Peer("openvino-int8", "OpenVINO, INT8 by NNCF", (*_OPENVINO, "nncf"), _openvino_int8),
    )
}


def find_peers(names: Sequence[str]) -> list[Peer]:
    """Return peers by name, all for no name.

    Raises:
        UsageError: there are no such peers; all are named.
        MissingExtraError: a package is not installed.
    """
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        hints = [difflib.get_close_matches(name, PEERS, n=1) for name in unknown]
        listed = ", ".join(
            f"{name!r}" + (f" (did you mean {close[0]}?)" if close else "")
            for name, close in zip(unknown, hints, strict=True)
        )
        raise UsageError(f"unknown peers: {listed}; known peers: {', '.join(PEERS)}")
    chosen = [PEERS[name] for name in names or PEERS]
    for peer in chosen:
        if any(importlib.util.find_spec(package) is None for package in peer.packages):
            raise MissingExtraError(f"the peer {peer.name}", "peers")
    return chosen


def prepare_peers(
    peers: Sequence[Peer],
    weights: PeerWeights,
    folder: Path,
    *,
    calibration: Sequence[tuple[NDArray[Any], ...]],
    threads: int,
    advance: Callable[[str], None] = lambda _: None,
) -> list[Engine]:
    """Make what peers load: exports and quantized files.

    Args:
        peers: from :func:`find_peers`.
        weights: the same for all.
        folder: for the files; they must stay until the engines have loaded.
        calibration: inputs of the float model for static quantization, pictures float32
            [1, size, size, 3] in 0..1.
        threads: that each may use.
        advance: called with what is done next.
    """
    work = _Workshop(weights, folder, calibration, threads)
    engines: list[Engine] = []
    for peer in peers:
        advance(f"preparing {peer.summary}")
        try:
            engines.append(peer.prepare(work))
        except EdgesealError:
            raise
        except Exception as error:  # other people's exporters fail in their own ways
            engines.append(_Unprepared(str(weights), peer.summary, str(error)))
    return engines


@dataclass(frozen=True, slots=True)
class _Unprepared:
    """Stands for a peer whose files could not be made."""

    model: str
    name: str
    reason: str
    libraries: tuple[str, ...] = ()
    size_bytes: int | None = None

    def load(self) -> Run:
        raise RuntimeError(f"could not be prepared: {self.reason}")

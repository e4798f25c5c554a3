"""ONNX Runtime: float, dynamic INT8 and static INT8 in the QDQ form."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.benchmark import Run
from edgeseal.watermark._peer_sessions import open_onnx_session
from edgeseal.watermark.peers._peer_weights import PeerWeights
from edgeseal.watermark.peers._quiet import quiet

__all__ = [
    "OnnxEngine",
    "export_onnx",
    "quantize_dynamic_onnx",
    "quantize_static_onnx",
    "sums_saturate",
]

_Inputs = tuple[NDArray[Any], ...]
_X86 = ("x86_64", "amd64", "i386", "i686")
_PROCESSOR = Path("/proc/cpuinfo")
_ONE_FILE = 3 * 2**29  # bytes of weights; a protobuf file ends at 2 GiB


@dataclass(frozen=True, slots=True)
class OnnxEngine:
    """An ONNX file in ONNX Runtime on the processor.

    Attributes:
        path: the file; pictures NHWC.
        weights: what it was made from.
        form: how, such as ``float32``.
        threads: that it may use.
    """

    path: Path
    weights: PeerWeights
    form: str
    threads: int = 1

    @property
    def model(self) -> str:
        return str(self.weights)

    @property
    def name(self) -> str:
        return f"ONNX Runtime {self.form}"

    @property
    def libraries(self) -> tuple[str, ...]:
        return ("onnxruntime",)

    @property
    def size_bytes(self) -> int:
        return sum(file.stat().st_size for file in self.path.parent.glob(f"{self.path.name}*"))

    def load(self) -> Run:
        """Open a session with all graph optimizations."""
        session = open_onnx_session(self.path, self.threads)
        names = [argument.name for argument in session.get_inputs()]

        def run(values: _Inputs) -> NDArray[np.float32]:
            result: NDArray[np.float32] = session.run(None, dict(zip(names, values, strict=True)))[
                0
            ]
            return result

        return run


def export_onnx(weights: PeerWeights, path: Path) -> None:
    """Write a part as ONNX, pictures NHWC, with PyTorch's own exporter."""
    import torch

    from edgeseal.watermark.convert import ChannelsLast, sample_inputs

    loaded = weights.load()
    with quiet():
        torch.onnx.export(
            ChannelsLast(loaded.module).eval(),
            sample_inputs(loaded)[0],
            path,
            dynamo=True,
            external_data=_size_bytes(loaded.module) > _ONE_FILE,
            verbose=False,
            input_names=["image", "message"][: len(sample_inputs(loaded)[0])],
        )


def quantize_dynamic_onnx(source: Path, target: Path) -> None:
    """Quantize as the documentation recommends for transformers: signed weights per channel."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with quiet():
        prepared = _prepared(source, target)
        quantize_dynamic(prepared, target, per_channel=True, weight_type=QuantType.QInt8)


def quantize_static_onnx(source: Path, target: Path, calibration: Sequence[_Inputs]) -> None:
    """Quantize as recommended for processors: QDQ, signed activations and weights per channel.

    Weights have 7 bits where products of 8 would not fit what the processor sums them in.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType
    from onnxruntime.quantization import quantize_static as quantize_file

    names = ("image", "message")

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hands out the calibration inputs one by one."""

        def __init__(self) -> None:
            self._left = iter(calibration)

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            values = next(self._left, None)
            return None if values is None else dict(zip(names, values, strict=False))

    with quiet():
        quantize_file(
            _prepared(source, target),
            target,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            reduce_range=sums_saturate(),
        )


def sums_saturate() -> bool:
    """Return whether ONNX Runtime sums pairs of products in 16 bits here, which may not hold them.

    So it does on x86 without VNNI; its documentation has ``reduce_range`` for these processors.
    """
    if platform.machine().lower() not in _X86:
        return False
    return not _PROCESSOR.exists() or "vnni" not in _PROCESSOR.read_text()


def _size_bytes(module: Any) -> int:
    return sum(4 * parameter.numel() for parameter in module.parameters())


def _prepared(source: Path, target: Path) -> Path:
    """Infer shapes and optimize before quantization, as the documentation asks."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = target.with_name(f"prepared_{target.name}")
    # symbolic inference is for dynamic shapes, which these models have none of
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    return prepared

"""OpenVINO: float, bfloat16, and INT8 by NNCF."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.benchmark import Run
from edgeseal.watermark._peer_sessions import open_openvino_model
from edgeseal.watermark.peers._peer_weights import PeerWeights
from edgeseal.watermark.peers._quiet import quiet

__all__ = ["OpenVinoEngine", "export_openvino", "quantize_nncf"]

_Inputs = tuple[NDArray[Any], ...]


@dataclass(frozen=True, slots=True)
class OpenVinoEngine:
    """A model in OpenVINO on the processor.

    Attributes:
        path: the ``.xml`` file; the weights lie beside it. Pictures NHWC.
        weights: what it was made from.
        form: how, such as ``float32``.
        precision: ``f32`` or ``bf16`` for what is computed in floats; None for OpenVINO's choice.
        threads: that it may use.
    """

    path: Path
    weights: PeerWeights
    form: str
    precision: str | None = None
    threads: int = 1

    @property
    def model(self) -> str:
        return str(self.weights)

    @property
    def name(self) -> str:
        return f"OpenVINO {self.form}"

    @property
    def libraries(self) -> tuple[str, ...]:
        return ("openvino",)

    @property
    def size_bytes(self) -> int:
        return self.path.with_suffix(".bin").stat().st_size + self.path.stat().st_size

    def load(self) -> Run:
        """Compile for lowest latency."""
        compiled = open_openvino_model(self.path, self.threads, precision=self.precision)
        request = compiled.create_infer_request()

        def run(values: _Inputs) -> NDArray[np.float32]:
            result: NDArray[np.float32] = request.infer(values, share_inputs=True)[0]
            return result

        return run


def export_openvino(weights: PeerWeights, path: Path) -> None:
    """Write a part as OpenVINO IR in float32, pictures NHWC."""
    from edgeseal.watermark.convert import ChannelsLast, sample_inputs

    loaded = weights.load()
    sample = sample_inputs(loaded)[0]
    with quiet():
        import openvino

        model = openvino.convert_model(
            ChannelsLast(loaded.module).eval(),
            example_input=sample,
            input=[tuple(value.shape) for value in sample],
        )
        openvino.save_model(model, path, compress_to_fp16=False)


def quantize_nncf(
    source: Path, target: Path, calibration: Sequence[_Inputs], *, transformer: bool
) -> None:
    """Quantize with NNCF's post-training algorithm.

    Args:
        source: float IR.
        target: IR to write.
        calibration: inputs of the model.
        transformer: whether NNCF's preset for transformers fits.
    """
    with quiet():
        import nncf
        import openvino

        logging.getLogger("nncf").setLevel(logging.ERROR)
        quantized = nncf.quantize(
            openvino.Core().read_model(source),
            nncf.Dataset(list(calibration)),
            subset_size=len(calibration),
            model_type=nncf.ModelType.TRANSFORMER if transformer else None,
            preset=nncf.QuantizationPreset.MIXED,
        )
        openvino.save_model(quantized, target, compress_to_fp16=False)

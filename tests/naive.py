"""What users have: stock conversions, quantized with stock recipes that do not run."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path

import numpy as np
import torch
from ai_edge_quantizer import quantizer, recipe

from conversions import loaded_part
from edgeseal._native import native_output_held_back
from edgeseal.tflite.graph import serialize, write_model
from edgeseal.watermark.cards import Part
from edgeseal.watermark.convert import stock_conversion, stock_dynamic_int8, to_litert


class Attention(torch.nn.Module):
    """What makes INT16 fail twice: `x * 2 - 1`, and a constant on the left of a product."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.table = torch.nn.Parameter(torch.randn(1, 8, 8, generator=generator))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.table @ (image * 2 - 1)


def naive_float(folder: Path) -> Path:
    """A small VideoSeal 0.0 detector as the stock converter leaves it."""
    path = folder / "float.tflite"
    path.write_bytes(_stock_detector())
    return path


@functools.cache
def _stock_detector() -> bytes:
    """Convert once for all tests in this process."""
    return bytes(serialize(stock_conversion(loaded_part(Part.DETECTOR))))


def naive_dynamic(source: Path) -> Path:
    """The same with stock dynamic INT8: cannot be prepared."""
    path = source.with_name("dynamic.tflite")
    stock_dynamic_int8(source, path)
    return path


def naive_int16(folder: Path) -> Path:
    """INT16 activations with two causes of failure."""
    image = torch.linspace(0, 1, 64).reshape(1, 8, 8)
    source, path = folder / "attention.tflite", folder / "int16.tflite"
    write_model(to_litert(Attention().eval(), [image]), source)
    job = quantizer.Quantizer(str(source), recipe.static_wi8_ai16())
    with native_output_held_back(stdout=True, show_on_failure=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it keeps all tensors to calibrate, and says so
        calibration = job.calibrate({"serving_default": [{"args_0": np.asarray(image)}]})
        job.quantize(calibration).export_model(str(path))
    return path

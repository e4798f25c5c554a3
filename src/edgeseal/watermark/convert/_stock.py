"""The usual way, for comparison: plain definition, stock converter, stock INT8 recipe."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeseal._native import native_output_held_back
from edgeseal.errors import MissingExtraError
from edgeseal.tflite.graph import Model
from edgeseal.watermark.convert._convert import ChannelsLast, describe, sample_inputs
from edgeseal.watermark.convert._stock_converter import to_litert
from edgeseal.watermark.models import LoadedPart

__all__ = ["stock_conversion", "stock_dynamic_int8"]

_TOOLS = ("edgeseal", "torch", "litert-torch", "ai-edge-litert")


def stock_conversion(loaded: LoadedPart) -> Model:
    """Convert a part as it is defined, with transposes around it, and describe it.

    Raises:
        MissingExtraError: litert-torch is not installed.
    """
    model = to_litert(ChannelsLast(loaded.module).eval(), sample_inputs(loaded)[0])
    describe(model, loaded, recipe="float32", tools=_TOOLS)
    return model


def stock_dynamic_int8(source: Path, target: Path, *, kept_float: Sequence[str] = ()) -> None:
    """Quantize a float ``.tflite`` with ai-edge-quantizer's own dynamic INT8 recipe.

    Args:
        source: the float file.
        target: the file to write; LiteRT may well refuse it.
        kept_float: kinds of operators to leave alone, such as ``BATCH_MATMUL``.

    Raises:
        MissingExtraError: ai-edge-quantizer is not installed.
    """
    quantizer, recipe = _ai_edge_quantizer()
    with native_output_held_back(stdout=True, show_on_failure=True):
        job = quantizer.Quantizer(os.fspath(source), recipe.dynamic_wi8_afp32())
        for kind in kept_float:
            job.update_quantization_recipe(
                regex=".*", operation_name=kind, algorithm_key="no_quantize"
            )
        job.quantize().export_model(os.fspath(target), overwrite=True)


def _ai_edge_quantizer() -> tuple[Any, Any]:
    try:
        from ai_edge_quantizer import quantizer, recipe
    except ModuleNotFoundError as error:
        raise MissingExtraError("the stock quantizer", "convert") from error
    return quantizer, recipe

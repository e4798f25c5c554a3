r"""Activations with outlier channels, as real pre-trained transformers have them.

::

    python benchmarks/hostile_activations.py --card videoseal_0.0 --card videoseal_1.0

Behind every LayerNorm that a linear layer follows, 6 channels are scaled by 15 to 80 and the linear
layer's columns divided by the same: the function stays what it was in float. Each recipe then
quantizes the plain model and the hostile one, with its equalization switched off and on, once as
the stock converter writes them (the scaling is in the graph) and once as ``edgeseal convert`` does
(which folds a LayerNorm's affine part into the layer behind it). Errors are those of the logits
against the plain float model, on pink-noise pictures. Recipes that need data are calibrated on the
bundled photographs, as on the command line. ``--folder`` keeps the conversions.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from edgeseal.errors import EdgesealError
from edgeseal.tflite.graph import Model, read_model, write_model
from edgeseal.tflite.metrics import nmse_img, sign_agreement
from edgeseal.tflite.quantization import Recipe, bundled_calibration, find_recipe, quantize
from edgeseal.watermark.cards import Part, load_card
from edgeseal.watermark.convert import convert_part, stock_conversion
from edgeseal.watermark.models import random_weights
from edgeseal.watermark.runtime import load_detector
from pink_noise import pink_noise

_SEED = 0
_CHANNELS, _SMALLEST, _LARGEST = 6, 15, 80
_CARDS = ("videoseal_0.0", "videoseal_1.0")
_RECIPES = ("weight-int8", "dynamic-int8", "mixed-int4", "hybrid-int8", "full-int8")
_CONSOLE = Console(width=120)

Float = NDArray[np.float32]


def main() -> None:
    arguments = _parse()
    names = ("edgeseal", "torch", "litert-torch", "ai-edge-litert")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    _CONSOLE.print(f"{versions}, Python {platform.python_version()}")
    table = Table("card", "converter", "recipe", "equalized", "plain", "hostile", "x", "sign")
    for card in arguments.card or _CARDS:
        with tempfile.TemporaryDirectory() as temporary:
            folder = arguments.folder or Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            for row in _rows(card, folder, arguments):
                table.add_row(card, *row)
    _CONSOLE.print(
        f"NMSE(img) of the logits, {arguments.pictures} pink-noise pictures, seed {_SEED}; x: "
        "hostile by the better of the recipe's two plain errors"
    )
    _CONSOLE.print(table)


def make_hostile(module: torch.nn.Module, *, seed: int = _SEED) -> None:
    """Scale channels behind each LayerNorm of a detector, and undo it in the layer behind."""
    rng = np.random.default_rng(seed)
    for block in module.modules():
        for norm, linear in _pairs(block):
            channels = rng.choice(norm.weight.shape[0], _CHANNELS, replace=False)
            factors = torch.from_numpy(rng.uniform(_SMALLEST, _LARGEST, _CHANNELS)).float()
            with torch.no_grad():
                norm.weight[channels] *= factors
                norm.bias[channels] *= factors
                linear.weight[:, channels] /= factors


def _pairs(block: Any) -> list[tuple[Any, Any]]:
    """Return the norms of a block with the linear layers that read them."""
    if hasattr(block, "attn") and hasattr(block, "mlp"):
        return [(block.norm1, block.attn.qkv), (block.norm2, block.mlp.lin1)]
    if hasattr(block, "pwconv1"):
        return [(block.norm, block.pwconv1)]
    return []


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--card", action="append", help="may be repeated")
    parser.add_argument("--recipe", action="append", help="may be repeated")
    parser.add_argument("--pictures", type=int, default=16)
    parser.add_argument("--folder", type=Path, help="keep the conversions here")
    return parser.parse_args()


def _rows(card: str, folder: Path, arguments: argparse.Namespace) -> Iterator[list[str]]:
    files = _files(card, folder)
    batch = pink_noise(arguments.pictures, load_card(card).image_size, seed=_SEED)
    for converter in ("stock", "edgeseal"):
        plain, hostile = (files[converter, kind] for kind in ("plain", "hostile"))
        expected = load_detector(plain).logits(batch)
        rounding = nmse_img(load_detector(hostile).logits(batch), expected)
        yield [converter, "float32", "", "0", f"{rounding:.1e}", "", ""]
        for name in arguments.recipe or _RECIPES:
            variants = [_equalized(find_recipe(name), wanted) for wanted in (False, True)]
            try:
                mild = [_error(_logits(plain, v, folder, batch), expected) for v in variants]
            except EdgesealError as error:  # no integer form of the stock converter's LayerNorm
                _CONSOLE.print(f"{card}, {converter}, {name}: {error}")
                continue
            for variant, plain_error in zip(variants, mild, strict=True):
                logits = _logits(hostile, variant, folder, batch)
                worse = _error(logits, expected)
                row = [converter, name, "yes" if variant.methods.equalize else "no"]
                row += [f"{plain_error:.5f}", f"{worse:.5f}", f"{worse / min(mild):.2f}"]
                yield [*row, f"{sign_agreement(logits, expected):.4f}"]


def _error(logits: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    error = nmse_img(logits, expected)
    assert error is not None  # pictures differ
    return error


def _files(card: str, folder: Path) -> dict[tuple[str, str], Path]:
    """Convert the plain and the hostile detector with both converters."""
    files = {
        (converter, kind): folder / f"{card}_{converter}_{kind}.tflite"
        for converter in ("stock", "edgeseal")
        for kind in ("plain", "hostile")
    }
    for kind in ("plain", "hostile"):
        if all(files[converter, kind].exists() for converter in ("stock", "edgeseal")):
            continue
        loaded = random_weights(load_card(card), Part.DETECTOR, _SEED)
        if kind == "hostile":
            make_hostile(loaded.module)
        made: dict[str, Model] = {"stock": stock_conversion(loaded)}
        made["edgeseal"] = convert_part(loaded).model
        for converter, model in made.items():
            write_model(model, files[converter, kind], overwrite=True)
    return files


def _equalized(recipe: Recipe, wanted: bool) -> Recipe:
    methods = dataclasses.replace(recipe.methods, equalize=wanted)
    return dataclasses.replace(recipe, name=f"{recipe.name}-trial", methods=methods)


def _logits(source: Path, recipe: Recipe, folder: Path, batch: Float) -> Float:
    model = read_model(source)
    calibration = bundled_calibration(model, recipe) if recipe.needs_calibration else None
    quantize(model, recipe, calibration=calibration)
    path = folder / "quantized.tflite"
    write_model(model, path, overwrite=True)
    return load_detector(path).logits(batch)


if __name__ == "__main__":
    main()

"""From a loaded PyTorch part to a float graph that is proven equal to it."""

from __future__ import annotations

import gc
import importlib.metadata
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgeseal._leftovers import scratch_folder
from edgeseal.data import photo_paths
from edgeseal.errors import ConversionError
from edgeseal.pictures import read_image, resize
from edgeseal.tflite.graph import Model, read_model, write_model
from edgeseal.tflite.rewrites import LEAN, SPLIT_TALL_WEIGHTS, lean
from edgeseal.watermark.cards import Part
from edgeseal.watermark.convert._attenuated_embedder import (
    AttenuatedEmbedder,
    attenuated,
    attenuated_chain,
)
from edgeseal.watermark.convert._carrier import ExportableCarrierEmbedder
from edgeseal.watermark.convert._convnext import ExportableConvNeXtDetector
from edgeseal.watermark.convert._double import results_in_double
from edgeseal.watermark.convert._structure import structural_problems
from edgeseal.watermark.convert._unet import ExportableUNetEmbedder
from edgeseal.watermark.convert._vit import ExportableViTDetector
from edgeseal.watermark.convert.lowering import lower
from edgeseal.watermark.models import (
    CarrierEmbedder,
    ConvNeXtDetector,
    LoadedPart,
    Provenance,
    UNetEmbedder,
    ViTDetector,
)
from edgeseal.watermark.runtime import ModelInfo, attach_info, open_session

__all__ = [
    "ChannelsLast",
    "Conversion",
    "convert_part",
    "describe",
    "exportable",
    "sample_inputs",
]

Float = NDArray[np.float32]
Double = NDArray[np.float64]

# Largest difference allowed, on the scale of the larger of 1 and the largest value.
REWRITE_TOLERANCE = 1e-5  # the form that is exported against the plain definition
RUNTIME_TOLERANCE = 1e-4  # LiteRT against PyTorch

_LARGE = 2**30  # bytes of weights

_SIGNATURE = "serving_default"
_INPUT_NAMES = {Part.DETECTOR: ("image",), Part.EMBEDDER: ("image", "message")}
_OUTPUT_NAME = {Part.DETECTOR: "logits", Part.EMBEDDER: "delta"}
_TOOLS = ("edgeseal", "torch", "ai-edge-litert")


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted part.

    Attributes:
        model: the float graph, with its description attached.
        info: that description.
        rewrite_difference: largest difference of the exported form from the plain definition.
        runtime_difference: largest difference of LiteRT's results from PyTorch's, on photographs.
    """

    model: Model
    info: ModelInfo
    rewrite_difference: float
    runtime_difference: float


def convert_part(loaded: LoadedPart, *, include_attenuation: bool = False) -> Conversion:
    """Convert a part to a float graph and prove it equal.

    Args:
        loaded: the part.
        include_attenuation: whether an embedder multiplies its watermark with the attenuation map
            of the picture that it gets; else whoever adds the watermark does that.

    Raises:
        ConversionError: there is no attenuation to include; or the result differs from the
            definition by more than rounding, or has a structure that delegates or quantizers cannot
            take, and all such problems are listed.
    """
    if include_attenuation:
        loaded = attenuated(loaded)
    module = exportable(loaded.module, loaded.card.image_size)
    # one picture tells of a large network what two tell of a small one, in half the minutes
    samples = sample_inputs(loaded, count=1 if _size_bytes(module) > _LARGE else 2)
    plain = results_in_double(ChannelsLast(loaded.module), samples)
    rewritten = results_in_double(module, samples)
    rewrite_difference = _difference(rewritten, plain)
    model = lower(module, samples[0])
    lean(model, (*LEAN, SPLIT_TALL_WEIGHTS))  # the last for GPUs, which take such weights wrong
    info = describe(model, loaded, recipe="float32")
    part, what = loaded.part, f"{loaded.card.name} {loaded.part.value}"
    with scratch_folder() as folder:
        path = folder / "converted.tflite"
        write_model(model, path)
        # Constants in a file instead of in PyTorch's memory, which the runtime's copy can take.
        model = read_model(path)
        del module, loaded
        gc.collect()  # what torch.export leaves behind holds the weights in cycles
        results = _litert_results(path, part, samples)
    runtime_difference = _difference(results, plain)
    conversion = Conversion(model, info, rewrite_difference, runtime_difference)
    problems = list(_problems(conversion))
    if problems:
        raise ConversionError("\n  ".join([f"{what}: the conversion is not faithful:", *problems]))
    return conversion


def _size_bytes(module: nn.Module) -> int:
    return sum(4 * parameter.numel() for parameter in module.parameters())


def _problems(conversion: Conversion) -> Iterator[str]:
    yield from structural_problems(conversion.model)
    for what, difference, tolerance in (
        (
            "the exported form's from the definition's",
            conversion.rewrite_difference,
            REWRITE_TOLERANCE,
        ),
        ("LiteRT's from PyTorch's", conversion.runtime_difference, RUNTIME_TOLERANCE),
    ):
        if not difference <= tolerance:
            yield f"results differ, {what}: by {difference:.1e}, more than {tolerance:.0e}"


def exportable(module: nn.Module, image_size: int) -> nn.Module:
    """Return the form of a plain module that is exported, in evaluation mode.

    Args:
        module: a detector or an embedder of :mod:`edgeseal.watermark.models`.
        image_size: side of the square input, in pixels.

    Returns:
        A module of the same function on NHWC pictures, batch size 1.
    """
    if isinstance(module, AttenuatedEmbedder):
        inner = exportable(module.embedder, image_size)
        return attenuated_chain(inner, module.attenuation).eval()
    if isinstance(module, ViTDetector):
        return ExportableViTDetector(module).eval()
    if isinstance(module, ConvNeXtDetector):
        return ExportableConvNeXtDetector(module).eval()
    if isinstance(module, UNetEmbedder):
        return ExportableUNetEmbedder(module, image_size).eval()
    if isinstance(module, CarrierEmbedder):
        return ExportableCarrierEmbedder(module).eval()
    raise TypeError(f"no exportable form of {type(module).__name__}")


def describe(
    model: Model, loaded: LoadedPart, *, recipe: str, tools: Sequence[str] = _TOOLS
) -> ModelInfo:
    """Name a graph's inputs and outputs as the runtime expects, and attach its description.

    Args:
        model: a conversion of ``loaded``, changed in place.
        loaded: where it comes from.
        recipe: how it was quantized.
        tools: packages that made it.
    """
    signature = model.signatures[0]
    signature.key = _SIGNATURE
    signature.inputs = dict(zip(_INPUT_NAMES[loaded.part], model.main.inputs, strict=True))
    signature.outputs = {_OUTPUT_NAME[loaded.part]: model.main.outputs[0]}
    card, provenance = loaded.card, loaded.provenance
    is_attenuated = isinstance(loaded.module, AttenuatedEmbedder)
    info = ModelInfo(
        card=card.name,
        part=loaded.part.value,
        recipe=recipe,
        bits=card.bits,
        image_size=card.image_size,
        scaling_w=card.scaling_w,
        scaling_i=card.scaling_i,
        attenuation=None if is_attenuated else card.attenuation,
        included_attenuation=card.attenuation if is_attenuated else None,
        step_size=card.step_size,
        # the name alone: a folder says more of its owner than of the weights
        checkpoint=None if provenance.seed is not None else Path(provenance.source).name,
        checkpoint_sha256=provenance.sha256,
        random_seed=provenance.seed,
        pruning=_pruning(provenance),
        tools={name: importlib.metadata.version(name) for name in tools},
    )
    attach_info(model, info)
    return info


def _pruning(provenance: Provenance) -> str | None:
    """Return what a checkpoint of `edgeseal prune` says of itself."""
    record = provenance.args.get("pruning")
    return str(record["summary"]) if isinstance(record, Mapping) and "summary" in record else None


def sample_inputs(loaded: LoadedPart, *, count: int = 2) -> list[tuple[Tensor, ...]]:
    """Return arguments of the exported form: bundled photographs, and a message for each.

    Returns:
        Pictures float32 [1, size, size, 3] in 0..1; for an embedder each with a message float32
        [1, bits].
    """
    size = loaded.card.image_size
    generator = torch.Generator().manual_seed(0)
    samples = []
    for path in photo_paths()[:count]:
        picture = torch.from_numpy(resize(read_image(path), size, size))[None]
        message = torch.randint(0, 2, (1, loaded.card.bits), generator=generator).float()
        samples.append((picture, message)[: len(_INPUT_NAMES[loaded.part])])
    return samples


class ChannelsLast(nn.Module):
    """A plain module that takes and returns pictures as NHWC."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, picture: Tensor, *message: Tensor) -> Tensor:
        """Return the plain module's result."""
        result: Tensor = self.module(picture.permute(0, 3, 1, 2), *message)
        return result.permute(0, 2, 3, 1) if result.ndim == 4 else result


def _litert_results(path: Path, part: Part, samples: Sequence[tuple[Tensor, ...]]) -> list[Float]:
    session = open_session(path, part.value, threads=min(4, os.cpu_count() or 1))
    names = _INPUT_NAMES[part]
    return [
        session.run(dict(zip(names, (value.numpy() for value in sample), strict=True)))[
            _OUTPUT_NAME[part]
        ]
        for sample in samples
    ]


def _difference(results: Sequence[NDArray[Any]], expected: Sequence[Double]) -> float:
    """Return the largest difference, on the scale of the larger of 1 and the largest value."""
    scale = max(1.0, *(float(np.abs(value).max()) for value in expected))
    pairs = zip(results, expected, strict=True)
    return max(float(np.abs(result - value).max()) for result, value in pairs) / scale

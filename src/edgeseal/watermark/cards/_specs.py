"""The architectures a card can name, one frozen dataclass per family.

The fields of a spec are the keyword arguments of its model's constructor, apart from ``bits`` and
``image_size``, which belong to the card. A new family is one more class here, one more member of
the union at the end, and one more builder in :mod:`edgeseal.watermark.models`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import ClassVar, TypeAlias

__all__ = [
    "CarrierSpec",
    "CheckpointSource",
    "ConvNeXtSpec",
    "DetectorSpec",
    "EmbedderSpec",
    "UNetSpec",
    "ViTSpec",
]

_ACTIVATIONS = ("gelu", "relu", "silu")
_NORMALIZATIONS = ("batch", "layer", "rms")
_STEM_KERNEL = 4
_SCHEMES = ("http://", "https://", "package:")


@dataclass(frozen=True, slots=True)
class CheckpointSource:
    """Where a card's weights are.

    Attributes:
        source: an ``http(s)://`` address, or ``package:NAME`` for a file that ships with Edgeseal.
        sha256: checksum as 64 lower-case hexadecimal digits; None if the publisher gives none.
    """

    source: str
    sha256: str | None = None

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with the fields, one line each."""
        if not self.source.startswith(_SCHEMES):
            yield f"source: must start with one of {', '.join(_SCHEMES)}, is {self.source!r}"
        if self.sha256 is not None and not re.fullmatch("[0-9a-f]{64}", self.sha256):
            yield f"sha256: must be 64 lower-case hexadecimal digits, is {self.sha256!r}"


@dataclass(frozen=True, slots=True)
class ViTSpec:
    """The vision transformer of VideoSeal 0.0; see :class:`edgeseal.watermark.models.ViTDetector`.

    A pruned one has a number of heads and a hidden width of its own in each block; a head keeps its
    width of ``embed_dim / num_heads``.
    """

    family: ClassVar[str] = "vit"

    in_channels: int
    embed_dim: int
    depth: int
    num_heads: int
    patch_size: int
    window_size: int
    global_attn_indexes: tuple[int, ...]
    mlp_ratio: float
    out_channels: int
    block_heads: tuple[int, ...] | None = None
    block_mlp_dims: tuple[int, ...] | None = None

    def problems(self, bits: int, image_size: int) -> Iterator[str]:
        """Yield what is wrong with the fields, one line each, for a message and picture size."""
        del bits
        non_positive = list(_non_positive(self))
        yield from non_positive
        yield from self._wrong_global_indexes()
        yield from _wrong_widths(self, ("block_heads", "block_mlp_dims"), self.depth)
        if non_positive:
            return
        if self.embed_dim % self.num_heads:
            yield (
                f"embed_dim: must be a multiple of num_heads ({self.num_heads}), "
                f"is {self.embed_dim}"
            )
        if image_size % self.patch_size:
            yield f"patch_size: must divide image_size ({image_size}), is {self.patch_size}"
        elif image_size // self.patch_size % self.window_size:
            grid = image_size // self.patch_size
            yield f"window_size: must divide the patches per side ({grid}), is {self.window_size}"

    def _wrong_global_indexes(self) -> Iterator[str]:
        indexes = self.global_attn_indexes
        outside = [index for index in indexes if not 0 <= index < self.depth]
        if outside:
            yield f"global_attn_indexes: must be in 0..{self.depth - 1}, has {outside}"
        if list(indexes) != sorted(set(indexes)):
            yield f"global_attn_indexes: must ascend without repeats, is {list(indexes)}"


@dataclass(frozen=True, slots=True)
class ConvNeXtSpec:
    """The convolutional detector of VideoSeal 1.0, ``models.ConvNeXtDetector``.

    ``dims`` are the widths for messages of ``dims_bits`` bits and grow with the root of the message
    length; they are the widths as such if ``dims_bits`` is None. A pruned one has a hidden width of
    its own in each block, the blocks of all stages counted through.
    """

    family: ClassVar[str] = "convnext"

    in_channels: int
    depths: tuple[int, ...]
    dims: tuple[int, ...]
    stem_stride: int = 4
    dims_bits: int | None = None
    block_hidden_dims: tuple[int, ...] | None = None

    def problems(self, bits: int, image_size: int) -> Iterator[str]:
        """Yield what is wrong with the fields, one line each, for a message and picture size."""
        del bits
        non_positive = list(_non_positive(self))
        yield from non_positive
        for name in ("depths", "dims"):
            if min(getattr(self, name), default=0) < 1:
                yield f"{name}: must be positive numbers, is {list(getattr(self, name))}"
        if len(self.depths) != len(self.dims):
            yield f"depths: must have a number for each of the {len(self.dims)} dims"
        yield from _wrong_widths(self, ("block_hidden_dims",), sum(self.depths))
        if self.stem_stride > _STEM_KERNEL:
            yield f"stem_stride: must be at most {_STEM_KERNEL}, is {self.stem_stride}"
        elif not non_positive and self._last_side(image_size) < 2:
            yield f"dims: leave less than 2 x 2 pixels of a picture of {image_size} pixels"

    def _last_side(self, image_size: int) -> int:
        """Return the side of the last stage's map; the decoder reflects a pixel at its border."""
        return ((image_size - _STEM_KERNEL) // self.stem_stride + 1) >> max(len(self.dims) - 1, 0)


@dataclass(frozen=True, slots=True)
class UNetSpec:
    """The UNet of the VideoSeal family; see :class:`edgeseal.watermark.models.UNetEmbedder`."""

    family: ClassVar[str] = "unet"

    hidden_size: int
    channels: int
    z_channels: int
    z_channels_mults: tuple[int, ...]
    num_blocks: int
    activation_name: str
    normalization_name: str

    def problems(self, bits: int, image_size: int) -> Iterator[str]:
        """Yield what is wrong with the fields, one line each, for a message and picture size."""
        del bits
        yield from _non_positive(self)
        if self.channels not in (1, 3):
            yield f"channels: must be 1 (luma) or 3 (RGB), is {self.channels}"
        if len(self.z_channels_mults) < 2 or min(self.z_channels_mults) < 1:
            yield (
                "z_channels_mults: must be two or more positive numbers, "
                f"is {list(self.z_channels_mults)}"
            )
        else:
            reduction = 2 ** (len(self.z_channels_mults) - 1)
            if image_size % reduction:
                yield f"z_channels_mults: reduces by {reduction}, which must divide {image_size}"
        if self.activation_name not in _ACTIVATIONS:
            yield _not_one_of("activation_name", self.activation_name, _ACTIVATIONS)
        if self.normalization_name not in _NORMALIZATIONS:
            yield _not_one_of("normalization_name", self.normalization_name, _NORMALIZATIONS)


@dataclass(frozen=True, slots=True)
class CarrierSpec:
    """Spread spectrum as a graph; see :class:`edgeseal.watermark.models.CarrierEmbedder`."""

    family: ClassVar[str] = "carrier"

    tile_size: int = 16
    psnr_db: float = 40.5
    cancellation: bool = True
    passes: int = 2
    mask_floor: float = 0.5
    mask_gain: float = 12.0
    mask_ceiling: float = 1.8

    def problems(self, bits: int, image_size: int) -> Iterator[str]:
        """Yield what is wrong with the fields, one line each, for a message and picture size."""
        non_positive = list(_non_positive(self))
        yield from non_positive
        if non_positive:
            return
        if image_size % self.tile_size:
            yield f"tile_size: must divide image_size ({image_size}), is {self.tile_size}"
        if bits > 3 * self.tile_size**2:
            yield (
                f"tile_size: a tile of {self.tile_size} pixels has no room for {bits} "
                "orthogonal carriers"
            )
        if self.mask_ceiling < self.mask_floor:
            yield (
                f"mask_ceiling: must be at least mask_floor ({self.mask_floor}), "
                f"is {self.mask_ceiling}"
            )


DetectorSpec: TypeAlias = ViTSpec | ConvNeXtSpec
EmbedderSpec: TypeAlias = UNetSpec | CarrierSpec


def _non_positive(spec: DetectorSpec | EmbedderSpec) -> Iterator[str]:
    """Yield a problem for every number that is not finite and greater than zero."""
    for field in fields(spec):
        value = getattr(spec, field.name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and not (math.isfinite(value) and value > 0):
            yield f"{field.name}: must be positive, is {value}"


def _wrong_widths(spec: DetectorSpec, names: tuple[str, ...], blocks: int) -> Iterator[str]:
    """Yield a problem for every list that is there and has no positive number for each block."""
    for name in names:
        widths = getattr(spec, name)
        if widths is not None and (len(widths) != blocks or min(widths, default=0) < 1):
            yield f"{name}: must be {blocks} positive numbers, one per block, is {list(widths)}"


def _not_one_of(name: str, value: str, choices: tuple[str, ...]) -> str:
    return f"{name}: must be one of {', '.join(choices)}, is {value!r}"

"""Adding a watermark to a picture of any size, strip by strip."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.pictures._decoded import Picture, strips
from edgeseal.pictures._resize import RowStretcher
from edgeseal.watermark.runtime._attenuation_map import HALO, Attenuation
from edgeseal.watermark.runtime._model_info import ModelInfo

__all__ = ["blend"]

Float = NDArray[np.float32]


def blend(
    picture: Picture,
    delta: Float,
    info: ModelInfo,
    attenuation: Attenuation | None,
    *,
    dtype: np.dtype[Any],
    channels: int = 3,
) -> tuple[NDArray[Any], float]:
    """Return ``scaling_i * picture + scaling_w * map * delta``, clamped to 0..1.

    The watermark is resized to the picture with the bilinear filter, the map is that of the picture
    at its full size.

    Args:
        picture: what to mark. Its pixels are overwritten if it owns them and the type fits.
        delta: float32 [size, size, 1 or 3], -1..1.
        info: has the factors.
        attenuation: the map, or None.
        dtype: of the result: uint8, uint16, rounded halves to even, or float32.
        channels: of the result, 3, or 1 for a grey picture whose watermark has no colour.

    Returns:
        The marked picture [H, W, channels], and the mean squared error on the scale 0..1.
    """
    height, width = picture.height, picture.width
    in_place = picture.is_owned and picture.pixels.dtype == dtype and channels == 3
    marked = picture.pixels if in_place else np.empty((height, width, channels), dtype)
    patterns = [RowStretcher(delta[..., c], height, width) for c in range(delta.shape[2])]
    factors = np.float32(info.scaling_i), np.float32(info.scaling_w)
    halo = 0 if attenuation is None else HALO
    before = picture.rgb(0, 0)
    squared_error = 0.0
    for start, stop in strips(height, width):
        rows = picture.rgb(start, min(stop + halo, height))
        source = rows[: stop - start]
        heat = None
        if attenuation is not None:
            around = np.concatenate([before, rows])
            heat = attenuation.rows(around, len(before), len(rows) - len(source))
            before = around[: len(before) + len(source)][-halo:].copy()
        for channel in range(channels):
            watermark = patterns[channel % len(patterns)].rows(start, stop)
            if heat is not None:
                watermark = heat[..., channel % heat.shape[2]] * watermark
            plane = source[..., channel]
            result = marked[start:stop, :, channel]
            squared_error += _add(plane, watermark, factors, result)
    return marked, squared_error / (height * width * channels)


def _add(
    plane: Float, watermark: Float, factors: tuple[np.float32, np.float32], result: NDArray[Any]
) -> float:
    """Write a marked plane to ``result``; return the sum of squared errors."""
    scaling_i, scaling_w = factors
    values = scaling_i * plane
    values += scaling_w * watermark
    np.clip(values, 0, 1, out=values)
    if result.dtype.kind != "f":
        peak = np.float32(np.iinfo(result.dtype).max)
        values *= peak
        np.rint(values, out=values)
        result[...] = values
        values /= peak
    else:
        result[...] = values
    values -= plane
    return float(np.einsum("hw,hw->", values, values, dtype=np.float64))

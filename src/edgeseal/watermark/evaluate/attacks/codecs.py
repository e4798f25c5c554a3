"""Attacks on clips: through a video encoder and back."""

from __future__ import annotations

import io
import platform
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import MissingExtraError, UsageError
from edgeseal.watermark.evaluate.attacks._family import AttackFamily, Picture

__all__ = ["FAMILIES"]

_FRAME_RATE = 24
_ONE_THREAD = {"threads": "1"}  # with more of them, encoders decide otherwise
_X86 = ("x86_64", "AMD64")

_X264: dict[str, str] = {"x264-params": "asm=avx2"} if platform.machine() in _X86 else {}
"""Options of x264: its AVX-512 code reads past the end of lines and encodes a clip whose width is
no multiple of 64 now in one way, now in another; all other code gives the same bits each time."""


_X265 = {"x265-params": "log-level=none:pools=none:frame-threads=1"}
_VP9 = {"b": "0", "deadline": "good", "cpu-used": "4"}


def _transcode(
    clip: Picture,
    codec: str,
    options: Mapping[str, str],
    *,
    pix_fmt: str = "yuv420p",
) -> Picture:
    """Encode a clip and decode it again.

    Args:
        clip: float32 [T, H, W, 3], RGB, 0..1. Odd sides are filled up to even ones for the
            encoder, and cut off again.
        codec: FFmpeg's name of an encoder.
        options: of that encoder.
        pix_fmt: FFmpeg's name of the pixel format that is encoded.

    Returns:
        The same shape and range.

    Raises:
        MissingExtraError: PyAV is not installed.
        UsageError: this build of PyAV lacks the encoder.
    """
    height, width = clip.shape[1:3]
    levels = np.rint(clip * np.float32(255)).astype(np.uint8)
    even = np.pad(levels, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    with io.BytesIO() as file:
        _encode(even, file, codec, options, pix_fmt)
        file.seek(0)
        decoded = _decode(file)
    values: Picture = decoded[:, :height, :width].astype(np.float32) / np.float32(255)
    return values


def _encode(
    frames: NDArray[np.uint8],
    file: io.BytesIO,
    codec: str,
    options: Mapping[str, str],
    pix_fmt: str,
) -> None:
    av = _import_av()
    with av.open(file, "w", format="mp4") as container:
        try:
            stream = container.add_stream(codec, rate=_FRAME_RATE)
        except (ValueError, av.error.FFmpegError) as error:
            raise UsageError(f"PyAV {av.__version__} has no encoder {codec}: {error}") from error
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pix_fmt
        stream.options = {**_ONE_THREAD, **options}
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def _decode(file: io.BytesIO) -> NDArray[np.uint8]:
    with _import_av().open(file, "r") as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.stack(frames)


def _import_av() -> Any:
    try:
        import av
    except ModuleNotFoundError as error:
        raise MissingExtraError("attacks on videos", "video") from error
    return av


def _family(
    name: str, codec: str, options: Mapping[str, str], *, high: int, rgb: bool = False
) -> AttackFamily:
    """Return the attacks of one encoder at constant rate factors of 0 to ``high``."""
    pix_fmt = "rgb24" if rgb else "yuv420p"

    def change(clip: Picture, strength: float, _rng: np.random.Generator) -> Picture:
        return _transcode(clip, codec, {**options, "crf": str(int(strength))}, pix_fmt=pix_fmt)

    return AttackFamily(
        name,
        change,
        strength="constant rate factor",
        low=0,
        high=high,
        is_integer=True,
        is_clip=True,
    )


FAMILIES = (
    _family("h264", "libx264", _X264, high=51),
    _family("h264rgb", "libx264rgb", _X264, high=51, rgb=True),  # without loss of chroma
    _family("h265", "libx265", _X265, high=51),
    _family("vp9", "libvpx-vp9", _VP9, high=63),
)

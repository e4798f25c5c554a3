r"""Bits that are read of marked videos against the bit rate, to choose the encoders' defaults.

::

    python benchmarks/video_bit_rates.py --embedder FILE --detector FILE --photos DIR \
        [--frames 16] [--sizes 320x240 640x432] [--encoders libx264 libx265 libvpx-vp9 libsvtav1] \
        [--qualities 12 14 16] [--motion zoom] [--noise 4]

A clip for each photograph and size pans over it, in steps of a pixel and a half, or zooms into it
by two hundredths a frame, with a camera's noise (2 of 255); its source loses nothing.
``embed_video`` marks every clip with each quality of each encoder, and ``detect_video`` reads it to
the end. A row says, over all clips of a size, how many bits of a frame and of the worst clip are
right, in how many clips the payload is found, and what a pixel costs, marked and unmarked.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from edgeseal import load_detector, load_embedder
from edgeseal.pictures import find_pictures
from edgeseal.watermark.payload import MarkStatus, Payload
from edgeseal.watermark.runtime import LiteRTDetector, LiteRTEmbedder
from edgeseal.watermark.video import Encoding, detect_video, embed_video, read_frames

_QUALITIES = {
    "libx264": (8, 10, 12, 14, 16, 18, 20, 23, 26),
    "libx265": (8, 10, 12, 14, 16, 18, 20, 23, 26),
    "libvpx-vp9": (8, 12, 16, 20, 24, 30, 36),
    "libsvtav1": (8, 12, 16, 20, 24, 30, 36),
}
_RATE = 25
_HELLO = Payload.from_text("hello")
_CONSOLE = Console(width=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--embedder", type=Path, required=True)
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--sizes", nargs="+", default=["320x240", "640x432"])
    parser.add_argument("--encoders", nargs="+", default=list(_QUALITIES))
    parser.add_argument("--qualities", type=int, nargs="+", help="instead of each encoder's own")
    parser.add_argument("--preset", help="as --preset of embed")
    parser.add_argument("--motion", choices=["pan", "zoom"], default="pan")
    parser.add_argument("--noise", type=float, default=2, help="standard deviation, of 255")
    arguments = parser.parse_args()
    pair = load_embedder(arguments.embedder), load_detector(arguments.detector)
    photos = find_pictures(arguments.photos)
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            width, height = map(int, size.split("x"))
            clips = [
                _write_clip(Path(folder) / f"{photo.stem}.mkv", photo, width, height, arguments)
                for photo in photos
            ]
            _measure(clips, size, arguments, *pair)


def _measure(
    clips: list[Path],
    size: str,
    arguments: argparse.Namespace,
    embedder: LiteRTEmbedder,
    detector: LiteRTDetector,
) -> None:
    titles = ("bits, frame", "worst clip", "found", "bits/pixel", "unmarked", "PSNR, file")
    table = Table("encoder", "CRF", *titles, title=f"{size}, {len(clips)} clips")
    for encoder in arguments.encoders:
        preset = arguments.preset if encoder.startswith("libx") else None
        for crf in arguments.qualities or _QUALITIES[encoder]:
            encoding = Encoding(codec=encoder, crf=crf, preset=preset)
            rows = [_read_back(clip, encoding, embedder, detector) for clip in clips]
            frame, whole, found, bpp, plain, psnr_db = (
                np.array(column) for column in zip(*rows, strict=True)
            )
            table.add_row(
                encoder,
                str(crf),
                f"{frame.mean():.2%}",
                f"{whole.min():.2%}",
                f"{found.sum()} of {len(clips)}",
                f"{bpp.mean():.3f}",
                f"{plain.mean():.3f}",
                f"{psnr_db.mean():.2f} dB",
            )
    _CONSOLE.print(table)


def _read_back(
    clip: Path, encoding: Encoding, embedder: LiteRTEmbedder, detector: LiteRTDetector
) -> tuple[float, float, bool, float, float, float]:
    """Return shares of bits, whether the payload is found, bits per pixel, and PSNR."""
    target = clip.with_name("marked.mkv")
    done = embed_video(embedder, clip, target, _HELLO, encoding=encoding, overwrite=True)
    found = detect_video(detector, target, expect=done.message, all_frames=True).detection
    reading = detect_video(detector, target, fpr=1e-6, all_frames=True).detection.reading
    assert reading is not None
    singly = [detector.detect(pixels, done.message).bit_accuracy for pixels in read_frames(target)]
    pixels = done.width * done.height * done.frames
    psnr_db = _psnr_db(clip, target)
    plain = _size_bytes(clip, encoding)
    return (
        float(np.mean([x for x in singly if x is not None])),
        float(found.bit_accuracy or 0),
        reading.status is MarkStatus.PRESENT,
        8 * _packet_bytes(target) / pixels,
        8 * plain / pixels,
        psnr_db,
    )


def _psnr_db(clip: Path, target: Path) -> float:
    errors = [
        np.square(a.astype(np.float32) - b).mean()
        for a, b in zip(read_frames(clip), read_frames(target), strict=True)
    ]
    return float(10 * np.log10(255**2 / np.mean(errors)))


def _packet_bytes(path: Path) -> int:
    with av.open(str(path)) as container:
        sizes = [packet.size for packet in container.demux(video=0)]
    return sum(sizes)


def _size_bytes(clip: Path, encoding: Encoding) -> int:
    """Return what the source's frames take with an encoder, unmarked."""
    encoder: Any = av.CodecContext.create(encoding.codec or "", "w")
    sizes: list[int] = []
    with av.open(str(clip)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if not index:
                encoder.width, encoder.height, encoder.pix_fmt = (
                    frame.width,
                    frame.height,
                    "yuv420p",
                )
                encoder.time_base = Fraction(1, _RATE)
                encoder.framerate = Fraction(_RATE)
                encoder.options = encoding.options(
                    encoding.codec or "", (frame.width, frame.height)
                )
            frame.pts, frame.time_base, frame.pict_type = index, Fraction(1, _RATE), 0
            sizes += [packet.size for packet in encoder.encode(frame)]
    sizes += [packet.size for packet in encoder.encode(None)]
    return sum(sizes)


def _write_clip(
    path: Path, photo: Path, width: int, height: int, arguments: argparse.Namespace
) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=_RATE)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index, pixels in enumerate(_views(photo, width, height, arguments)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, _RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _views(
    photo: Path, width: int, height: int, arguments: argparse.Namespace
) -> Iterator[NDArray[np.uint8]]:
    noise = np.random.default_rng(0)
    with Image.open(photo) as picture:
        whole = picture.convert("RGB")
    is_pan = arguments.motion == "pan"
    room = 1.5 * arguments.frames * is_pan
    scale = min(whole.width / (width + room), whole.height / (height + room))
    for index in range(arguments.frames):
        left = top = 1.5 * index * scale if is_pan else 0.01 * index * height * scale
        zoom = scale if is_pan else scale * (1 - 0.02 * index)
        box = (left, top, left + width * zoom, top + height * zoom)
        view = whole.resize((width, height), Image.Resampling.BICUBIC, box)
        pixels = np.asarray(view, np.float64)
        pixels = pixels + noise.normal(0, arguments.noise, pixels.shape)
        yield np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)


if __name__ == "__main__":
    main()

"""Marking videos."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal._files import replacing
from edgeseal.errors import UsageError, VideoError
from edgeseal.pictures import psnr_db
from edgeseal.watermark.runtime import (
    LiteRTEmbedder,
    Message,
    MessageInput,
    Stamp,
    shrink,
    to_message,
)
from edgeseal.watermark.video._ahead import ahead
from edgeseal.watermark.video._encoding import Encoding
from edgeseal.watermark.video._orientation import Orientation
from edgeseal.watermark.video._pixels import has_alpha, orientation, with_pixels
from edgeseal.watermark.video._reader import VideoReader
from edgeseal.watermark.video._video_files import import_av
from edgeseal.watermark.video._writer import VideoWriter

__all__ = ["Report", "VideoEmbedding", "embed_video", "mark_frames"]

Report = Callable[[int, int | None], None]
"""Called with the number of frames done and, where it is known, that of all."""

_AHEAD = 4  # frames between the stages
_LONGEST_S = Fraction(10**7)  # of a video: beyond, a number in the file is wrong
_LOW_BITS = 40_000  # a frame; docs/video.md has the measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoEmbedding:
    """What was done to a video.

    Attributes:
        message: what was embedded in every frame.
        frames: number of frames.
        key_frames: number of watermarks that were computed for them.
        width: columns of a frame as it is stored.
        height: rows of a frame as it is stored.
        psnr_db: peak signal-to-noise ratio of the key frames before compression; infinite if
            nothing changed.
        codec: the encoder.
        pix_fmt: the pixel format.
        bits_per_pixel: what the encoded frames take.
        dropped: what of the source was left out: streams of data that players do not show, notes
            that the encoder cannot write, tags that the format does not have, a C2PA manifest.
    """

    message: Message
    frames: int
    key_frames: int
    width: int
    height: int
    psnr_db: float
    codec: str
    pix_fmt: str
    bits_per_pixel: float
    dropped: tuple[str, ...] = ()

    @property
    def has_low_bit_rate(self) -> bool:
        """Whether the frames take so few bits that marks in moving pictures are often lost.

        What counts is the bits for what the model sees, whose size is the same for all videos.
        """
        return self.bits_per_pixel * self.width * self.height < _LOW_BITS

    def to_json(self) -> dict[str, Any]:
        """Return it for ``json.dumps``; an infinite PSNR becomes null."""
        return {
            "message": self.message.hex,
            "bits": len(self.message),
            "frames": self.frames,
            "key_frames": self.key_frames,
            "width": self.width,
            "height": self.height,
            "psnr_db": self.psnr_db if math.isfinite(self.psnr_db) else None,
            "psnr_of": "pixels before encoding",
            "codec": self.codec,
            "pix_fmt": self.pix_fmt,
            "bits_per_pixel": self.bits_per_pixel,
            "low_bit_rate": self.has_low_bit_rate,
            "dropped": list(self.dropped),
        }


class Marker:
    """Marks one frame after the other: a watermark for every key frame, repeated to the next.

    Attributes:
        frames: number of frames marked.
        key_frames: number of watermarks computed.
    """

    def __init__(self, embedder: LiteRTEmbedder, message: Message, step_size: int) -> None:
        """Start with the first frame, which is a key frame."""
        self.frames = self.key_frames = 0
        self._embedder, self._message, self._step_size = embedder, message, step_size
        self._stamp: Stamp | None = None
        self._squared_error = 0.0

    @property
    def psnr_db(self) -> float:
        """Of the key frames."""
        return psnr_db(self._squared_error / max(1, self.key_frames))

    def mark(self, pixels: NDArray[Any], held: Orientation) -> NDArray[Any]:
        """Return a marked copy of uint8 or uint16 [H, W, 3]."""
        is_key = self.frames % self._step_size == 0
        if is_key:
            small = held.upright(shrink(pixels, self._embedder.info.image_size))
            delta = self._embedder.delta(np.ascontiguousarray(small), self._message)
            stored = np.ascontiguousarray(held.stored(delta))
            self._stamp = self._embedder.stamp(stored, *pixels.shape[:2])
        assert self._stamp is not None  # the first frame is a key frame
        marked = self._stamp.mark(pixels)
        self.frames += 1
        if is_key:
            self.key_frames += 1
            difference = (marked.astype(np.float32) - pixels) / np.iinfo(pixels.dtype).max
            self._squared_error += float(np.square(difference).mean(dtype=np.float64))
        return marked


def mark_frames(
    embedder: LiteRTEmbedder,
    frames: Iterable[NDArray[Any]],
    message: MessageInput,
    *,
    step_size: int | None = None,
) -> Generator[NDArray[Any]]:
    """Mark frames in memory as they come, without a video file around them.

    Args:
        embedder: the model.
        frames: uint8 or uint16 [H, W, 3], RGB, all of one size.
        message: as for a picture.
        step_size: frames that share a watermark; the model's own unless given.

    Raises:
        UsageError: the message does not fit the model, or the step is below 1.
    """
    marker = _marker(embedder, message, step_size)
    for pixels in frames:
        yield marker.mark(pixels, Orientation())


def embed_video(
    embedder: LiteRTEmbedder,
    source: str | Path,
    target: str | Path,
    message: MessageInput,
    *,
    encoding: Encoding | None = None,
    step_size: int | None = None,
    overwrite: bool = False,
    report: Report | None = None,
) -> VideoEmbedding:
    """Mark every frame of a video; all other streams, tags, times and chapters are copied.

    Frames are decoded, marked and encoded at the same time, a few of them in memory. The file is
    written under another name and renamed, so that there is never half of it.

    Args:
        embedder: the model.
        source: a video file.
        target: the file to write; its ending names the format.
        message: as for a picture.
        encoding: options of the encoder.
        step_size: frames that share a watermark; the model's own unless given.
        overwrite: whether to replace an existing file.
        report: called after each frame.

    Raises:
        MissingExtraError: PyAV is not installed.
        UsageError: the message does not fit the model, options that the encoder does not have, or
            the target is the source.
        OutputExistsError: the target exists and ``overwrite`` is False.
        VideoError: the source has no frames, is damaged or cut short, changes its size, or has
            transparency; or the target's format cannot hold it.
        FileError: a file cannot be read or written.
    """
    source, target = Path(source), Path(target)
    marker = _marker(embedder, message, step_size)
    encoding = encoding or Encoding()
    with VideoReader(source) as reader:
        codec = encoding.codec_for(target.suffix, reader.codec)
        encoding.options(codec, reader.size)  # refuse wrong ones before any work
        if target.exists() and target.samefile(source):
            raise UsageError(f"{target}: is the source itself; choose another output")
        with replacing(target, overwrite=overwrite) as temporary:
            writer, first = _transcode(reader, temporary, target, marker, encoding, report)
    return VideoEmbedding(
        message=to_message(message, embedder.info.bits),
        frames=marker.frames,
        key_frames=marker.key_frames,
        width=first.width,
        height=first.height,
        psnr_db=marker.psnr_db,
        codec=codec,
        pix_fmt=writer.pix_fmt,
        bits_per_pixel=8 * writer.size_bytes / (first.width * first.height * marker.frames),
        dropped=writer.dropped,
    )


def _marker(embedder: LiteRTEmbedder, message: MessageInput, step_size: int | None) -> Marker:
    step = embedder.info.step_size if step_size is None else step_size
    if step < 1:
        raise UsageError(f"step_size: expected 1 or more, got {step}")
    return Marker(embedder, to_message(message, embedder.info.bits), step)


def _transcode(
    reader: VideoReader,
    path: Path,
    name: Path,
    marker: Marker,
    encoding: Encoding,
    report: Report | None,
) -> tuple[VideoWriter, Any]:
    """Decode, mark and encode in three threads; return the closed file and the first frame."""
    beside = reader.beside
    items = reader.items(strict=True)
    decoded = ahead(_timed(items, beside.ends_s) if beside.ends_s else items, _AHEAD)
    with contextlib.closing(decoded):
        early, first = _until_first_frame(decoded, reader)
        writer = VideoWriter(path, reader, first, encoding, name=name, has_keys=beside.has_keys)
        try:
            marked = ahead(_marked(decoded, first, marker, writer.pix_fmt, reader.path), _AHEAD)
            with contextlib.closing(marked):
                for packet in early:
                    writer.write(packet)
                _write_all(marked, writer, reader.expected_frames, report)
            writer.finish(beside)
        except BaseException:
            writer.abandon()
            raise
    return writer, first


def _timed(items: Generator[Any], ends_s: Fraction) -> Generator[Any]:
    """Yield items of MP4, their frames lasting until the next, the last one until a time.

    The durations there are those between stored frames, which need not be in the order shown.
    """
    last: Any = None
    for item in items:
        if not isinstance(item, import_av().VideoFrame):
            yield item
            continue
        if last is not None:
            last.duration = max(1, item.pts - last.pts)
            yield last
        last = item
    if last is not None:
        end = math.floor(min(ends_s, _LONGEST_S) / last.time_base)
        last.duration = max(last.duration, end - last.pts)
        yield last


def _until_first_frame(decoded: Generator[Any], reader: VideoReader) -> tuple[list[Any], Any]:
    early: list[Any] = []
    for item in decoded:
        if isinstance(item, import_av().VideoFrame):
            if has_alpha(item) or reader.has_hidden_alpha:
                raise VideoError(
                    f"{reader.path}: has transparency ({item.format.name}), which would be lost; "
                    "convert it to an opaque video first"
                )
            return early, item
        early.append(item)
    raise VideoError(f"{reader.path}: has no frames; nothing to mark")


def _marked(
    decoded: Generator[Any], first: Any, marker: Marker, pix_fmt: str, path: Path
) -> Generator[Any]:
    """Yield marked frames, and packets as they are."""
    held = orientation(first)

    def work(frame: Any) -> Any:
        if (frame.width, frame.height) != (first.width, first.height):
            raise VideoError(
                f"{path}: changes its size from {first.width} x {first.height} to "
                f"{frame.width} x {frame.height} at frame {marker.frames}; cut it there first"
            )
        if frame.interlaced_frame and not first.interlaced_frame:
            raise VideoError(
                f"{path}: is interlaced from frame {marker.frames} on, but not before; deinterlace "
                "it first"
            )
        return with_pixels(frame, lambda pixels: marker.mark(pixels, held), pix_fmt)

    yield work(first)
    for item in decoded:
        yield work(item) if isinstance(item, import_av().VideoFrame) else item


def _write_all(
    marked: Generator[Any], writer: VideoWriter, expected: int | None, report: Report | None
) -> None:
    done = 0
    for item in marked:
        is_frame = isinstance(item, import_av().VideoFrame)
        writer.write(item)
        done += is_frame
        if is_frame and report is not None:
            report(done, expected)

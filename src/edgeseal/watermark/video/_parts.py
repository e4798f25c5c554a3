"""Parts of long videos, from one key frame to another, that several workers read.

A part is told by times, and begins at the first key frame from then on: nobody has to list the key
frames first. Frames that come before a key frame but are stored after it belong to the part before,
which decodes on until it has them. So all parts together hold the frames of the video, each once.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from edgeseal.watermark.video._reader import VideoReader
from edgeseal.watermark.video._video_files import import_av, reading

__all__ = ["VideoPart", "count_parts", "part_frames"]

_INDEXED = ("matroska", "mov", "webm")  # formats that know where a time is, and of every frame its


@dataclass(frozen=True, slots=True)
class VideoPart:
    """One of several parts of a video.

    Attributes:
        index: which, from 0 on.
        count: how many there are.
        length_s: time from the begin of one to that of the next; the last goes to the end.
    """

    index: int
    count: int
    length_s: float

    def __str__(self) -> str:
        """Return which of how many, counted from 1 on."""
        return f"{self.index + 1}/{self.count}"


def count_parts(path: Path, length_s: float) -> int:
    """Return in how many parts of at least this length a video can be read; 1 is all of it.

    Raises:
        MissingExtraError: PyAV is not installed.
        FileError, VideoError: the file cannot be read.
    """
    with VideoReader(path) as reader:
        names = str(reader.container.format.name).split(",")
        if not reader.container.duration or not set(names) & set(_INDEXED):
            return 1
        return max(1, int(reader.container.duration / 10**6 / length_s))


def part_frames(reader: VideoReader, part: VideoPart) -> Generator[Any]:
    """Yield the frames of a part, in their order; of a damaged one those before the damage.

    Raises:
        VideoError: it is damaged before the first.
    """
    with reading(reader.path):
        try:
            yield from _frames(reader, part)
        except import_av().error.FFmpegError:
            if not reader.frames:
                raise


def _frames(reader: VideoReader, part: VideoPart) -> Generator[Any]:
    begin, end = (_time(reader, part, index) for index in (part.index, part.index + 1))
    if part.index:
        reader.container.seek(begin, stream=reader.stream, backward=True)
    first, last = None if part.index else -math.inf, math.inf
    for packet in reader.container.demux(reader.stream):
        if packet.size and packet.is_keyframe and packet.pts is not None:
            if first is None and packet.pts >= begin:
                first = packet.pts
            if part.index + 1 < part.count and packet.pts >= end:
                last = min(last, packet.pts)
        if first is None:
            continue
        if first >= last:  # there is no key frame in this part
            return
        for frame in reader.decoded(packet, strict=False):
            if frame.pts >= last:
                return
            if frame.pts >= first:
                yield frame


def _time(reader: VideoReader, part: VideoPart, index: int) -> int:
    """Return when a part begins, in units of the stream."""
    unit: Fraction = reader.stream.time_base
    return int(reader.stream.start_time or 0) + math.ceil(Fraction(part.length_s) * index / unit)

"""Reading videos: the packets of a file in their order, those of the picture decoded."""

from __future__ import annotations

import stat
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any

from edgeseal.errors import FileError, VideoError
from edgeseal.watermark.video._orientation import UPRIGHT
from edgeseal.watermark.video._pixels import orientation
from edgeseal.watermark.video._video_files import import_av, reading

__all__ = ["VideoReader"]

_ENOUGH = Fraction(19, 20)  # share of the promised duration, less a second, that files keep
_SECOND = Fraction(1)
_USUAL_RATE = Fraction(25)


class VideoReader:
    """An open video file; close it, or use it in a ``with`` statement.

    Attributes:
        path: the file.
        container: PyAV's container.
        stream: PyAV's stream of the moving picture.
        frames: number of frames decoded so far.
        held: what makes frames upright; known from the first frame on.
        problem: what is missing or damaged, once everything was read; None if nothing.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a file.

        Raises:
            MissingExtraError: PyAV is not installed.
            FileError: the file cannot be read.
            VideoError: it is no video, or has no moving picture.
        """
        av = import_av()
        self.path = Path(path)
        self.frames = 0
        self.held = UPRIGHT
        self.problem: str | None = None
        self._packets = 0
        self._end = Fraction(0)
        self._due = 0
        _check_file(self.path)
        with reading(self.path):
            self.container: Any = av.open(str(self.path), metadata_errors="replace")
        self.stream: Any = _picture_stream(self.container, self.path)
        self.stream.thread_type = "AUTO"

    @property
    def expected_frames(self) -> int | None:
        """Number of frames that the file promises, or that its duration suggests."""
        if self.stream.frames:
            return int(self.stream.frames)
        rate, duration_us = self.stream.average_rate, self.container.duration
        return round(duration_us * rate / 10**6) if rate and duration_us else None

    def items(self, *, strict: bool) -> Generator[Any]:
        """Yield decoded frames of the picture, and undecoded packets of all other streams.

        Args:
            strict: whether damage is an error; otherwise frames that are there are read, and
                :attr:`problem` says what is not.

        Raises:
            VideoError: no frame can be decoded, or there is damage and ``strict`` is set.
        """
        with reading(self.path):
            try:
                for packet in self.container.demux():
                    yield from self._decoded(packet, strict=strict)
            except import_av().error.FFmpegError as error:
                if strict or not self.frames:
                    raise
                self.problem = f"damaged after frame {self.frames} ({error.strerror})"
        self.problem = self.problem or self._missing()
        if not self.frames:
            raise VideoError(f"{self.path}: has no frames{self._why()}; nothing to read")
        if strict and self.problem:
            raise VideoError(f"{self.path}: is {self.problem}; fetch it again, or repair it first")

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def __enter__(self) -> VideoReader:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def _decoded(self, packet: Any, *, strict: bool) -> Generator[Any]:
        if packet.size and packet.dts is not None and packet.time_base:
            end = (packet.pts or packet.dts) + (packet.duration or 0)
            self._end = max(self._end, end * packet.time_base)
        if packet.stream is not self.stream and packet.stream.index != self.stream.index:
            if packet.size:
                yield packet
            return
        self._packets += packet.size > 0
        try:
            frames = self.stream.decode(packet)
        except import_av().error.InvalidDataError:
            if strict:
                raise
            self.problem = f"damaged after frame {self.frames}"
            return
        for frame in frames:
            if frame.is_corrupt:
                self.problem = self.problem or f"damaged at frame {self.frames}"
            if not self.frames:  # once: PyAV never frees a frame whose notes were looked at
                self.held = orientation(frame)
            self.frames += 1
            self._fill_in_time(frame)
            yield frame

    def _fill_in_time(self, frame: Any) -> None:
        """Give a frame without a time that after the last frame; some formats leave it out."""
        if frame.time_base is None:
            frame.time_base = self.stream.time_base
        if frame.pts is None:
            frame.pts = self._due
        rate = self.stream.average_rate or _USUAL_RATE
        self._due = frame.pts + (frame.duration or max(1, round(1 / (rate * frame.time_base))))

    def _missing(self) -> str | None:
        """Say what is cut off: fewer packets than the index has, or much less than the duration."""
        counts = "avi" not in self.container.format.name  # there, moments without a frame count too
        if counts and self.stream.frames and self._packets < self.stream.frames:
            return f"cut short: {self._packets} of {self.stream.frames} frames are there"
        if not self.container.duration:
            return None
        promised = Fraction(self.container.duration, 10**6)
        if self._end < promised * _ENOUGH - _SECOND:
            return f"cut short: {float(self._end):.1f} of {float(promised):.1f} s are there"
        return None

    def _why(self) -> str:
        return f" and is {self.problem}" if self.problem else ""


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileError(f"{path}: cannot be read ({reason})") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise FileError(f"{path}: is {kind}; give the path of a video")
    if status.st_size == 0:
        raise VideoError(f"{path}: the file is empty; fetch it again")


def _picture_stream(container: Any, path: Path) -> Any:
    cover = import_av().stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & cover]
    if streams:
        return streams[0]
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    container.close()
    raise VideoError(f"{path}: has no moving picture, only {kinds}; give a video")

"""Reading videos: the packets of a file in their order, those of the picture decoded."""

from __future__ import annotations

import stat
import threading
from collections import deque
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any

from edgeseal._closing import Closing
from edgeseal.errors import FileError, VideoError
from edgeseal.watermark.video._beside import Beside, read_beside
from edgeseal.watermark.video._orientation import UPRIGHT
from edgeseal.watermark.video._pixels import orientation
from edgeseal.watermark.video._video_files import import_av, reading

__all__ = ["VideoReader"]

_ENOUGH = Fraction(19, 20)  # share of the promised duration, less a second, that files keep
_SECOND = Fraction(1)
_FEWEST_REORDERED = 8  # below, an encoder that looks ahead by more may give no order of storing
_USUAL_RATE = Fraction(25)


class VideoReader(Closing):
    """An open video file; close it, or use it in a ``with`` statement.

    Attributes:
        path: the file.
        container: PyAV's container.
        stream: PyAV's stream of the moving picture.
        frames: number of frames decoded so far.
        is_whole: whether everything was read, to the end and without a fault.
        held: what makes frames upright; known from the first frame on.
        notes: kinds of side data of the first frame, in PyAV's words.
        problem: what is missing or damaged, once everything was read; None if nothing.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a file.

        Raises:
            MissingExtraError: PyAV is not installed.
            FileError: the file cannot be read.
            VideoError: it is no video, or has no moving picture.
        """
        self.path = Path(path)
        self.frames = 0
        self.is_whole = False
        self.held = UPRIGHT
        self.notes: tuple[str, ...] = ()
        self.problem: str | None = None
        self._busy = threading.Lock()
        self._is_closed = False
        self._packets = 0
        self._end = Fraction(0)
        self._due = 0
        self._stored: deque[int] = deque()  # times of AVI's packets, whose frames are to come
        _check_file(self.path)
        with reading(self.path):
            self.container: Any = _opened(self.path)
        self.stream: Any = _picture_stream(self.container, self.path)
        self.stream.thread_type = "AUTO"

    @property
    def codec(self) -> str:
        """FFmpeg's name of how the picture is coded, such as ``hevc``."""
        return str(self.stream.codec_context.name)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of a frame, as the file has it before any frame is decoded."""
        return self.stream.codec_context.width, self.stream.codec_context.height

    @property
    def expected_frames(self) -> int | None:
        """Number of frames that there are, once all are read; before, what the file promises.

        Without a promise its duration suggests one.
        """
        if self.is_whole:
            return self.frames
        if self.stream.frames and not self._is_avi:
            return int(self.stream.frames)
        rate, lasts = self.stream.average_rate, self._promised()
        return max(1, round(lasts * rate)) if rate and lasts else None

    @property
    def has_hidden_alpha(self) -> bool:
        """Whether the file says that there is transparency, which FFmpeg's decoder leaves out."""
        return any(k.lower() == "alpha_mode" and v == "1" for k, v in self.stream.metadata.items())

    @property
    def beside(self) -> Beside:
        """What lies in an MP4 or QuickTime file beside its streams; nothing in other files."""
        if "mov" not in self.container.format.name:
            return Beside()
        with reading(self.path):
            return read_beside(self.path, self.stream.id)

    def suits_reordering(self) -> bool:
        """Say whether frames can be stored in another order than they are shown in.

        They can where all last equally long, give or take the unit of time, and where there are
        some. Reads the file's packets once, without decoding.
        """
        count, shortest, longest = 0, None, None
        with reading(self.path), _opened(self.path) as container:
            for packet in container.demux(container.streams[self.stream.index]):
                count += packet.size > 0
                if packet.size and packet.duration:
                    shortest = min(shortest or packet.duration, packet.duration)
                    longest = max(longest or packet.duration, packet.duration)
                    if longest - shortest > 1:
                        return False
        return count >= _FEWEST_REORDERED

    def items(self, *, strict: bool) -> Generator[Any]:
        """Yield decoded frames of the picture, and undecoded packets of all other streams.

        Args:
            strict: whether damage is an error; otherwise frames that are there are read, and
                :attr:`problem` says what is not.

        Raises:
            VideoError: no frame can be decoded, or there is damage and ``strict`` is set.
        """
        yield from self.stepwise(self._steps(strict=strict))

    def stepwise(self, steps: Generator[Any]) -> Generator[Any]:
        """Yield what steps that read this file yield, until it is closed."""
        while True:
            with self._busy:
                item = None if self._is_closed else next(steps, None)
            if item is None:
                return
            yield item

    def _steps(self, *, strict: bool) -> Generator[Any]:
        with reading(self.path):
            try:
                for packet in self.container.demux():
                    yield from self.decoded(packet, strict=strict)
            except import_av().error.FFmpegError as error:
                if strict or not self.frames:
                    raise
                self.problem = f"damaged after frame {self.frames} ({error.strerror})"
        self.problem = self.problem or self._missing()
        self.is_whole = self.problem is None
        if not self.frames:
            raise VideoError(f"{self.path}: has no frames{self._why()}; nothing to read")
        if strict and self.problem:
            raise VideoError(f"{self.path}: is {self.problem}; fetch it again, or repair it first")

    def close(self) -> None:
        """Close the file, after the step that another thread may be in; nothing comes after it."""
        with self._busy:
            self._is_closed = True
            self.container.close()

    def decoded(self, packet: Any, *, strict: bool) -> Generator[Any]:
        """Yield the frames that a packet gives; as :meth:`items`, for one packet after another."""
        begins = packet.dts if packet.pts is None else packet.pts
        if begins is not None and packet.time_base:
            self._end = max(self._end, (begins + (packet.duration or 0)) * packet.time_base)
        if packet.stream is not self.stream and packet.stream.index != self.stream.index:
            if packet.size:
                yield packet
            return
        self._packets += packet.size > 0
        if packet.size and self._is_avi and packet.dts is not None:
            self._stored.append(packet.dts)
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
                self.notes = tuple(note.type.name for note in frame.side_data)
            self.frames += 1
            self._fill_in_time(frame)
            yield frame

    def _fill_in_time(self, frame: Any) -> None:
        """Give a frame without a time that after the last frame; some formats leave it out.

        Likewise one without a duration that of the rate.
        """
        if frame.time_base is None:
            frame.time_base = self.stream.time_base
        if self._stored:  # one time after the other, in the order stored: not that of its own frame
            frame.pts = self._stored.popleft()
        elif frame.pts is None:
            frame.pts = self._due
        if not frame.duration:
            rate = self.stream.average_rate or _USUAL_RATE
            frame.duration = max(1, round(1 / (rate * frame.time_base)))
        self._due = frame.pts + frame.duration

    def _missing(self) -> str | None:
        """Say what is cut off: fewer packets than the index has, or much less than the duration."""
        if not self._is_avi and self.stream.frames and self._packets < self.stream.frames:
            return f"cut short: {self._packets} of {self.stream.frames} frames are there"
        promised, there = self._promised(), self._end - self._start
        if promised and there < promised * _ENOUGH - _SECOND:
            return f"cut short: {float(there):.1f} of {float(promised):.1f} s are there"
        return None

    @property
    def _start(self) -> Fraction:
        """The file's first moment, in seconds."""
        return Fraction(self.container.start_time or 0, 10**6)

    @property
    def _is_avi(self) -> bool:
        """Whether it counts moments without a frame, too, and notes times of storing only."""
        return "avi" in self.container.format.name

    def _promised(self) -> Fraction | None:
        """Return how many seconds the file promises, from its first moment on."""
        if not self.container.duration:
            return None
        lasts = Fraction(self.container.duration, 10**6)
        if "matroska" in self.container.format.name:  # counts from 0 whenever it begins
            lasts -= self._start
        return lasts

    def _why(self) -> str:
        return f" and is {self.problem}" if self.problem else ""


def _opened(path: Path) -> Any:
    return import_av().open(str(path), metadata_errors="replace")


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

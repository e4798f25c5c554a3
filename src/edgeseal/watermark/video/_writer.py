"""Writing videos: marked frames encoded, everything else of the source copied."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from edgeseal.errors import VideoError
from edgeseal.watermark.video._beside import ISO_SUFFIXES, Beside
from edgeseal.watermark.video._encoding import Encoding
from edgeseal.watermark.video._light import Light
from edgeseal.watermark.video._losses import OWN_TAGS, lost_notes, lost_pixels, lost_tags
from edgeseal.watermark.video._pixels import display_matrix
from edgeseal.watermark.video._reader import VideoReader
from edgeseal.watermark.video._video_files import import_av

__all__ = ["VideoWriter"]

_NOT_SHOWN = ("data", "unknown")
# they note one time for a frame, not also that of decoding it, or begin with the latter
_WITHOUT_ORDER = (".avi", ".flv", ".mpeg", ".mpg", ".mxf", ".wmv")
_ALL = 48  # FFmpeg's mark of a stream that nobody wants: chapters, which are copied as such
_REORDER = ("libx264", "libx265")
_HOLD_FIELDS = ("libx264", "mpeg4")
_BITS_PER_PIXEL = 0.4
_DEFAULT_RATE = Fraction(25)


class VideoWriter:
    """A video file that takes the streams, times, tags and chapters of another.

    Attributes:
        pix_fmt: the pixel format to give frames in.
        dropped: what of the source is left out: streams of data that players do not show, such as a
            camera's sensor readings, which few formats take; what the encoder or the pixel format
            does not hold; and once the file is closed, tags that are not in it.
        size_bytes: what the encoded frames take so far.
    """

    def __init__(
        self,
        path: Path,
        reader: VideoReader,
        first: Any,
        encoding: Encoding,
        *,
        name: Path,
        has_keys: bool = False,
    ) -> None:
        """Open the file and describe its streams.

        Args:
            path: where to write.
            reader: the source.
            first: its first frame.
            encoding: options of the encoder.
            name: what messages call the file.
            has_keys: whether tags are QuickTime's keys, in formats that have such.

        Raises:
            UsageError: options that the encoder does not have.
            VideoError: the format does not exist, or cannot hold a stream of the source.
        """
        self._path, self._name, self._reader = path, name, reader
        self.size_bytes = 0
        self._lasts: dict[int, int] = {}  # of the frames that are being encoded
        self._waiting: dict[int, list[Any]] = {}  # packets that have no time yet, by stream
        self._codec = encoding.codec_for(name.suffix, reader.codec)
        self.pix_fmt = encoding.pix_fmt_for(self._codec, first)
        self._check_fields(first)
        light = Light.of(first.side_data)
        options = encoding.options(
            self._codec, (first.width, first.height), light.parameters(self._codec)
        )
        self.dropped: tuple[str, ...] = (
            *light.dropped(self._codec),
            *lost_notes(reader.notes, self._codec),
            *lost_pixels(first.format, self.pix_fmt),
        )
        flags = "+faststart+use_metadata_tags" if has_keys else "+faststart"
        options_of = {"movflags": flags} if name.suffix.lower() in ISO_SUFFIXES else {}
        with self._writing():
            self._container: Any = import_av().open(str(path), "w", options=options_of)
        try:
            self._stream = self._picture(reader, first, options)
            self._copies = self._other_streams(reader)
            self._describe(reader)
            with self._writing():
                self._container.start_encoding()
        except BaseException:
            self.abandon()
            raise

    def write(self, item: Any) -> None:
        """Write a frame in :attr:`pix_fmt`, or copy a packet of another stream.

        Raises:
            VideoError: the encoder or the format refuses it.
            OSError: the disk does.
        """
        with self._writing():
            if isinstance(item, import_av().VideoFrame):
                self._encode(item)
            elif item.stream.index in self._copies:
                self._copy(item)

    def finish(self, beside: Beside) -> None:
        """Encode what is under way, close the file and append what lies beside the streams.

        Raises:
            VideoError, OSError: as :meth:`write`.
        """
        with self._writing():
            self._encode(None)
            for packet in itertools.chain.from_iterable(self._waiting.values()):
                packet.dts = packet.pts = packet.pts or 0
                self._container.mux_one(packet)
            self._container.close()
        streams = {index: copy.index for index, copy in self._copies.items()}
        streams[self._reader.stream.index] = self._stream.index
        tags = lost_tags(self._reader.container, self._path, streams)
        boxes = beside.write(self._path, self._name.suffix)
        self.dropped = (*self.dropped, *beside.dropped, *boxes, *tags)

    def abandon(self) -> None:
        """Close a file that is of no use."""
        with contextlib.suppress(Exception):
            self._container.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except import_av().error.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise VideoError(
                f"{self._name}: cannot be written with {self._codec} ({error.strerror or error}); "
                "choose another ending, --codec, --preset or --pix-fmt"
            ) from error
        except ValueError as error:
            raise VideoError(
                f"{self._name}: cannot be written ({error}); choose another ending"
            ) from error

    def _encode(self, frame: Any) -> None:
        packets = self._stream.encode(frame)
        if frame is not None:
            self._lasts[frame.pts] = frame.duration
        for packet in packets:  # not every encoder hands it on
            packet.duration = self._lasts.pop(packet.pts, packet.duration)
            self.size_bytes += packet.size
        self._container.mux(packets)

    def _copy(self, packet: Any) -> None:
        """Write a packet; one that has no time of decoding, when the next one has."""
        is_cover = packet.stream.disposition & import_av().stream.Disposition.attached_pic
        packet.stream = self._copies[packet.stream.index]
        if is_cover and packet.dts is None:
            packet.pts = packet.dts = packet.pts or 0
        waiting = self._waiting.setdefault(packet.stream.index, [])
        waiting.append(packet)
        if packet.dts is not None:
            for before, one in enumerate(reversed(waiting)):
                one.dts = packet.dts - before * max(1, one.duration or 1)
            self._container.mux(waiting)
            waiting.clear()

    def _check_fields(self, first: Any) -> None:
        if first.interlaced_frame and self._codec not in _HOLD_FIELDS:
            raise VideoError(
                f"{self._name}: the source is interlaced, which {self._codec} does not encode; "
                f"choose --codec {_HOLD_FIELDS[0]}, or deinterlace it first"
            )

    def _picture(self, reader: VideoReader, first: Any, options: dict[str, str]) -> Any:
        source = reader.stream
        rate = source.average_rate or source.guessed_rate or _DEFAULT_RATE
        with self._writing():
            stream = self._container.add_stream(self._codec, rate=rate, options=options)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = first.width, first.height, self.pix_fmt
        context.time_base = stream.time_base = _time_base(first, source, rate)
        context.thread_type = "AUTO"
        kinds = import_av().codec.context.Flags
        context.flags |= kinds.frame_duration
        if first.interlaced_frame:
            context.flags |= kinds.interlaced_dct | kinds.interlaced_me
            context.field_order = source.codec_context.field_order
        if self._codec == "libx265" and self._name.suffix.lower() in ISO_SUFFIXES:
            context.codec_tag = "hvc1"  # Apple's players know no other
        if self._keeps_order(reader):
            context.max_b_frames = 0
        if not options:  # no quality to set: enough bits that a watermark survives
            context.bit_rate = round(_BITS_PER_PIXEL * first.width * first.height * rate)
        if source.sample_aspect_ratio:
            context.sample_aspect_ratio = source.sample_aspect_ratio
        for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
            setattr(context, name, getattr(first, name))
        matrix = display_matrix(first)
        if matrix is not None:
            stream.set_display_matrix(matrix)
        _copy_tags(source, stream)
        return stream

    def _keeps_order(self, reader: VideoReader) -> bool:
        """Say whether frames have to be stored in the order in which they are shown.

        MP4 notes the time from one stored frame to the next, so that durations that differ would go
        to other frames, and that of the last one nowhere.
        """
        if self._name.suffix.lower() in _WITHOUT_ORDER:
            return True
        return self._codec in _REORDER and not reader.suits_reordering()

    def _other_streams(self, reader: VideoReader) -> dict[int, Any]:
        copies: dict[int, Any] = {}
        dropped: list[str] = []
        for stream in reader.container.streams:
            if stream.index == reader.stream.index:
                continue
            if int(stream.discard) == _ALL and reader.container.chapters():
                continue
            is_empty = stream.type == "video" and not stream.codec_context.width
            if stream.type in _NOT_SHOWN or is_empty:
                dropped.append(f"stream {stream.index} ({stream.type})")
                continue
            try:
                description = self._description(stream)
                copies[stream.index] = self._container.add_stream_from_template(description)
            except (import_av().error.FFmpegError, ValueError) as error:
                codec = stream.codec_context.name if stream.codec_context else "unknown"
                raise VideoError(
                    f"{self._name}: cannot hold stream {stream.index} of {reader.path} "
                    f"({stream.type}, {codec}); choose the source's own ending, or .mkv"
                ) from error
            _copy_tags(stream, copies[stream.index])
        self.dropped = (*dropped, *self.dropped)
        return copies

    def _description(self, stream: Any) -> Any:
        """Return what to describe a copy of a stream by: itself, or what Matroska makes of it.

        FFmpeg's reader of AVI says of AAC that it comes in blocks of one size, and its writer then
        counts time by them.
        """
        is_timed_by_blocks = stream.type == "audio" and stream.codec_context.name == "aac"
        if self._name.suffix.lower() != ".avi" or not is_timed_by_blocks:
            return stream
        file = io.BytesIO()
        with import_av().open(str(self._reader.path)) as source:
            packets = source.demux(source.streams[stream.index])
            first = next((packet for packet in packets if packet.size), None)
            if first is None:
                return stream
            with import_av().open(file, "w", format="matroska") as container:
                first.stream = container.add_stream_from_template(stream)
                container.mux_one(first)  # which tells how long all are
        return import_av().open(io.BytesIO(file.getvalue())).streams[0]

    def _describe(self, reader: VideoReader) -> None:
        source = reader.container
        tags = {k: v for k, v in source.metadata.items() if k.lower() not in OWN_TAGS}
        self._container.metadata.update(tags)
        chapters = source.chapters()
        if chapters:
            self._container.set_chapters(chapters)


def _copy_tags(source: Any, stream: Any) -> None:
    tags = {k: v for k, v in source.metadata.items() if k.lower() not in OWN_TAGS}
    if "name" in tags:  # what MP4's reader calls what its writer takes as the title
        tags.setdefault("title", tags["name"])
    stream.metadata.update(tags)
    stream.disposition = source.disposition


def _time_base(first: Any, source: Any, rate: Fraction) -> Fraction:
    """Return a unit of time in which the source's times stay what they are."""
    return first.time_base or source.time_base or 1 / rate

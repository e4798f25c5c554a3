"""Writing videos: marked frames encoded, everything else of the source copied."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from edgeseal.errors import VideoError
from edgeseal.watermark.video._encoding import Encoding
from edgeseal.watermark.video._light import Light
from edgeseal.watermark.video._pixels import display_matrix
from edgeseal.watermark.video._reader import VideoReader
from edgeseal.watermark.video._video_files import import_av

__all__ = ["VideoWriter"]

# what the muxer writes itself
_OWN_TAGS = ("encoder", "major_brand", "minor_version", "compatible_brands", "duration")
_NOT_SHOWN = ("data", "unknown")
_INDEX_FIRST = (".mp4", ".m4v", ".mov")
_WITHOUT_ORDER = (
    ".avi",
    ".mxf",
    ".wmv",
)  # they note one time for a frame, not also that of decoding it
_REORDER = ("libx264", "libx265")
_HOLD_FIELDS = ("libx264", "mpeg4")
_BITS_PER_PIXEL = 0.4
_DEFAULT_RATE = Fraction(25)


class VideoWriter:
    """A video file that takes the streams, times, tags and chapters of another.

    Attributes:
        pix_fmt: the pixel format to give frames in.
        dropped: what of the source is left out: streams of data that players do not show, such as a
            camera's sensor readings, which few formats take; and notes on light that the encoder
            cannot write.
        size_bytes: what the encoded frames take so far.
    """

    def __init__(
        self, path: Path, reader: VideoReader, first: Any, encoding: Encoding, *, name: Path
    ) -> None:
        """Open the file and describe its streams.

        Args:
            path: where to write.
            reader: the source.
            first: its first frame.
            encoding: options of the encoder.
            name: what messages call the file.

        Raises:
            UsageError: options that the encoder does not have.
            VideoError: the format does not exist, or cannot hold a stream of the source.
        """
        self._name = name
        self.size_bytes = 0
        self._lasts: dict[int, int] = {}  # of the frames that are being encoded
        self._codec = encoding.codec_for(name.suffix, reader.codec)
        self.pix_fmt = encoding.pix_fmt_for(self._codec, first)
        self._check_fields(first)
        light = Light.of(first.side_data)
        options = encoding.options(
            self._codec, (first.width, first.height), light.parameters(self._codec)
        )
        self.dropped: tuple[str, ...] = tuple(light.dropped(self._codec))
        flags = {"movflags": "+faststart"} if name.suffix.lower() in _INDEX_FIRST else {}
        with self._writing():
            self._container: Any = import_av().open(str(path), "w", options=flags)
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
                item.stream = self._copies[item.stream.index]
                if item.dts is None:  # a cover
                    item.pts = item.dts = item.pts or 0
                self._container.mux_one(item)

    def finish(self) -> None:
        """Encode what is under way and close the file.

        Raises:
            VideoError, OSError: as :meth:`write`.
        """
        with self._writing():
            self._encode(None)
            self._container.close()

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
        if self._codec == "libx265" and self._name.suffix.lower() in _INDEX_FIRST:
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
            if stream.type in _NOT_SHOWN:
                dropped.append(f"stream {stream.index} ({stream.type})")
                continue
            try:
                copies[stream.index] = self._container.add_stream_from_template(stream)
            except (import_av().error.FFmpegError, ValueError) as error:
                codec = stream.codec_context.name if stream.codec_context else "unknown"
                raise VideoError(
                    f"{self._name}: cannot hold stream {stream.index} of {reader.path} "
                    f"({stream.type}, {codec}); choose the source's own ending, or .mkv"
                ) from error
            _copy_tags(stream, copies[stream.index])
        self.dropped = (*dropped, *self.dropped)
        return copies

    def _describe(self, reader: VideoReader) -> None:
        source = reader.container
        tags = {k: v for k, v in source.metadata.items() if k.lower() not in _OWN_TAGS}
        self._container.metadata.update(tags)
        chapters = source.chapters()
        if chapters:
            self._container.set_chapters(chapters)


def _copy_tags(source: Any, stream: Any) -> None:
    tags = {k: v for k, v in source.metadata.items() if k.lower() not in _OWN_TAGS}
    stream.metadata.update(tags)
    stream.disposition = source.disposition


def _time_base(first: Any, source: Any, rate: Fraction) -> Fraction:
    """Return a unit of time in which the source's times stay what they are."""
    return first.time_base or source.time_base or 1 / rate

"""What ``embed`` and ``detect`` do with videos."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from edgeseal._files import check_apart, check_outputs, check_sources, output_folder
from edgeseal.cli._shared._console import (
    frame_bar,
    new_table,
    note,
    print_json,
    print_table,
    printable,
)
from edgeseal.cli._shared._jsonl import JsonLines, Lines, left_over
from edgeseal.cli._shared._pictures import exit_after_pictures, note_done
from edgeseal.errors import FileError, UsageError

if TYPE_CHECKING:
    from edgeseal.cli._shared._message import Wanted
    from edgeseal.watermark.runtime import Detection
    from edgeseal.watermark.video import VideoDetection, VideoEmbedding

__all__ = [
    "AggregationOption",
    "AllFramesOption",
    "CodecOption",
    "CrfOption",
    "EveryOption",
    "PixFmtOption",
    "PresetOption",
    "VideoDetect",
    "VideoEmbed",
    "list_inputs",
]

CodecOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--codec", metavar="NAME", help="Videos: encoder [default: libx264]."),
]
CrfOption: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--crf", metavar="N", help="Videos: quality, lower is better [default: 18 with libx264]."
    ),
]
PresetOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--preset", metavar="NAME", help="Videos: effort, such as veryfast or slow."),
]
PixFmtOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--pix-fmt", metavar="NAME", help="Videos: pixel format [default: the source's]."),
]
AggregationOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--aggregation",
        metavar="NAME",
        help="Videos: how frames are averaged: avg, squared_avg, l1norm_avg or l2norm_avg.",
    ),
]
EveryOption: TypeAlias = Annotated[
    int | None, typer.Option("--every", metavar="N", help="Videos: read one of N frames.")
]
AllFramesOption: TypeAlias = Annotated[
    bool, typer.Option("--all-frames", help="Videos: go on when the message is certain.")
]


def list_inputs(
    names: list[Path],
    *,
    recursive: bool,
    for_videos: Mapping[str, object],
    for_pictures: Mapping[str, object],
) -> tuple[list[Path], bool]:
    """Return the pictures or videos that were named, and whether they are videos.

    Where folders or lists hold both, pictures are meant, and the number of videos is noted.

    Args:
        names: files, folders, patterns and lists.
        recursive: whether to search folders in folders.
        for_videos: values of options that are for videos alone, by name; None and False if not
            given.
        for_pictures: likewise.

    Raises:
        FileError: there are none, or a folder or list cannot be read.
        UsageError: videos and others were named together, or an option of the one for the other.
    """
    from edgeseal.pictures import PICTURE_SUFFIXES, list_pictures
    from edgeseal.watermark.video import VIDEO_SUFFIXES, is_video

    suffixes = (*PICTURE_SUFFIXES, *VIDEO_SUFFIXES)
    found = list_pictures(names, recursive=recursive, suffixes=suffixes, kind="pictures or videos")
    videos = [path for path in found if is_video(path)]
    if videos and len(videos) < len(found):
        found = [path for path in found if not is_video(path)]
        if any(map(is_video, names)):
            raise UsageError(
                f"{found[0]}: no video, but {videos[0]} is; give pictures and videos in separate "
                "runs"
            )
        count = f"{len(videos)} video{'s' * (len(videos) > 1)}"
        note(f"{count} left out, such as {videos[0]}; videos need a run of their own")
        videos = []
    kinds = "videos", "pictures"
    kind, other = kinds[::-1] if videos else kinds
    foreign = for_pictures if videos else for_videos
    given = [name for name, value in foreign.items() if value is not None and value is not False]
    if given:
        raise UsageError(f"{' and '.join(given)}: for {kind} only; leave it out for {other}")
    return found, bool(videos)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoEmbed:
    """A run of ``embed`` on videos."""

    model: Path
    output: Path
    wanted: Wanted
    codec: str | None
    crf: float | None
    preset: str | None
    pix_fmt: str | None
    lines: Lines
    overwrite: bool
    as_json: bool

    def run(self, videos: list[Path]) -> None:
        """Mark one video after the other; those that fail are reported.

        Raises:
            UsageError, FileError, ModelError: nothing could be done.
            typer.Exit: with 1 if some videos failed, with 2 if all did.
        """
        from edgeseal.watermark.runtime import load_embedder
        from edgeseal.watermark.video import Encoding, embed_video

        outputs = {path: self.output / path.name for path in videos}
        check_sources(outputs)
        check_apart([self.model, *videos], [*outputs.values(), self.lines.file])
        if not self.lines.resume:
            self._check(outputs)
        embedder = load_embedder(self.model, threads=os.cpu_count() or 1)
        message = self.wanted.to_message(embedder.info.bits)
        encoding = Encoding(
            codec=self.codec, crf=self.crf, preset=self.preset, pix_fmt=self.pix_fmt
        )
        settings = {"message": message.hex, "output": str(self.output), **asdict(encoding)}
        head = self.lines.head("embed", self.model, settings)
        if self.lines.resume:
            left = left_over(outputs, self.lines.done(head))
            self._check(left)
            note_done(len(outputs) - len(left), len(outputs), what="videos")
            outputs = left
        results = _Results()
        with output_folder(self.output), self.lines.open(head) as results.lines:
            for source, path in outputs.items():
                result: dict[str, Any] = {"source": str(source), "path": None, "embedding": None}
                with _reported(result):
                    with frame_bar(f"embedding {source.name}") as report:
                        done = embed_video(
                            embedder,
                            source,
                            path,
                            message,
                            encoding=encoding,
                            overwrite=self.overwrite,
                            report=report,
                        )
                    result |= {"path": str(path), "embedding": done.to_json()}
                    if done.dropped:
                        note(f"Warning: {path}: left out {', '.join(done.dropped)}")
                    if results.lines is None and not self.as_json:
                        _show_embedding(path, done)
                results.add(result)
        if self.as_json:
            content = {"message": message.hex, "bits": len(message), "results": results.kept}
            print_json("embed", {**content, "failed": results.failed})
        exit_after_pictures(results.failed, len(outputs), what="videos")

    def _check(self, outputs: Mapping[Path, Path]) -> None:
        names = [path.name for path in outputs.values()]
        check_outputs(self.output, names, overwrite=self.overwrite)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoDetect:
    """A run of ``detect`` on videos."""

    model: Path
    expect: str | None
    fpr: float | None
    raw: bool
    aggregation: str | None
    every: int | None
    all_frames: bool
    workers: int | None
    threads: int
    lines: Lines
    as_json: bool

    def run(self, videos: list[Path]) -> None:
        """Read one video after the other; those that fail are reported.

        Raises:
            UsageError, ModelError: nothing could be done.
            typer.Exit: with 1 if some videos failed, with 2 if all did.
        """
        from edgeseal.cli._detect import note_unknown, payload_rate
        from edgeseal.watermark.runtime import load_detector, to_message
        from edgeseal.watermark.video import detect_video

        detector = load_detector(self.model, threads=self.threads)
        raw = self.raw or self.expect is not None
        fpr = None if raw else payload_rate(detector.info.bits, self.fpr)
        expected = None if self.expect is None else to_message(self.expect, detector.info.bits)
        aggregation = "avg" if self.aggregation is None else self.aggregation
        every = 1 if self.every is None else self.every
        settings = {
            "expect": None if expected is None else expected.hex,
            "fpr": fpr,
            "aggregation": aggregation,
            "every": every,
            "all_frames": self.all_frames,
        }
        head = self.lines.head("detect", self.model, settings)
        done = self.lines.done(head)
        left = [path for path in videos if str(path) not in done]
        note_done(len(videos) - len(left), len(videos), what="videos")
        results = _Results()
        detections: list[Detection] = []
        with self.lines.open(head) as results.lines:
            for source in left:
                result: dict[str, Any] = {"source": str(source), "detection": None}
                with _reported(result):
                    with frame_bar(f"reading {source.name}") as report:
                        found = detect_video(
                            detector,
                            source,
                            expect=expected,
                            fpr=fpr,
                            aggregation=aggregation,
                            every=every,
                            all_frames=self.all_frames,
                            workers=self.workers,
                            report=report,
                        )
                    result["detection"] = found.to_json()
                    if found.problem is not None:
                        note(f"Warning: {source}: {found.problem}")
                    if results.lines is None and not self.as_json:
                        detections.append(found.detection)
                        _show_detection(source, found)
                results.add(result)
        if self.as_json:
            content = {"model": str(self.model), "results": results.kept}
            print_json("detect", {**content, "failed": results.failed})
        elif not self.raw:
            note_unknown(detections)
        exit_after_pictures(results.failed, len(left), what="videos")


@dataclass(slots=True)
class _Results:
    """What came of each video: written as lines, or kept.

    Attributes:
        lines: where to write; None to keep.
        kept: results that were not written.
        failed: number of videos that failed.
    """

    lines: JsonLines | None = None
    kept: list[dict[str, Any]] = field(default_factory=list)
    failed: int = 0

    def add(self, result: dict[str, Any]) -> None:
        self.failed += result["error"] is not None
        if self.lines is None:
            self.kept.append(result)
        else:
            self.lines.write(result)


@contextlib.contextmanager
def _reported(result: dict[str, Any]) -> Iterator[None]:
    """Note a failure of one video in its result, and go on."""
    result["error"] = None
    try:
        yield
    except FileError as failure:
        result["error"] = str(failure)
        note(f"Error: {failure}")


def _show_embedding(path: Path, done: VideoEmbedding) -> None:
    table = new_table(
        "video", "message", "frames", "PSNR", right=("frames", "PSNR"), texts=("video",)
    )
    psnr = "unchanged" if done.psnr_db == float("inf") else f"{done.psnr_db:.2f} dB"
    table.add_row(printable(str(path)), done.message.hex, str(done.frames), psnr)
    print_table(table)


def _show_detection(source: Path, found: VideoDetection) -> None:
    from edgeseal.cli._detect import detection_cells, detection_columns

    detection = found.detection
    columns = detection_columns(detection)
    table = new_table(
        "video", "message", "frames", *columns, right=("frames", *columns[-3:]), texts=("video",)
    )
    frames = (
        str(found.frames)
        if found.expected_frames is None
        else (f"{found.frames} of {found.expected_frames}")
    )
    table.add_row(printable(str(source)), detection.hex, frames, *detection_cells(detection))
    print_table(table)

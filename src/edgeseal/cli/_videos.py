"""What ``embed`` and ``detect`` do with videos."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from edgeseal.cli._console import frame_bar, new_table, note, print_json, print_table, printable
from edgeseal.cli._outputs import check_apart, check_outputs, check_sources, output_folder
from edgeseal.cli._pictures import exit_after_pictures
from edgeseal.errors import FileError, UsageError

if TYPE_CHECKING:
    from edgeseal.cli._message import Wanted
    from edgeseal.runtime import Detection
    from edgeseal.video import VideoDetection, VideoEmbedding

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
    "only_videos",
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


def only_videos(
    paths: list[Path], for_videos: Mapping[str, object], for_pictures: Mapping[str, object]
) -> bool:
    """Say whether videos were named, not pictures.

    Args:
        paths: what was named.
        for_videos: values of options that are for videos alone, by name; None and False if not
            given.
        for_pictures: likewise.

    Raises:
        UsageError: videos and others were named together, or an option of the one for the other.
    """
    from edgeseal.video import is_video

    videos = [path for path in paths if is_video(path)]
    if videos and len(videos) < len(paths):
        others = ", ".join(str(path) for path in paths if path not in videos)
        raise UsageError(
            f"{others}: no video, but {videos[0]} is; give pictures and videos in separate runs"
        )
    kinds = "videos", "pictures"
    kind, other = kinds[::-1] if videos else kinds
    foreign = for_pictures if videos else for_videos
    given = [name for name, value in foreign.items() if value is not None and value is not False]
    if given:
        raise UsageError(f"{' and '.join(given)}: for {kind} only; leave it out for {other}")
    return bool(videos)


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
    overwrite: bool
    as_json: bool

    def run(self, videos: list[Path]) -> None:
        """Mark one video after the other; those that fail are reported.

        Raises:
            UsageError, FileError, ModelError: nothing could be done.
            typer.Exit: with 1 if some videos failed, with 2 if all did.
        """
        from edgeseal.runtime import load_embedder
        from edgeseal.video import Encoding, embed_video

        outputs = {path: self.output / path.name for path in dict.fromkeys(videos)}
        check_sources(outputs)
        check_apart([self.model], outputs.values())
        check_outputs(self.output, [p.name for p in outputs.values()], overwrite=self.overwrite)
        embedder = load_embedder(self.model, threads=os.cpu_count() or 1)
        message = self.wanted.to_message(embedder.info.bits)
        encoding = Encoding(
            codec=self.codec, crf=self.crf, preset=self.preset, pix_fmt=self.pix_fmt
        )
        results: list[dict[str, Any]] = []
        with output_folder(self.output):
            for source, path in outputs.items():
                result: dict[str, Any] = {"source": str(source), "path": None, "embedding": None}
                with _reported(result), frame_bar(f"embedding {source.name}") as report:
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
                    if not self.as_json:
                        _show_embedding(path, done)
                results.append(result)
        failed = sum(result["error"] is not None for result in results)
        if self.as_json:
            content = {"message": message.hex, "bits": len(message), "results": results}
            print_json("embed", {**content, "failed": failed})
        exit_after_pictures(failed, len(results), what="videos")


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
    workers: int
    threads: int
    as_json: bool

    def run(self, videos: list[Path]) -> None:
        """Read one video after the other; those that fail are reported.

        Raises:
            UsageError, ModelError: nothing could be done.
            typer.Exit: with 1 if some videos failed, with 2 if all did.
        """
        from edgeseal.cli._detect import note_unknown, payload_rate
        from edgeseal.runtime import load_detector
        from edgeseal.video import detect_video

        detector = load_detector(self.model, threads=self.threads)
        raw = self.raw or self.expect is not None
        fpr = None if raw else payload_rate(detector.info.bits, self.fpr)
        results: list[dict[str, Any]] = []
        detections: list[Detection] = []
        for source in dict.fromkeys(videos):
            result: dict[str, Any] = {"source": str(source), "detection": None}
            with _reported(result), frame_bar(f"reading {source.name}") as report:
                found = detect_video(
                    detector,
                    source,
                    expect=self.expect,
                    fpr=fpr,
                    aggregation="avg" if self.aggregation is None else self.aggregation,
                    every=1 if self.every is None else self.every,
                    all_frames=self.all_frames,
                    workers=self.workers,
                    report=report,
                )
                result["detection"] = found.to_json()
                if found.problem is not None:
                    note(f"Warning: {source}: {found.problem}")
                detections.append(found.detection)
                if not self.as_json:
                    _show_detection(source, found)
            results.append(result)
        failed = sum(result["error"] is not None for result in results)
        if self.as_json:
            print_json("detect", {"model": str(self.model), "results": results, "failed": failed})
        elif not self.raw:
            note_unknown(detections)
        exit_after_pictures(failed, len(results), what="videos")


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
    table = new_table("video", "message", "frames", "PSNR", right=("frames", "PSNR"))
    psnr = "unchanged" if done.psnr_db == float("inf") else f"{done.psnr_db:.2f} dB"
    table.add_row(printable(str(path)), done.message.hex, str(done.frames), psnr)
    print_table(table)


def _show_detection(source: Path, found: VideoDetection) -> None:
    from edgeseal.cli._detect import detection_cells, detection_columns

    detection = found.detection
    columns = detection_columns(detection)
    table = new_table("video", "message", "frames", *columns, right=("frames", *columns[-3:]))
    frames = (
        str(found.frames)
        if found.expected_frames is None
        else (f"{found.frames} of {found.expected_frames}")
    )
    table.add_row(printable(str(source)), detection.hex, frames, *detection_cells(detection))
    print_table(table)

"""Reads the messages of pictures or videos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from edgeseal._files import check_apart
from edgeseal._problems import Problems
from edgeseal._progress import SILENT, Progress
from edgeseal.errors import FileError, UsageError
from edgeseal.pictures import ImageInput
from edgeseal.pictures._read_image import name_of
from edgeseal.watermark.payload import DEFAULT_FPR, PayloadCode, payload_code
from edgeseal.watermark.runtime import (
    DetectionOutcome,
    LiteRTDetector,
    MessageInput,
    load_detector,
    to_message,
)
from edgeseal.watermark.verbs._batch import Sources, collect, list_sources, note_done
from edgeseal.watermark.verbs._json_lines import Lines
from edgeseal.watermark.video import (
    DEFAULT_AGGREGATION,
    VideoDetection,
    check_reading,
    detect_video,
)

__all__ = ["DetectionResults", "VideoDetectionOutcome", "detect"]

_SHOWN = 20


@dataclass(frozen=True, slots=True, eq=False)
class VideoDetectionOutcome(DetectionOutcome):
    """One video of many; :attr:`detection` is of its frames together.

    Attributes:
        video: what else is known of it, or None.
    """

    video: VideoDetection | None = None

    @property
    def warning(self) -> str | None:
        """What is damaged or missing in the file, or None."""
        problem = None if self.video is None else self.video.problem
        return None if problem is None else f"{self.source}: {problem}"

    def to_json(self) -> dict[str, Any]:
        """Return the outcome for ``json.dumps``."""
        record = DetectionOutcome.to_json(self)
        return record | {"detection": None if self.video is None else self.video.to_json()}


@dataclass(frozen=True, slots=True, eq=False)
class DetectionResults:
    """What came of many pictures or videos.

    Attributes:
        kind: ``pictures`` or ``videos``.
        model: the detector's file.
        results: of each, in the order that they were given; empty where they were written as lines.
        total: number of sources that were read now.
        failed: number of those that could not be read.
        left_out: number of files in folders that were passed over, by what they are.
    """

    kind: str
    model: str
    results: tuple[DetectionOutcome, ...]
    total: int
    failed: int
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether all could be read."""
        return not self.failed

    def to_json(self) -> dict[str, object]:
        """Return everything, for ``json.dumps``."""
        results = [outcome.to_json() for outcome in self.results]
        tail = {"failed": self.failed, "left_out": dict(self.left_out)}
        return {"model": self.model, "results": results, **tail}

    def __str__(self) -> str:
        """Return a line for each of the first sources, and their number."""
        lines = [f"{one.source or 'picture'}: {_text(one)}" for one in self.results[:_SHOWN]]
        return "\n".join([*lines, f"{self.total - self.failed} of {self.total} read"])


def detect(
    sources: Sources,
    *,
    model: str | Path,
    expect: MessageInput | None = None,
    fpr: float | None = None,
    raw: bool = False,
    workers: int | None = None,
    threads: int = 1,
    recursive: bool = True,
    exact: bool = False,
    json_lines: str | Path | TextIO | None = None,
    resume: bool = False,
    overwrite: bool = False,
    aggregation: str | None = None,
    every: int | None = None,
    all_frames: bool = False,
    progress: Progress = SILENT,
) -> DetectionResults:
    """Read the messages of pictures or videos; what ``edgeseal detect`` does.

    Args:
        sources: one or many, pictures or videos: paths, folders, patterns, bytes, open files, PIL
            images or arrays; videos are files.
        model: a detector's ``.tflite`` file.
        expect: the message that should be there.
        fpr: share of unmarked pictures that may be called marked; 1e-6 unless given.
        raw: look for no payload.
        workers: pictures at the same time; as many as suit the machine if None.
        threads: threads per picture.
        recursive: whether to search folders in folders.
        exact: whether to decode large JPEG files at full size.
        json_lines: a file, or an open one, for each result as a line of JSON when it comes.
        resume: go on with such a file: leave out what it has.
        overwrite: whether to replace such a file.
        aggregation: how frames of videos are averaged; one of
            :data:`edgeseal.watermark.video.AGGREGATIONS`.
        every: read one of so many frames of videos.
        all_frames: whether to read all frames when the message is certain.
        progress: hears what goes on, and of sources that fail, which do not end the work.

    Raises:
        UsageError: arguments are out of range or contradict each other; all of it is said.
        FileError: there are no pictures, or the lines cannot be written.
        ModelError: the model is none, or no detector.
        MissingExtraError: PyAV is not installed, for videos.
        RuntimeRefusalError: LiteRT cannot prepare or run the model.
    """
    lines = Lines(json_lines, resume, overwrite)
    problems = _problems(expect, fpr, raw, workers, threads, aggregation, every)
    with problems.collected():
        lines.check()
    with problems.collected():
        batch = list_sources(
            sources,
            recursive=recursive,
            for_videos={"aggregation": aggregation, "every": every, "all_frames": all_frames},
            for_pictures={"exact": exact},
            progress=progress,
        )
        check_apart([model, *batch.lists, *batch.paths], [lines.file])
    problems.check()
    detector = load_detector(model, threads=threads, exact=exact)
    bits = detector.info.bits
    expected = None if expect is None else to_message(expect, bits)
    rate = None if raw or expect is not None else _payload_rate(bits, fpr)
    reading: dict[str, Any] = {"expect": expected, "fpr": rate, "workers": workers}
    aggregation = aggregation or DEFAULT_AGGREGATION
    frames: dict[str, Any] = {"aggregation": aggregation, "every": every or 1}
    frames["all_frames"] = all_frames
    settings: dict[str, Any] = {"expect": expected and expected.hex, "fpr": rate}
    settings |= frames if batch.are_videos else {"exact": exact}
    head = lines.head("detect", Path(model), settings)
    done = frozenset(lines.done(head))
    left = [source for source in batch.sources if name_of(source) not in done]
    note_done(len(left), batch, progress)
    with lines.open(head) as file:
        if batch.are_videos:
            found = _videos(detector, left, progress, **reading, **frames)
        else:
            found = detector.detect_many(left, **reading)
        results, failed, _ = collect(found, batch.bar(len(left)), "detecting", file, progress)
    return DetectionResults(batch.kind, str(model), results, len(left), failed, batch.left_out)


def _problems(
    expect: MessageInput | None,
    fpr: float | None,
    raw: bool,
    workers: int | None,
    threads: int,
    aggregation: str | None,
    every: int | None,
) -> Problems:
    """Return what is wrong with arguments, whatever the sources are."""
    problems = Problems()
    if fpr is not None and (raw or expect is not None):
        problems.add("`fpr` goes with looking for a payload; leave out `raw` and `expect`")
    if fpr is not None:
        with problems.collected():
            PayloadCode.check_rate(fpr)
    problems.expect_at_least(1, workers=workers, threads=threads)
    with problems.collected():
        check_reading(DEFAULT_AGGREGATION if aggregation is None else aggregation, every)
    return problems


def _payload_rate(bits: int, fpr: float | None) -> float | None:
    """Return the false-positive rate to look for a payload with, or None where there can be none.

    Raises:
        UsageError: a rate was given and there can be none.
    """
    try:
        payload_code(bits)
    except UsageError:
        if fpr is not None:
            raise
        return None
    return DEFAULT_FPR if fpr is None else fpr


def _videos(
    detector: LiteRTDetector, videos: Sequence[ImageInput], progress: Progress, **reading: Any
) -> Iterator[DetectionOutcome]:
    for index, path in enumerate(Path(str(video)) for video in videos):
        try:
            with progress.frames(f"reading {path.name}") as report:
                found = detect_video(detector, path, report=report, **reading)
        except FileError as error:
            yield VideoDetectionOutcome(index, path, error=error)
        else:
            yield VideoDetectionOutcome(index, path, found.detection, video=found)


def _text(outcome: DetectionOutcome) -> str:
    """Return what came of a source, in a few words."""
    detection = outcome.detection
    if detection is None:
        return f"failed: {outcome.error}"
    reading = detection.reading
    if reading is not None:
        return f"{reading.status.value} {reading.payload or ''}".rstrip()
    if detection.expected is not None:
        return f"{detection.matching_bits} of {len(detection.message)} bits as expected"
    return detection.hex

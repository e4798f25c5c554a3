"""Marks pictures or videos with a message."""

from __future__ import annotations

import contextlib
import filecmp
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from edgeseal._files import check_apart, check_outputs, check_sources, make_folder, output_folder
from edgeseal._leftovers import scratch_folder
from edgeseal._problems import Problems
from edgeseal._progress import SILENT, Progress
from edgeseal.errors import FileError, OutputExistsError, UsageError
from edgeseal.pictures import ImageInput, Quality, map_in_order, save_suffix
from edgeseal.pictures._coding import AUTO, check_quality
from edgeseal.pictures._read_image import name_of
from edgeseal.watermark.runtime import (
    Embedding,
    LiteRTEmbedder,
    Message,
    MessageInput,
    load_embedder,
)
from edgeseal.watermark.verbs._batch import Batch, Sources, collect, list_sources, note_done
from edgeseal.watermark.verbs._chosen_message import choose_message, fitted, is_random
from edgeseal.watermark.verbs._json_lines import Lines
from edgeseal.watermark.verbs._output_names import output_names
from edgeseal.watermark.verbs._saving import PIXELS, Saving
from edgeseal.watermark.verbs._verify import Verification, Verifier
from edgeseal.watermark.video import Encoding, embed_video, is_video

__all__ = ["EmbeddingOutcome", "EmbeddingResults", "embed"]

_SHOWN = 20


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EmbeddingOutcome:
    """One picture or video of many: what was done, or why nothing was.

    Attributes:
        source: its path, or None for a picture in memory without one.
        path: the file that was written, or None.
        facts: message, bits, width, height and PSNR, and more of a video; as JSON has them. None if
            it failed.
        embedding: the marked picture, where no file was written; else None.
        error: why it could not be marked, or None.
        warning: what is wrong with the marked one, or None.
        verification: what was read back from the file, where that was asked for; else None.
    """

    source: Path | None
    path: Path | None = None
    facts: dict[str, Any] | None = None
    embedding: Embedding | None = None
    error: FileError | None = None
    warning: str | None = None
    verification: Verification | None = None

    @property
    def is_good(self) -> bool:
        """Whether it was marked, and the mark found again where that was asked for."""
        return self.error is None and (self.verification is None or self.verification.is_there)

    def to_json(self) -> dict[str, Any]:
        """Return it for ``json.dumps``."""
        return {
            "source": None if self.source is None else str(self.source),
            "path": None if self.path is None else str(self.path),
            "embedding": self.facts,
            "verification": None if self.verification is None else self.verification.to_json(),
            "error": None if self.error is None else str(self.error),
        }


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingResults:
    """What came of many pictures or videos.

    Attributes:
        kind: ``pictures`` or ``videos``.
        message: what was embedded in all of them.
        results: of each, in the order that they were given; empty where they were written as lines.
        total: number of sources that were worked on now.
        failed: number of those that could not be marked.
        unread: number of those whose file was written, but the mark is not read in it.
        left_out: number of files in folders that were passed over, by what they are.
    """

    kind: str
    message: Message
    results: tuple[EmbeddingOutcome, ...]
    total: int
    failed: int
    unread: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether all could be marked, and the marks read back where that was asked for."""
        return not self.failed and not self.unread

    def to_json(self) -> dict[str, object]:
        """Return everything but pixels, for ``json.dumps``."""
        results = [outcome.to_json() for outcome in self.results]
        head = {"message": self.message.hex, "bits": len(self.message)}
        tail = {"failed": self.failed, "unread": self.unread, "left_out": dict(self.left_out)}
        return {**head, "results": results, **tail}

    def __str__(self) -> str:
        """Return the message, a line for each of the first sources, and their number."""
        lines = [f"message {self.message}"]
        for one in self.results[:_SHOWN]:
            text = f"failed: {one.error}" if one.error is not None else f"-> {one.path or 'memory'}"
            lines.append(f"{one.source or 'picture'} {text}")
        return "\n".join([*lines, f"{self.total - self.failed} of {self.total} marked"])


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """A source and where its marked copy goes: nowhere but memory if None."""

    source: ImageInput
    target: str | None

    @property
    def name(self) -> Path | None:
        """The file that it is read from, where it is known."""
        name = name_of(self.source)
        return None if name is None else Path(name)

    @property
    def path(self) -> Path | None:
        """The file that is written."""
        return None if self.target is None else Path(self.target)


def embed(
    sources: Sources,
    *,
    model: str | Path,
    output: str | Path | None = None,
    message: MessageInput | None = None,
    text: str | None = None,
    number: int | None = None,
    digits: str | None = None,
    bits: str | None = None,
    seed: int | None = None,
    quality: Quality = AUTO,
    lossless: bool = False,
    verify: str | Path | None = None,
    workers: int | None = None,
    recursive: bool = True,
    keep_folders: bool = False,
    json_lines: str | Path | TextIO | None = None,
    resume: bool = False,
    overwrite: bool = False,
    codec: str | None = None,
    crf: float | None = None,
    preset: str | None = None,
    pix_fmt: str | None = None,
    progress: Progress = SILENT,
) -> EmbeddingResults:
    """Embed a message in pictures or videos; what ``edgeseal embed`` does.

    Exactly one of ``message``, ``text``, ``number``, ``digits`` and ``bits`` says what; all but the
    first are protected against errors, and found without being told.

    Args:
        sources: one or many, pictures or videos: paths, folders, patterns, bytes, open files, PIL
            images or arrays; videos are files.
        model: an embedder's ``.tflite`` file.
        output: folder for the marked ones, which keep their names; None to keep pictures in memory,
            as :attr:`EmbeddingOutcome.embedding`. A picture without a name is called by its number.
        message: all of the model's bits as they are: hexadecimal digits, bits, a
            :class:`~edgeseal.Message`, or ``random``.
        text: a short text.
        number: an integer of 0 or more.
        digits: hexadecimal digits.
        bits: zeros and ones.
        seed: makes a random message repeatable.
        quality: of pictures in formats that lose something: 1 to 100, ``keep`` for the source's
            own, or ``auto`` for that, but no coarser than what keeps a mark.
        lossless: whether pictures are saved without loss; JPEG and AVIF become PNG.
        verify: a detector's ``.tflite`` file: reads each written file back, as the last step.
        workers: pictures at the same time; 1 unless given.
        recursive: whether to search folders in folders.
        keep_folders: whether marked ones lie in folders as the sources do; if not, only where names
            would fall together.
        json_lines: a file, or an open one, for each result as a line of JSON when it comes.
        resume: go on with such a file: leave out what it has as marked. Marked files that it does
            not have count as well where they are what is written again.
        overwrite: whether to replace files.
        codec: encoder of videos.
        crf: quality of videos, lower is better.
        preset: effort for videos.
        pix_fmt: pixel format of videos.
        progress: hears what goes on, and of sources that fail, which do not end the work.

    Raises:
        UsageError: arguments are out of range or contradict each other; all of it is said.
        OutputExistsError: files exist and may not be replaced; all are listed.
        FileError: there are no pictures, or the folder or the lines cannot be written.
        ModelError: the model is none, or no embedder.
        MissingExtraError: PyAV is not installed, for videos.
        RuntimeRefusalError: LiteRT cannot prepare or run the model.
    """
    encoding = Encoding(codec=codec, crf=crf, preset=preset, pix_fmt=pix_fmt)
    saving = Saving(quality, lossless, overwrite)
    folder = None if output is None else Path(output)
    lines, problems = Lines(json_lines, resume, overwrite), Problems()
    with problems.collected():
        wanted = choose_message(
            message=message, text=text, number=number, digits=digits, bits=bits, seed=seed
        )
    needs_seed = resume and is_random(message) and seed is None
    _check_choices(problems, needs_seed, verify is not None and folder is None, workers, quality)
    with problems.collected():
        lines.check()
    with problems.collected():
        batch = list_sources(
            sources,
            recursive=recursive,
            for_videos=asdict(encoding),
            for_pictures={"workers": workers, "quality": quality != AUTO, "lossless": lossless},
            progress=progress,
            exclude=folder,
        )
        jobs = list(_jobs(batch, folder, lossless=lossless, keep_folders=keep_folders))
        models = [Path(one) for one in (model, verify) if one is not None]
        _check_paths(jobs, [*models, *batch.lists], lines.file)
        _check_folder([] if resume else jobs, folder, overwrite=overwrite)
    problems.check()
    threads = (os.cpu_count() or 1) if batch.are_videos else 1
    embedder = load_embedder(model, threads=threads)
    fits = fitted(wanted, embedder.info.bits, seed=seed)
    verifier = None if verify is None else Verifier.load(verify, wanted, fits, threads=threads)
    marking = _Marking(embedder, fits, encoding, saving, verifier, resume and not overwrite)
    head = lines.head("embed", Path(model), marking.settings(folder, of_videos=batch.are_videos))
    jobs = _left_over(jobs, frozenset(lines.done(head)))
    _check_folder(jobs, folder, overwrite=overwrite or resume)
    note_done(len(jobs), batch, progress)
    into = contextlib.nullcontext() if folder is None else output_folder(folder)
    with into, lines.open(head) as file:
        found = marking.outcomes(jobs, batch, workers or 1, progress)
        results, failed, unread = collect(found, batch.bar(len(jobs)), "embedding", file, progress)
    return EmbeddingResults(batch.kind, fits, results, len(jobs), failed, unread, batch.left_out)


def _check_choices(
    problems: Problems, needs_seed: bool, needs_output: bool, workers: int | None, quality: Quality
) -> None:
    """Note what contradicts each other or is out of range."""
    if needs_seed:
        problems.add("`resume` needs the same message again; give `seed` with a random one")
    if needs_output:
        problems.add("`verify` reads files back; give `output`")
    problems.expect_at_least(1, workers=workers)
    with problems.collected():
        check_quality(quality)


_Facts = dict[str, Any]
_Mark = Callable[[_Job], tuple[_Facts, Embedding | None]]


@dataclass(frozen=True, slots=True)
class _Marking:
    """Marks one source after the other; one that fails is reported, and the work goes on."""

    embedder: LiteRTEmbedder
    message: Message
    encoding: Encoding
    saving: Saving
    verifier: Verifier | None
    goes_on: bool

    def settings(self, folder: Path | None, *, of_videos: bool) -> dict[str, object]:
        """Return what results depend on, for JSON."""
        output = None if folder is None else str(folder)
        more = asdict(self.encoding) if of_videos else self.saving.settings()
        if self.verifier is not None:
            more["verified_with"] = self.verifier.detector.info.card
        return {"message": self.message.hex, "output": output, **more}

    def outcomes(
        self, jobs: Sequence[_Job], batch: Batch, workers: int, progress: Progress
    ) -> Iterator[EmbeddingOutcome]:
        """Yield what comes of each."""
        if batch.are_videos:
            return (self._reported(job, partial(self._video, progress)) for job in jobs)
        return map_in_order(lambda job: self._reported(job, self._picture), jobs, workers=workers)

    def _reported(self, job: _Job, mark: _Mark) -> EmbeddingOutcome:
        try:
            if job.path is not None:
                make_folder(job.path.parent)
            facts, embedding = self._marked(job, mark)
            verification = self._read_back(job)
        except FileError as error:
            return EmbeddingOutcome(source=job.name, error=error)
        return EmbeddingOutcome(
            source=job.name,
            path=job.path,
            facts=facts,
            embedding=embedding,
            warning=_warning(job.path or job.name, facts, verification),
            verification=verification,
        )

    def _marked(self, job: _Job, mark: _Mark) -> tuple[_Facts, Embedding | None]:
        """Mark a source, again where a run that was killed left the file without its result."""
        if not self.goes_on or job.path is None or not job.path.exists():
            return mark(job)
        with scratch_folder(job.path.parent) as folder:
            again = folder / job.path.name
            facts = mark(replace(job, target=str(again)))
            if not filecmp.cmp(again, job.path, shallow=False):
                raise OutputExistsError(
                    f"{job.path}: exists already, without a result of it, and is not what this run "
                    "writes; use `overwrite` to replace it"
                )
        return facts

    def _picture(self, job: _Job) -> tuple[_Facts, Embedding | None]:
        embedding = self.embedder.embed(job.source, self.message)
        if job.path is None:
            return embedding.to_json() | {"psnr_of": PIXELS}, embedding
        return self.saving.save(embedding, job.source, job.path), None

    def _read_back(self, job: _Job) -> Verification | None:
        if self.verifier is None or job.path is None:
            return None
        read = self.verifier.video if is_video(job.path) else self.verifier.picture
        return read(job.path)

    def _video(self, progress: Progress, job: _Job) -> tuple[_Facts, Embedding | None]:
        source, path = Path(str(job.source)), Path(str(job.path))
        with progress.frames(f"embedding {source.name}") as report:
            done = embed_video(
                self.embedder,
                source,
                path,
                self.message,
                encoding=self.encoding,
                overwrite=self.saving.overwrite,
                report=report,
            )
        return done.to_json(), None


def _warning(
    path: Path | None, facts: dict[str, Any], verification: Verification | None
) -> str | None:
    """Return what is wrong with a marked picture or video."""
    found = []
    if verification is not None and not verification.is_there:
        right = f"{verification.matching_bits} of {verification.bits} bits are right"
        found.append(f"was written, but the mark is not read in it ({right})")
    if facts["psnr_db"] is None:
        found.append("came out unchanged, so it carries no mark")
    elif facts.get("doubt") and verification is None:
        found.append(facts["doubt"])
    if facts.get("dropped"):
        found.append(f"left out {', '.join(facts['dropped'])}")
    if facts.get("low_bit_rate") and verification is None:
        found.append(
            f"has only {facts['bits_per_pixel']:.2f} bits a pixel, at which a mark may be lost "
            "(`verify` tells, a lower `crf` keeps more)"
        )
    if facts.get("unread"):
        found.append(f"could not read all of the source: {', '.join(facts['unread'])}")
    return f"{path or 'the picture'}: {' and '.join(found)}" if found else None


def _jobs(
    batch: Batch, folder: Path | None, *, lossless: bool, keep_folders: bool
) -> Iterator[_Job]:
    """Yield the sources with the files that are to be written.

    Raises:
        UsageError: videos have nowhere to go.
    """
    if batch.are_videos and folder is None:
        raise UsageError(f"{name_of(batch.sources[0])}: a marked video is a file; give `output`")
    names = [name_of(source) for source in batch.sources]
    known = [name or f"picture-{number}.png" for number, name in enumerate(names, start=1)]
    suffixes = [
        Path(name).suffix if batch.are_videos else save_suffix(name, lossless=lossless)
        for name in known
    ]
    places = output_names(known, suffixes, batch.base, keep_folders=keep_folders)
    for source, place in zip(batch.sources, places, strict=True):
        yield _Job(source, None if folder is None else os.path.join(folder, place))  # noqa: PTH118


def _check_paths(jobs: Sequence[_Job], inputs: list[Path], lines: Path | None) -> None:
    """Refuse outputs that fall together, or on an input."""
    names = [name_of(job.source) for job in jobs]
    outputs = {
        name or job.target: job.target
        for job, name in zip(jobs, names, strict=True)
        if job.target is not None
    }
    check_sources(outputs)
    given: list[Path | str] = [*inputs, *filter(None, names)]
    check_apart(given, [*outputs.values(), lines])


def _check_folder(jobs: Sequence[_Job], folder: Path | None, *, overwrite: bool) -> None:
    if folder is not None:
        start = len(os.path.join(folder, ""))  # noqa: PTH118
        names = (job.target[start:] for job in jobs if job.target is not None)
        check_outputs(folder, names, overwrite=overwrite)


def _left_over(jobs: Sequence[_Job], done: frozenset[str]) -> list[_Job]:
    """Return what is not done, or whose output is not there."""
    return [
        job
        for job in jobs
        if name_of(job.source) not in done
        or (job.target is not None and not os.path.exists(job.target))  # noqa: PTH110
    ]

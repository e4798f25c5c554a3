"""Many pictures or videos: which are meant, and what is done with the result of each."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeGuard, TypeVar, cast

import numpy as np
from PIL import Image

from edgeseal._progress import Progress
from edgeseal.errors import FileError, UsageError
from edgeseal.pictures import ImageInput, list_files, picture_suffixes
from edgeseal.pictures._folder import LeftOut
from edgeseal.pictures._read_image import name_of
from edgeseal.pictures._sources import list_names
from edgeseal.watermark.verbs._json_lines import JsonLines
from edgeseal.watermark.video import VIDEO_SUFFIXES, is_video

__all__ = ["Batch", "BatchOutcome", "Sources", "collect", "list_sources", "note_done"]

Sources: TypeAlias = ImageInput | Iterable[ImageInput]
"""A picture or many. Names may be files, folders, patterns, ``@LIST`` or ``-``; see
:func:`edgeseal.pictures.find_sources`."""

_ONE = (str, Path, bytes, Image.Image, np.ndarray)


class BatchOutcome(Protocol):
    """What came of one source."""

    @property
    def error(self) -> FileError | None:
        """Why there is no result, or None."""

    @property
    def warning(self) -> str | None:
        """What is wrong with the result, or None."""

    @property
    def is_good(self) -> bool:
        """Whether everything that was asked for came of it."""

    def to_json(self) -> dict[str, Any]:
        """Return it for ``json.dumps``."""


_Outcome = TypeVar("_Outcome", bound=BatchOutcome)


@dataclass(frozen=True, slots=True)
class Batch:
    """The sources that were named.

    Attributes:
        sources: pictures or videos, in the order that they were given; files as texts.
        are_videos: which of both.
        lists: files of paths that were read to find them.
        base: the folder that all of them that are files lie in.
        left_out: files in folders that were passed over, by what they are.
    """

    sources: Sequence[ImageInput]
    are_videos: bool
    lists: tuple[Path, ...]
    base: Path
    left_out: Mapping[str, int]

    @property
    def paths(self) -> list[str]:
        """Those that are files."""
        return [source for source in self.sources if isinstance(source, str)]

    @property
    def kind(self) -> str:
        """What they are called together."""
        return "videos" if self.are_videos else "pictures"

    def bar(self, count: int) -> int:
        """Return how many to show a bar for: a video has one of its own, of its frames."""
        return 1 if self.are_videos else count


def list_sources(
    sources: Sources,
    *,
    recursive: bool,
    for_videos: Mapping[str, object],
    for_pictures: Mapping[str, object],
    progress: Progress,
    exclude: Path | None = None,
) -> Batch:
    """Return the pictures or videos that are meant.

    Where folders or lists hold both, pictures are meant. What is left out is noted.

    Args:
        sources: what was given.
        recursive: whether to search folders in folders.
        for_videos: values of arguments that are for videos alone, by name; None and False if not
            given.
        for_pictures: likewise.
        progress: hears how many files of which kinds are left out.
        exclude: a folder that is not searched where it lies in one that is.

    Raises:
        FileError: there are none, or a folder or list cannot be read.
        UsageError: videos and others were named together, or an argument of the one for the other.
    """
    given = _listed(sources)
    others = LeftOut()
    found = list(_found(given, recursive=recursive, exclude=exclude, others=others))
    videos = [source for source in found if _is_video(source)]
    if videos and len(videos) < len(found):
        found = [source for source in found if not _is_video(source)]
        for video in videos:
            others.add(str(video))
        if any(map(_is_video, given)):
            raise UsageError(
                f"{name_of(found[0]) or 'a picture'}: no video, but {videos[0]} is; give pictures "
                "and videos in separate runs"
            )
        videos = []
    if others.counts:
        progress.note(str(others))
    batch = Batch(
        found,
        bool(videos),
        tuple(list_files(filter(_is_name, given))),
        _base(given, found),
        dict(others.counts),
    )
    foreign = for_pictures if videos else for_videos
    wrong = [name for name, value in foreign.items() if value is not None and value is not False]
    if wrong:
        listed = " and ".join(f"`{name}`" for name in wrong)
        kind = "pictures" if videos else "videos"
        raise UsageError(f"{listed}: for {kind} only; leave it out for {batch.kind}")
    return batch


def collect(
    outcomes: Iterator[_Outcome], total: int, text: str, lines: JsonLines | None, progress: Progress
) -> tuple[tuple[_Outcome, ...], int, int]:
    """Take the outcome of each source of a batch.

    Args:
        outcomes: as they come.
        total: their number.
        text: what is being done.
        lines: where to write them, or None to keep them.
        progress: hears of each.

    Returns:
        The outcomes, unless they are written as lines, the number of sources that failed, and of
        others that are not good.
    """
    kept: list[_Outcome] = []
    failed = bad = 0
    with progress.pictures(text, total) as advance:
        for outcome in outcomes:
            failed += outcome.error is not None
            bad += outcome.error is None and not outcome.is_good
            if outcome.error is not None:
                progress.note(f"Error: {outcome.error}")
            if outcome.warning is not None:
                progress.note(f"Warning: {outcome.warning}")
            if lines is None:
                kept.append(outcome)
            else:
                lines.write(outcome.to_json())
            advance()
    return tuple(kept), failed, bad


def note_done(left: int, batch: Batch, progress: Progress) -> None:
    """Say how many are left out, because an earlier run did them."""
    total = len(batch.sources)
    if left < total:
        progress.note(f"{total - left} of {total} {batch.kind} are done already")


def _base(given: Iterable[ImageInput], found: Iterable[ImageInput]) -> Path:
    """Return the folder that named folders and the files of all other names lie in."""
    roots = [Path(source).absolute() for source in given if _is_name(source)]
    folders = [root for root in roots if root.is_dir()]
    names = (name_of(source) for source in found)
    places = (Path(name).absolute().parent for name in names if name is not None)
    loose = {place for place in places if not any(map(place.is_relative_to, folders))}
    above = [str(folder) for folder in {*folders, *loose}]
    try:
        return Path(os.path.commonpath(above)) if above else Path.cwd()
    except ValueError:  # on several drives
        return Path(above[0])


def _found(
    given: Iterable[ImageInput], *, recursive: bool, exclude: Path | None, others: LeftOut
) -> Iterator[ImageInput]:
    """Yield what names mean, and everything else as it is."""
    suffixes = (*picture_suffixes(), *VIDEO_SUFFIXES)
    for is_name, run in itertools.groupby(given, _is_name):
        if is_name:
            names = [str(source) for source in run]
            yield from list_names(
                names,
                recursive=recursive,
                suffixes=suffixes,
                kind="pictures or videos",
                exclude=exclude,
                others=others,
            )
        else:
            yield from run


def _listed(sources: Sources) -> list[ImageInput]:
    """Return the sources as a list, also if there is one alone."""
    is_one = isinstance(sources, _ONE) or hasattr(sources, "read")
    return [cast(ImageInput, sources)] if is_one else list(cast(Iterable[ImageInput], sources))


def _is_name(source: object) -> TypeGuard[str | Path]:
    return isinstance(source, str | Path)


def _is_video(source: object) -> TypeGuard[str | Path]:
    return _is_name(source) and is_video(source)

"""Which files are videos, and what FFmpeg says about those that it cannot read."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeseal.errors import FileError, MissingExtraError, VideoError

__all__ = ["VIDEO_SUFFIXES", "import_av", "is_video", "reading"]

VIDEO_SUFFIXES = (
    ".avi",
    ".flv",
    ".m2ts",
    ".m4v",
    ".mkv",
    ".mov",
    ".mp4",
    ".mpeg",
    ".mpg",
    ".mts",
    ".mxf",
    ".ogv",
    ".ts",
    ".webm",
    ".wmv",
)
"""Endings, in lower case, of the files that are taken for videos."""


def is_video(path: str | Path) -> bool:
    """Say whether a file's ending is a video's."""
    return Path(path).suffix.lower() in VIDEO_SUFFIXES


def import_av() -> Any:
    """Return the module ``av``.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        av = importlib.import_module("av")
    except ImportError as error:
        raise MissingExtraError("reading and writing videos", "video") from error
    av.logging.set_level(None)  # what matters is raised
    os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 has a log of its own: errors only
    return av


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what FFmpeg raises while a file is read into one line.

    Raises:
        FileError: the file is missing or may not be read.
        VideoError: it is no video, or damaged.
    """
    av = import_av()
    try:
        yield
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error
    except av.error.DecoderNotFoundError as error:
        raise VideoError(f"{path}: this FFmpeg has no decoder for it; convert it first") from error
    except av.error.FFmpegError as error:
        raise VideoError(
            f"{path}: cannot be read as a video ({error.strerror or error}); it may be damaged, "
            "cut short or something else"
        ) from error

"""Everything Edgeseal raises on purpose.

::

    EdgesealError
    ├── UsageError            a wrong argument: unknown card, recipe, message of the wrong length
    │   └── MissingExtraError a command needs an optional dependency that is not installed
    ├── FileError             a file cannot be read or written
    │   ├── OutputExistsError the output is there already and overwriting was not asked for
    │   ├── ImageError        a picture that cannot be decoded
    │   └── VideoError        a video that cannot be decoded or encoded
    ├── CheckpointError       a checkpoint that is damaged, foreign or does not fit the card
    │   └── DownloadError     a checkpoint that could not be fetched or has the wrong checksum
    ├── ModelError            a ``.tflite`` file that is not one, or not of the expected part
    │   └── RuntimeRefusalError LiteRT refuses to prepare or run a model
    ├── ProbeError            the process in which LiteRT tries models cannot start
    ├── NothingToReduceError  a model does not show what was to be cut out of it
    └── ConversionError       a converted model is not equal to its source

Every message says what, where, what was expected and found, and what to do. The command line
prints it in one piece and exits with 2.
"""

from __future__ import annotations

from edgeseal._extras import install_command

__all__ = [
    "CheckpointError",
    "ConversionError",
    "DownloadError",
    "EdgesealError",
    "FileError",
    "ImageError",
    "MissingExtraError",
    "ModelError",
    "NothingToReduceError",
    "OutputExistsError",
    "ProbeError",
    "RuntimeRefusalError",
    "UsageError",
    "VideoError",
]


class EdgesealError(Exception):
    """Base of all errors that a user can act on."""


class UsageError(EdgesealError):
    """An argument that cannot be used."""


class MissingExtraError(UsageError):
    """A command needs packages of an extra that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the extra [{extra}]: install it with `{install_command(extra)}`"
        )
        self.extra = extra


class FileError(EdgesealError):
    """A file that cannot be read or written."""


class OutputExistsError(FileError):
    """The output exists and is kept."""


class ImageError(FileError):
    """A picture that cannot be decoded."""


class VideoError(FileError):
    """A video that cannot be decoded or encoded."""


class CheckpointError(EdgesealError):
    """A checkpoint that is damaged, foreign or does not fit."""


class DownloadError(CheckpointError):
    """A checkpoint that could not be fetched."""


class ModelError(EdgesealError):
    """A file that is no usable ``.tflite`` model for the purpose."""


class RuntimeRefusalError(ModelError):
    """LiteRT refuses to prepare or run a model; the message is the runtime's own."""


class ProbeError(EdgesealError):
    """The process in which LiteRT tries models cannot start."""


class NothingToReduceError(EdgesealError):
    """A model does not show what was to be cut out of it."""


class ConversionError(EdgesealError):
    """A converted model differs from its source by more than is allowed."""

"""What a benchmark needs to know of an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray

__all__ = ["Engine", "Run"]

Run: TypeAlias = Callable[[tuple[NDArray[Any], ...]], NDArray[Any]]
"""Runs a model once: an array for each of its inputs, in its order -> its first output."""


class Engine(Protocol):
    """A model in an engine; small, since it is pickled into a process of its own."""

    @property
    def model(self) -> str:
        """What is run: a file's path, or the name of its weights."""

    @property
    def name(self) -> str:
        """What runs it, such as ``LiteRT`` or ``OpenVINO``, and how."""

    @property
    def libraries(self) -> tuple[str, ...]:
        """Modules to import before time is taken."""

    @property
    def size_bytes(self) -> int | None:
        """Size of the file that is loaded; None where there is none."""

    def load(self) -> Run:
        """Load the model, ready to run.

        Raises:
            Exception: whatever the engine says where it cannot; the benchmark reports it.
        """

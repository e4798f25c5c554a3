"""What is typed for the inputs of a model: numbers and sizes."""

from __future__ import annotations

from collections.abc import Sequence

import typer

__all__ = ["numbers", "shapes"]


def numbers(text: str) -> tuple[float, ...]:
    """Return numbers that commas separate.

    Raises:
        BadParameter: they are none.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"expected numbers with commas between, got {text!r}") from error


def shapes(given: Sequence[str] | None) -> dict[str, tuple[int, ...]] | None:
    """Return sizes by the names of inputs, of ``NAME=1x224x224x3`` each; the name may be left out.

    Raises:
        BadParameter: they are none.
    """
    found: dict[str, tuple[int, ...]] = {}
    for text in given or ():
        name, _, sizes = text.rpartition("=")
        try:
            found[name] = tuple(int(size) for size in sizes.lower().split("x"))
        except ValueError as error:
            raise typer.BadParameter(
                f"expected NAME=1x224x224x3, sizes with x between, got {text!r}"
            ) from error
    return found or None

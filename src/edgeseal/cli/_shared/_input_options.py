"""The options that say what a model's inputs are, for every verb that runs one."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

__all__ = ["takes_inputs"]


def takes_inputs(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb these options in place of its ``**inputs``, which passes them on."""
    own = inspect.signature(verb).parameters.values()
    hints = typing.get_type_hints(verb, include_extras=True)
    parameters = [
        parameter.replace(annotation=hints[parameter.name])
        for parameter in own
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
        for name, option in _OPTIONS.items()
    ]

    @functools.wraps(verb)
    def with_options(*arguments: Any, **options: Any) -> None:
        options["input_shape"] = _shapes(options["input_shape"])  # a callback would get back a list
        verb(*arguments, **options)

    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {one.name: one.annotation for one in parameters}
    del with_options.__wrapped__  # its signature is not the verb's
    return with_options


def _numbers(text: str) -> tuple[float, ...]:
    """Return numbers that commas separate.

    Raises:
        BadParameter: they are none.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"expected numbers with commas between, got {text!r}") from error


def _shapes(given: Sequence[str] | None) -> dict[str, tuple[int, ...]] | None:
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
                f"expected NAME=1x224x224x3, sizes with x between, got {text!r}",
                param_hint="'--input-shape'",
            ) from error
    return found or None


_OPTIONS: dict[str, Any] = {
    "input_range": Annotated[
        Any,
        typer.Option(
            "--input-range",
            metavar="LO,HI",
            parser=_numbers,
            help="Values of black and white. [default: what the file says, else 0,1]",
        ),
    ],
    "mean": Annotated[
        Any,
        typer.Option(
            "--mean",
            metavar="M[,M,M]",
            parser=_numbers,
            help="Of pixels 0..1, or 0..255; with --std.",
        ),
    ],
    "std": Annotated[
        Any,
        typer.Option(
            "--std",
            metavar="S[,S,S]",
            parser=_numbers,
            help="Pixels are fed as (pixel - M) / S.",
        ),
    ],
    "input_shape": Annotated[
        list[str] | None,
        typer.Option(
            "--input-shape",
            metavar="[NAME=]1xHxWx3",
            help="Sizes of an input that the file leaves open; may be repeated.",
        ),
    ],
}

"""The verbs, and what happens when one fails."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from edgeseal import __version__
from edgeseal.cli._bench import bench
from edgeseal.cli._check import check
from edgeseal.cli._compare import compare
from edgeseal.cli._convert import convert
from edgeseal.cli._demo import demo
from edgeseal.cli._detect import detect
from edgeseal.cli._embed import embed
from edgeseal.cli._evaluate import evaluate
from edgeseal.cli._inspect import inspect
from edgeseal.cli._lean import lean
from edgeseal.cli._models import models
from edgeseal.cli._pack import pack
from edgeseal.cli._profile import profile
from edgeseal.cli._prune import prune
from edgeseal.cli._quantize import quantize
from edgeseal.cli._ranges import ranges
from edgeseal.cli._recipes import recipes
from edgeseal.cli._reduce import reduce
from edgeseal.cli._repair import repair
from edgeseal.cli._scan import scan
from edgeseal.cli._sensitivity import sensitivity
from edgeseal.cli._shared._console import error, open_stderr, saying
from edgeseal.cli._shared._interrupt import heeding_interrupts
from edgeseal.cli._shared._text import in_options, option_names
from edgeseal.cli._tune import tune
from edgeseal.cli._web import web
from edgeseal.errors import EdgesealError

__all__ = ["app"]

_COULD_NOT_RUN = 2
_DEBUG = "EDGESEAL_DEBUG"


class _Group(TyperGroup):
    """Runs a verb and turns what goes wrong into one message and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb that was parsed."""
        open_stderr()
        in_words = saying(lambda text: self._in_options(ctx, text))
        with in_words, _reporting_failures(), heeding_interrupts():
            return super().invoke(ctx)

    def _in_options(self, ctx: Any, text: str) -> str:
        """Say a message of the library in the options of the verb that runs."""
        verb = self.get_command(ctx, ctx.invoked_subcommand or "")
        return text if verb is None else in_options(text, option_names(verb))


# Plain help and usage errors: boxes would break long paths apart.
app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog="Exit status: 0 good, 1 a check failed or some pictures could not be read, "
    f"2 could not run. {_DEBUG}=1 shows where an error comes from.",
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"edgeseal {__version__}")
        raise typer.Exit


@app.callback()
def edgeseal(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """INT8 watermark detectors that run: VideoSeal models from PyTorch to LiteRT."""


for _verb in (
    demo,
    models,
    prune,
    convert,
    quantize,
    sensitivity,
    tune,
    recipes,
    ranges,
    inspect,
    check,
    repair,
    lean,
    reduce,
    compare,
    profile,
    embed,
    detect,
    scan,
    evaluate,
    bench,
    pack,
    web,
):
    app.command()(_verb)


@contextlib.contextmanager
def _reporting_failures() -> Iterator[None]:
    """Print an expected failure in one piece and exit with 2.

    Raises:
        typer.Exit: after a failure, or as the verb asks for.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except EdgesealError as failure:
        _fail(str(failure))
    except KeyboardInterrupt:
        _fail("interrupted", prefix="")
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _drop_stdout()
        raise typer.Exit(_COULD_NOT_RUN) from None
    except MemoryError:
        _fail("out of memory; close other programs, or give fewer --workers or smaller pictures")
    except OSError as failure:
        where = f"{failure.filename}: " if failure.filename is not None else ""
        _drop_stdout()
        _fail(f"{where}{failure.strerror or failure}")


def _fail(text: str, *, prefix: str = "Error: ") -> None:
    if os.environ.get(_DEBUG):
        traceback.print_exc()
    error(prefix + text)
    raise typer.Exit(_COULD_NOT_RUN) from None


def _drop_stdout() -> None:
    """Keep Python from failing again on its last flush, if stdout is what cannot be written."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

"""The command line: ``edgeseal VERB``, one file per verb."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence

__all__ = ["main"]

_COULD_NOT_RUN = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: without the program's name; those of this process if None.

    Returns:
        0 if it was done and is good, 1 if a gate failed or some of the work could not be done, 2 if
        the command could not run.
    """
    _open_streams()
    if arguments is None and not os.environ.get("EDGESEAL_DEBUG") and not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries warn programmers, with lines of their sources
    try:
        # Imported here so that Ctrl-C in the first moments is answered in one line too.
        from typer.main import get_command

        from edgeseal.cli._app import app

        given = None if arguments is None else list(arguments)
        get_command(app).main(given, prog_name="edgeseal")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else _COULD_NOT_RUN
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _COULD_NOT_RUN
    except Exception:
        traceback.print_exc()
        print("Error: this is a fault of edgeseal itself; please report it", file=sys.stderr)
        return _COULD_NOT_RUN
    return 0


def _open_streams() -> None:
    """Let standard streams that were closed lead nowhere.

    The next files to be opened would get their numbers, and what native code prints.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)

"""The command line: ``edgeseal VERB``, one file per verb."""

from __future__ import annotations

import sys
import traceback
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

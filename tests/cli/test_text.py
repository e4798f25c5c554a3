"""What the library says in the names of its arguments, the command line says in options."""

from __future__ import annotations

import typer.main

from edgeseal.cli._app import app
from edgeseal.cli._shared._text import in_options, option_names

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def test_arguments_become_options_when_the_verb_has_them() -> None:
    names = option_names(COMMANDS["quantize"])
    text = "`save_ranges` and `output`: give one; see `edgeseal ranges` and `other`"
    assert in_options(text, names) == (
        "--save-ranges and --output: give one; see `edgeseal ranges` and `other`"
    )
    assert in_options("`source`: is none", names) == "FLOAT.tflite: is none"

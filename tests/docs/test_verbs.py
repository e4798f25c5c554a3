"""Every verb is a command, a function and a page that shows both."""

from __future__ import annotations

import ast
import importlib
import re
from dataclasses import dataclass

import pytest

from docs.pages import ROOT, blocks, programs
from edgeseal.cli._app import app

ROW = re.compile(r"^\| \[`(?P<verb>\w+)`\]\((?P<page>[\w.-]+)\) \| `(?P<function>[\w.]+)` \|", re.M)


@dataclass(frozen=True, slots=True)
class Verb:
    """A row of the table of verbs."""

    verb: str
    page: str
    function: str


VERBS = [Verb(**row.groupdict()) for row in ROW.finditer((ROOT / "docs" / "verbs.md").read_text())]
each_verb = pytest.mark.parametrize("row", VERBS, ids=lambda row: row.verb)


def calls(source: str) -> set[str]:
    """Return the dotted names that a program calls, with ``tflite`` as ``edgeseal.tflite``."""
    called = {
        ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)
    }
    return {re.sub(r"^tflite\.", "edgeseal.tflite.", name) for name in called}


def test_every_command_has_a_row_and_every_row_a_command() -> None:
    commands = [
        command.callback.__name__ for command in app.registered_commands if command.callback
    ]
    assert sorted(row.verb for row in VERBS) == sorted(commands)


@each_verb
def test_verb_is_a_function_of_its_name(row: Verb) -> None:
    module, _, name = row.function.rpartition(".")
    assert name == row.verb
    package = importlib.import_module(module)
    assert name in package.__all__
    assert callable(getattr(package, name))


@each_verb
def test_page_of_a_verb_shows_it_in_the_shell_and_from_python(row: Verb) -> None:
    page = ROOT / "docs" / row.page
    shown = [block.script for block in blocks(page)]
    assert any(re.search(rf"\bedgeseal {row.verb}\b", script) for script in shown)
    doors = {f"edgeseal.{row.verb}", f"edgeseal.tflite.{row.verb}"}
    assert any(doors & calls(program.script) for program in programs(page))

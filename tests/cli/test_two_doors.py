"""The command line and the library are two doors to the same jobs."""

from __future__ import annotations

import inspect

import pytest
import typer.main

import edgeseal
from edgeseal.cli._app import app
from edgeseal.watermark import demo

VERBS = ("convert", "demo", "detect", "embed", "evaluate", "models", "prune")
ONLY_SHELL = {"as_json"}
ONLY_PYTHON = {"progress", "command"}


@pytest.mark.parametrize("verb", VERBS)
def test_arguments_are_the_same_when_called_from_python(verb: str) -> None:
    command = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]
    shell = {parameter.name for parameter in command.params} - ONLY_SHELL
    function = inspect.signature(getattr(edgeseal, verb))
    assert shell == set(function.parameters) - ONLY_PYTHON


@pytest.mark.parametrize("verb", VERBS)
def test_results_say_whether_they_are_good_and_turn_into_json(verb: str) -> None:
    function = getattr(edgeseal, verb)
    name = inspect.signature(function).return_annotation
    module = inspect.getmodule(function)
    result = getattr(module, name, None) or getattr(demo, name)
    assert isinstance(result.is_good, property)
    assert callable(result.to_json)
    assert "__str__" in vars(result)

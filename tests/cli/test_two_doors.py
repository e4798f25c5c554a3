"""The command line and the library are two doors to the same jobs."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main

import edgeseal
import edgeseal.tflite
import edgeseal.tflite.verbs
import edgeseal.watermark.verbs
from edgeseal import tflite
from edgeseal.cli._app import app
from edgeseal.tflite.inputs import InputForm, InputOptions
from edgeseal.watermark import demo

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
VERBS = tuple(COMMANDS)
KNOW_MARKS = ("bench", "inspect", "quantize", "sensitivity", "tune")
"""Verbs of any file that do more for files of ours: both wings have a function of this name."""

ONLY_SHELL = {
    "as_json": "to_json()",
    "sort": "an order of what is printed",
    "top": "a length of what is printed",
    "list_all": "a length of what is printed",
    "_codes": "edgeseal.tflite.diagnosis.CODES",
}
"""Options that are no arguments, and what takes their place."""

ONLY_PYTHON = {
    "": {"progress"},  # what the command line draws
    "evaluate": {"progress", "command"},  # the command line itself, for the report
}
RENAMED: dict[str, str] = {}
"""Arguments by the option that has another name in Python; none so far."""


def function_of(verb: str) -> Any:
    """Return the function of a verb."""
    return getattr(edgeseal, verb, None) or getattr(tflite, verb)


def arguments(function: Any) -> dict[str, inspect.Parameter]:
    """Return what a function takes that a command may say as well."""
    found = dict(inspect.signature(function).parameters)
    if found.pop("inputs", None) is not None:  # one group for all verbs that run models
        options = inspect.signature(InputForm.of).parameters
        assert set(options) == set(InputOptions.__annotations__)
        found |= options
    hidden = ONLY_PYTHON.get(function.__name__, ONLY_PYTHON[""])
    return {name: argument for name, argument in found.items() if name not in hidden}


def results(function: Any) -> tuple[type, ...]:
    """Return the classes of what a function may return."""
    known = {**vars(demo), **vars(importlib.import_module(function.__module__))}
    returned = eval(inspect.signature(function).return_annotation, known)
    return get_args(returned) or (returned,)


@pytest.mark.parametrize("verb", VERBS)
def test_arguments_are_the_same_when_called_from_python(verb: str) -> None:
    options = {parameter.name for parameter in COMMANDS[verb].params} - set(ONLY_SHELL)
    assert {RENAMED.get(name, name) for name in options} == set(arguments(function_of(verb)))


@pytest.mark.parametrize("verb", VERBS)
def test_defaults_are_the_same_when_called_from_python(verb: str) -> None:
    shell = inspect.signature(COMMANDS[verb].callback).parameters
    for name, argument in arguments(function_of(verb)).items():
        if isinstance(argument.default, bool | int | float | str):
            said = shell[name].default
            assert argument.default == (str(said) if isinstance(said, Path) else said), name


@pytest.mark.parametrize("verb", VERBS)
def test_results_say_whether_they_are_good_and_turn_into_json(verb: str) -> None:
    for result in results(function_of(verb)):
        assert isinstance(inspect.getattr_static(result, "is_good"), property)
        assert callable(result.to_json)  # type: ignore[attr-defined]
        assert "__str__" in vars(result)
        assert dataclasses.is_dataclass(result)


@pytest.mark.parametrize("verb", KNOW_MARKS)
def test_wings_agree_when_both_have_a_verb(verb: str) -> None:
    plain, ours = (set(arguments(getattr(wing, verb))) for wing in (tflite, edgeseal))
    assert plain - ours <= {"task"}
    assert ours - plain <= {
        *("embedder", "message", "seed"),
        *("with_peers", "peer_names", "checkpoint", "calibration"),
    }


@pytest.mark.parametrize("verb", VERBS)
def test_every_argument_is_documented(verb: str) -> None:
    text = inspect.getdoc(function_of(verb)) or ""
    refers = "as :func:`" in text
    taken = inspect.signature(function_of(verb)).parameters
    missing = [name for name in taken if f"{name}:" not in text]
    assert not missing or refers, missing


@pytest.mark.parametrize("wing", [edgeseal, tflite])
def test_names_of_a_wing_are_there(wing: Any) -> None:
    assert all(getattr(wing, name) is not None for name in wing.__all__)
    assert list(wing.__all__) == sorted(wing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        wing.nothing  # noqa: B018


@pytest.mark.parametrize("package", [edgeseal.tflite.verbs, edgeseal.watermark.verbs])
def test_no_function_of_a_verb_is_forgotten(package: Any) -> None:
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        verb = module.name.rpartition("._")[2]
        if verb in VERBS:
            found = getattr(importlib.import_module(module.name), verb)
            assert found in (getattr(edgeseal, verb, None), getattr(tflite, verb, None))

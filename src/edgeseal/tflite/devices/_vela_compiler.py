"""Vela, the compiler for Arm's Ethos-U85."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgeseal.errors import ModelError, ProbeError, UsageError
from edgeseal.tflite.graph import Model, Operator, deserialize, serialize

__all__ = ["ETHOS_U85_MACS", "Compilation", "check_macs", "compile_with_vela"]

ETHOS_U85_MACS = (128, 256, 512, 1024, 2048)
"""Sizes of an Ethos-U85, in multiply-accumulates per cycle."""

_SYSTEM = "Ethos_U85_SYS_DRAM_Mid"
_MEMORY = "Dedicated_Sram_384KB"
_COMPILED = "ethos-u"  # the custom operator that stands for what was compiled
_WARNING = re.compile(r"^Warning \(.*?\) operator: \S+, ofm: '(.*)'$")
_REASON = "Reason: "
_NAME = re.compile(r" \(t\d+\)$")  # a tensor's, which is ours
_UNSAID = "Vela does not say why"
_LAST_WORDS = 400  # characters


@dataclass(frozen=True, slots=True)
class Compilation:
    """What Vela made of a model.

    Attributes:
        file: the compiled ``.tflite`` file, with the model's signatures and metadata.
        left: positions of the operators in the main subgraph that stay on the processor, and why.
        pieces: into how many parts the others fall.
        summary: Vela's own figures by name.
    """

    file: bytes
    left: tuple[tuple[int, str], ...]
    pieces: int
    summary: Mapping[str, str]


def check_macs(macs: int) -> None:
    """Refuse a size.

    Raises:
        UsageError: there is no Ethos-U85 of that size; lists those there are.
    """
    if macs not in ETHOS_U85_MACS:
        sizes = ", ".join(map(str, ETHOS_U85_MACS))
        raise UsageError(f"there is no Ethos-U85 with {macs} MACs per cycle; sizes are {sizes}")


def compile_with_vela(
    model: Model, folder: Path, *, macs: int, timeout_s: float | None = None
) -> Compilation:
    """Compile a model for an Ethos-U85.

    Args:
        model: results of its operators have names of their own, by which Vela speaks of them.
        folder: an empty one, for Vela's files.
        macs: one of :data:`ETHOS_U85_MACS`.
        timeout_s: longest time; None for no end.

    Raises:
        ModelError: Vela refuses the file.
        ProbeError: Vela gives no answer in time.
    """
    (folder / "model.tflite").write_bytes(bytes(serialize(model)))
    said = _run(folder, f"ethos-u85-{macs}", timeout_s)
    file = (folder / "model_vela.tflite").read_bytes()
    operators = deserialize(file).main.operators
    names = {t.name for o in operators if not _is_compiled(o) for t in o.outputs}
    with next(folder.glob("*summary*.csv")).open(newline="", encoding="utf-8") as table:
        (summary,) = csv.DictReader(table)
    left = tuple(_left(model, names, dict(_reasons(said))))
    return Compilation(file, left, sum(map(_is_compiled, operators)), summary)


def _run(folder: Path, accelerator: str, timeout_s: float | None) -> str:
    """Run Vela on ``model.tflite`` and return what it printed."""
    options = {
        "--accelerator-config": accelerator,
        "--config": "Arm/vela.ini",
        "--system-config": _SYSTEM,
        "--memory-mode": _MEMORY,
        "--output-dir": str(folder),
    }
    given = [str(folder / "model.tflite"), *(word for pair in options.items() for word in pair)]
    command = [sys.executable, "-m", "ethosu.vela", *given]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ProbeError(
            f"Vela gave no answer within {timeout_s:g} s; raise --timeout, or try a smaller model"
        ) from error
    if done.returncode != 0 or not (folder / "model_vela.tflite").exists():
        words = " ".join(f"{done.stdout}\n{done.stderr}".split())[-_LAST_WORDS:]
        raise ModelError(f"Vela cannot compile this model (exit status {done.returncode}): {words}")
    return done.stdout


def _is_compiled(operator: Operator) -> bool:
    return operator.is_custom and operator.kind == _COMPILED


def _reasons(said: str) -> Iterator[tuple[str, str]]:
    """Yield the names of results whose operators stay on the processor, and why."""
    name = ""
    for line in said.splitlines():
        match = _WARNING.match(line)
        if match:
            name = match[1]
        elif name and line.startswith(_REASON):
            yield name, _NAME.sub("", line.removeprefix(_REASON).strip())
            name = ""


def _left(model: Model, names: set[str], reasons: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    for number, operator in enumerate(model.main.operators):
        results = [tensor.name for tensor in operator.outputs]
        if not names.isdisjoint(results):
            yield number, next((reasons[name] for name in results if name in reasons), _UNSAID)

"""Arm's Ethos-U85: what Vela, its compiler, makes of a model."""

from __future__ import annotations

import csv
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from edgeseal._leftovers import scratch_folder
from edgeseal.errors import MissingExtraError, ModelError, ProbeError, UsageError
from edgeseal.tflite.diagnosis import Node
from edgeseal.tflite.graph import Model, Operator, find_modules, read_model, write_model
from edgeseal.tflite.probe import cut_function
from edgeseal.tflite.targets._target_report import (
    Basis,
    Fallback,
    Target,
    TargetEstimate,
    TargetReport,
)

__all__ = ["ETHOS_U85_MACS", "assess_ethos_u85"]

ETHOS_U85_MACS = (128, 256, 512, 1024, 2048)
"""Sizes of an Ethos-U85, in multiply-accumulates per cycle."""

_SYSTEM = "Ethos_U85_SYS_DRAM_Mid"
_MEMORY = "Dedicated_Sram_384KB"
_COMPILED = "ethos-u"  # the custom operator that stands for what was compiled
_KIB = 1024
_WARNING = re.compile(r"^Warning \(.*?\) operator: \S+, ofm: '(.*)'$")
_REASON = "Reason: "
_LAST_WORDS = 400  # characters


def assess_ethos_u85(model: Model, *, macs: int, timeout_s: float) -> TargetReport:
    """Compile the model's main subgraph with Vela.

    Args:
        model: any model.
        macs: one of :data:`ETHOS_U85_MACS`.
        timeout_s: longest time for the compiler.

    Raises:
        UsageError: there is no Ethos-U85 of that size.
        MissingExtraError: Vela is not installed.
        ModelError: Vela refuses the file.
        ProbeError: Vela gives no answer in time.
    """
    if macs not in ETHOS_U85_MACS:
        sizes = ", ".join(map(str, ETHOS_U85_MACS))
        raise UsageError(f"there is no Ethos-U85 with {macs} MACs per cycle; sizes are {sizes}")
    if importlib.util.find_spec("ethosu") is None:
        raise MissingExtraError("edgeseal check --target ethos-u85", "npu")
    # tensors are named by their position, so that the compiler's words name one node each
    copy = cut_function(model.main).model
    with scratch_folder() as name:
        folder = name
        write_model(copy, folder / "model.tflite")
        said = _compile(folder, f"ethos-u85-{macs}", timeout_s)
        compiled = read_model(folder / "model_vela.tflite")
        estimate = _estimate(next(folder.glob("*summary*.csv")))
        left = {t.name for o in _left(compiled) for t in o.outputs}
        pieces = sum(o.is_custom and o.kind == _COMPILED for o in compiled.main.operators)
    return TargetReport(
        target=Target.ETHOS_U85,
        basis=Basis.COMPILED,
        source=f"Vela {importlib.metadata.version('ethos-u-vela')}",
        operators=len(model.main.operators),
        fallbacks=tuple(_fallbacks(model, copy, left, dict(_reasons(said)))),
        partitions=pieces,
        estimate=estimate,
    )


def _compile(folder: Path, accelerator: str, timeout_s: float) -> str:
    """Run Vela on ``model.tflite`` and return what it printed."""
    vela = [sys.executable, "-m", "ethosu.vela"]
    options = {
        "--accelerator-config": accelerator,
        "--config": "Arm/vela.ini",
        "--system-config": _SYSTEM,
        "--memory-mode": _MEMORY,
        "--output-dir": str(folder),
    }
    command = [*vela, str(folder / "model.tflite"), *(w for pair in options.items() for w in pair)]
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


def _reasons(said: str) -> Iterator[tuple[str, str]]:
    """Yield the names of results whose operators stay on the CPU, and why."""
    name = ""
    for line in said.splitlines():
        match = _WARNING.match(line)
        if match:
            name = match[1]
        elif name and line.startswith(_REASON):
            yield name, line.removeprefix(_REASON).strip()
            name = ""


def _left(compiled: Model) -> Iterator[Operator]:
    return (o for o in compiled.main.operators if not (o.is_custom and o.kind == _COMPILED))


def _fallbacks(
    model: Model, copy: Model, left: set[str], reasons: dict[str, str]
) -> Iterator[Fallback]:
    modules = find_modules(model)
    pairs = zip(model.main.operators, copy.main.operators, strict=True)
    for number, (operator, twin) in enumerate(pairs):
        names = [tensor.name for tensor in twin.outputs]
        if not left.isdisjoint(names):
            said = [reasons[name] for name in names if name in reasons]
            node = Node(operator, model.main, number, modules.display_name(operator))
            yield Fallback(node, _without_names(said[0]) if said else "Vela does not say why")


def _without_names(reason: str) -> str:
    """Drop a tensor's name, which is ours, from the end of a reason."""
    return re.sub(r" \(t\d+\)$", "", reason)


def _estimate(path: Path) -> TargetEstimate:
    with path.open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    return TargetEstimate(
        accelerator=row["accelerator_configuration"].replace("_", "-"),
        system=f"{row['system_config']}, {row['memory_mode']}",
        cycles=int(float(row["cycles_total"])),
        latency_ms=1000 * float(row["inference_time"]),
        macs=int(float(row["nn_macs"])),
        sram_bytes=int(_KIB * float(row["sram_memory_used"])),
        dram_bytes=int(_KIB * float(row["dram_memory_used"])),
        weights_bytes=int(float(row["total_npu_encoded_weights"])),
    )

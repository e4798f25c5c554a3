"""Arm's Ethos-U85: what Vela, its compiler, makes of a model."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterator, Mapping

from edgeseal._leftovers import scratch_folder
from edgeseal.errors import MissingExtraError
from edgeseal.tflite.devices import check_macs, compile_with_vela
from edgeseal.tflite.diagnosis import Node
from edgeseal.tflite.graph import Model, find_modules
from edgeseal.tflite.probe import cut_function
from edgeseal.tflite.targets._target_report import (
    Basis,
    Fallback,
    Target,
    TargetEstimate,
    TargetReport,
)

__all__ = ["assess_ethos_u85"]

_KIB = 1024


def assess_ethos_u85(model: Model, *, macs: int, timeout_s: float) -> TargetReport:
    """Compile the model's main subgraph with Vela.

    Args:
        model: any model.
        macs: one of :data:`~edgeseal.tflite.devices.ETHOS_U85_MACS`.
        timeout_s: longest time for the compiler.

    Raises:
        UsageError: there is no Ethos-U85 of that size.
        MissingExtraError: Vela is not installed.
        ModelError: Vela refuses the file.
        ProbeError: Vela gives no answer in time.
    """
    check_macs(macs)
    if importlib.util.find_spec("ethosu") is None:
        raise MissingExtraError("edgeseal check --target ethos-u85", "npu")
    # tensors are named by their position, so that the compiler's words name one node each
    copy = cut_function(model.main).model
    with scratch_folder() as folder:
        made = compile_with_vela(copy, folder, macs=macs, timeout_s=timeout_s)
    return TargetReport(
        target=Target.ETHOS_U85,
        basis=Basis.COMPILED,
        source=f"Vela {importlib.metadata.version('ethos-u-vela')}",
        operators=len(model.main.operators),
        fallbacks=tuple(_fallbacks(model, made.left)),
        partitions=made.pieces,
        estimate=_estimate(made.summary),
    )


def _fallbacks(model: Model, left: tuple[tuple[int, str], ...]) -> Iterator[Fallback]:
    modules = find_modules(model)
    for number, reason in left:
        operator = model.main.operators[number]
        yield Fallback(Node(operator, model.main, number, modules.display_name(operator)), reason)


def _estimate(row: Mapping[str, str]) -> TargetEstimate:
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

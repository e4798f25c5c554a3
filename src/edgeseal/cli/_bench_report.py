"""What ``edgeseal bench`` prints."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from edgeseal.cli._shared._console import (
    mib,
    new_table,
    note,
    print_json,
    print_table,
    print_text,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgeseal.tflite.benchmark import EngineMeasurement

__all__ = ["Conditions", "EngineAgreement", "accuracies", "print_record", "print_report"]

_BUSY = 1.2  # times the processor's own time; with one thread, an idle machine shows 1.0
_PACKAGES = ("ai-edge-litert", "torch", "onnxruntime", "openvino", "nncf")


@dataclass(frozen=True, slots=True)
class EngineAgreement:
    """How an engine's results compare with the first one's, and with what was embedded.

    Attributes:
        nmse: :func:`~edgeseal.tflite.metrics.nmse`; None for a detector.
        nmse_img: :func:`~edgeseal.tflite.metrics.nmse_img` of a detector's logits, else None.
        sign_agreement: share of a detector's logits with the first one's sign, else None.
        bits_read: share of the embedded bits that were read; None where they are not known.
    """

    nmse: float | None = None
    nmse_img: float | None = None
    sign_agreement: float | None = None
    bits_read: float | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the measurement was made."""

    threads: int
    rounds: int
    pictures: int
    seed: int


def accuracies(
    found: Sequence[EngineMeasurement], bits: NDArray[np.float32] | None, *, is_detector: bool
) -> list[EngineAgreement]:
    """Compare every engine's results with those of the first that ran.

    Args:
        found: what :func:`edgeseal.tflite.benchmark.bench` returned.
        bits: float32 [pictures, bits] that the pictures carry, or None.
        is_detector: whether the results are logits of which index 0 carries no information.

    Returns:
        An agreement for each; an empty one for engines that failed or gave values that are not
        finite.
    """
    import numpy as np

    from edgeseal.tflite.metrics import nmse

    reference = next((one.outputs for one in found if one.outputs is not None), None)
    agreements = []
    for one in found:
        if one.outputs is None or reference is None or one.outputs.shape != reference.shape:
            agreements.append(EngineAgreement())
        elif not (np.isfinite(one.outputs).all() and np.isfinite(reference).all()):
            agreements.append(EngineAgreement())  # signs of such values say nothing
        elif is_detector and reference.ndim == 2:
            agreements.append(_of_logits(one.outputs[:, 1:], reference[:, 1:], bits))
        else:
            agreements.append(EngineAgreement(nmse(one.outputs, reference)))
    return agreements


def print_record(
    found: Sequence[EngineMeasurement],
    agreements: Sequence[EngineAgreement],
    conditions: Conditions,
) -> None:
    """Print JSON."""
    engines = [
        {
            "model": one.model,
            "engine": one.engine,
            "size_bytes": one.size_bytes,
            "timings": None if one.timings is None else asdict(one.timings),
            "agreement": asdict(agreement),
            "failure": one.failure,
        }
        for one, agreement in zip(found, agreements, strict=True)
    ]
    print_json(
        "bench",
        {**asdict(conditions), "machine": _machine(), "versions": _versions(), "engines": engines},
    )


def print_report(
    found: Sequence[EngineMeasurement],
    agreements: Sequence[EngineAgreement],
    conditions: Conditions,
) -> None:
    """Print a table, what it was measured with, and what to mind."""
    has_signs = any(a.sign_agreement is not None for a in agreements)
    has_bits = any(a.bits_read is not None for a in agreements)
    numbers = ["MiB", "x first", "median ms", "p90", "first run", "load", "per s", "memory"]
    numbers += ["NMSE(img)" if any(a.nmse_img is not None for a in agreements) else "NMSE"]
    numbers += ["sign"] * has_signs + ["bits read"] * has_bits
    table = new_table("model", "engine", *numbers, right=numbers, names=("model",), keys=2)
    for one, agreement in zip(found, agreements, strict=True):
        size = "" if one.size_bytes is None else f"{one.size_bytes / 2**20:.2f}"
        cells = ["cannot run"] if one.timings is None else _cells(one, agreement)
        cells += [_share(agreement.sign_agreement, 4)] * has_signs
        cells += [_share(agreement.bits_read, 2, percent=True)] * has_bits
        table.add_row(one.model, one.engine, size, *cells[: len(numbers) - 1])
    print_table(table)
    plural = "s" * (conditions.threads != 1)
    print_text(
        f"{conditions.rounds} rounds in turn, {conditions.threads} thread{plural}, "
        f"{conditions.pictures} pictures, seed {conditions.seed}; {_machine()}"
    )
    print_text(", ".join(f"{name} {version}" for name, version in _versions().items()))
    for one in found:
        if one.failure is not None:
            note(f"{one.model} in {one.engine}: {one.failure}")
    _note_busy(found, conditions)


def _of_logits(
    logits: NDArray[np.float32], reference: NDArray[np.float32], bits: NDArray[np.float32] | None
) -> EngineAgreement:
    from edgeseal.tflite.metrics import nmse_img, sign_agreement

    return EngineAgreement(
        nmse_img=nmse_img(logits, reference),
        sign_agreement=sign_agreement(logits, reference),
        bits_read=None if bits is None else sign_agreement(logits, bits - 0.5),
    )


def _cells(one: EngineMeasurement, agreement: EngineAgreement) -> list[str]:
    timings = one.timings
    if timings is None:
        return []
    memory = timings.peak_memory_bytes
    error = agreement.nmse if agreement.nmse_img is None else agreement.nmse_img
    return [
        f"{timings.ratio:.3f}",
        f"{timings.median_ms:.2f}",
        f"{timings.p90_ms:.2f}",
        f"{timings.first_run_ms:.0f}",
        f"{timings.load_ms:.0f}",
        f"{timings.runs_per_s:.1f}",
        "" if memory is None else mib(memory).removesuffix(" MiB"),
        "" if error is None else f"{error:.2g}",
    ]


def _share(value: float | None, digits: int, *, percent: bool = False) -> str:
    if value is None:
        return ""
    return f"{value:.{digits}%}" if percent else f"{value:.{digits}f}"


def _note_busy(found: Sequence[EngineMeasurement], conditions: Conditions) -> None:
    timed = [one.timings for one in found if one.timings is not None]
    if conditions.threads == 1 and any(t.median_ms > _BUSY * t.processor_ms for t in timed):
        note("other programs keep the processor busy: times are too long, ratios hold")


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"


def _versions() -> dict[str, str]:
    found = {"edgeseal": importlib.metadata.version("edgeseal")}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found

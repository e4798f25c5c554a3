"""``edgeseal bench``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeseal.cli._shared._console import new_table, print_result, print_table, print_text
from edgeseal.cli._shared._input_options import takes_inputs
from edgeseal.cli._shared._options import (
    CalibrationOption,
    CheckpointOption,
    DrawsOption,
    ImagesOption,
    JsonOption,
    MarkerOption,
    OnDeviceOption,
    RoundsOption,
    SeedOption,
    ThreadsOption,
    TimeoutOption,
)
from edgeseal.cli._shared._progress import ConsoleProgress

if TYPE_CHECKING:
    from edgeseal.tflite import BenchResult
    from edgeseal.tflite.benchmark import Timings

__all__ = ["bench"]


@takes_inputs
def bench(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL", help=".tflite files of one graph; the first is 1.00."),
    ],
    with_peers: Annotated[
        bool, typer.Option("--peers", help="Time the same weights in every other engine.")
    ] = False,
    peer_names: Annotated[
        list[str] | None,
        typer.Option("--peer", metavar="NAME", help="One of the other engines; may be repeated."),
    ] = None,
    compiled_model: Annotated[
        bool,
        typer.Option("--compiled-model", help="LiteRT's CompiledModel beside its interpreter."),
    ] = False,
    browser: Annotated[
        bool,
        typer.Option("--browser", help="LiteRT.js in a browser beside: WebAssembly and WebGPU."),
    ] = False,
    threads: ThreadsOption = 1,
    rounds: RoundsOption = 30,
    device: OnDeviceOption = None,
    images: ImagesOption = None,
    draws: DrawsOption = None,
    embedder: MarkerOption = None,
    checkpoint: CheckpointOption = None,
    calibration: CalibrationOption = None,
    seed: SeedOption = 0,
    timeout_s: TimeoutOption = 600.0,
    as_json: JsonOption = False,
    **inputs: Any,
) -> None:
    """Measure time, memory and agreement of models, in LiteRT and in other engines.

    Every engine has a process of its own, and all run in turn, so that ratios hold on a busy
    machine. NMSE (of detectors NMSE(img)) and sign are those against the first model. --checkpoint
    and --calibration are for other engines. On a device (--on), and on a graphics processor in
    software, nothing is timed. Exits with 1 if a model cannot run.
    """
    import edgeseal

    found = edgeseal.bench(
        paths,
        with_peers=with_peers,
        peer_names=peer_names or (),
        compiled_model=compiled_model,
        threads=threads,
        rounds=rounds,
        device=device,
        browser=browser,
        images=images or None,
        draws=draws,
        embedder=embedder,
        checkpoint=checkpoint,
        calibration=calibration or (),
        seed=seed,
        timeout_s=timeout_s,
        progress=ConsoleProgress(),
        **inputs,
    )
    print_result(
        "bench", found, as_json=as_json, show=lambda: _show(found), notes=list(found.notes())
    )


def _show(found: BenchResult) -> None:
    agreements = [asdict(agreement) for agreement in found.agreements]
    error = "nmse_img" if any(a.get("nmse_img") is not None for a in agreements) else "nmse"
    shares = {"sign": "sign_agreement", "bits read": "bits_read"}
    shown = {
        name: field
        for name, field in shares.items()
        if any(agreement.get(field) is not None for agreement in agreements)
    }
    times = ["MiB", "x first", "median ms", "p90", "first run", "load", "per s", "memory"]
    numbers = [*times, "NMSE(img)" if error == "nmse_img" else "NMSE", *shown]
    table = new_table("model", "engine", *numbers, right=numbers, names=("model",), keys=2)
    for one, agreement in zip(found.engines, agreements, strict=True):
        size = "" if one.size_bytes is None else f"{one.size_bytes / 2**20:.2f}"
        cells = ["cannot run" if one.outputs is None else "not timed", *[""] * (len(times) - 2)]
        if one.timings is not None:
            cells = _cells(one.timings)
        accuracy = [
            _error(agreement.get(error)),
            *(_share(agreement, shown[name]) for name in shown),
        ]
        table.add_row(one.model, one.engine, size, *cells, *accuracy)
    print_table(table)
    print_text(str(found).splitlines()[0])
    print_text(", ".join(f"{name} {version}" for name, version in found.versions.items()))


def _cells(timings: Timings) -> list[str]:
    memory = timings.peak_memory_bytes
    return [
        f"{timings.ratio:.3f}",
        f"{timings.median_ms:.2f}",
        f"{timings.p90_ms:.2f}",
        f"{timings.first_run_ms:.0f}",
        f"{timings.load_ms:.0f}",
        f"{timings.runs_per_s:.1f}",
        "" if memory is None else f"{memory / 2**20:.2f}",
    ]


def _error(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"


def _share(agreement: dict[str, Any], field: str) -> str:
    value = agreement.get(field)
    if value is None:
        return ""
    return f"{value:.2%}" if field == "bits_read" else f"{value:.4f}"

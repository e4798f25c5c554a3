"""``edgeseal check --on``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from edgeseal.cli._shared._console import busy, mib, print_json, print_text

__all__ = ["check_devices"]


def check_devices(
    path: Path,
    names: Sequence[str],
    *,
    images: Sequence[Path] | None,
    seed: int,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Show what devices take of a file and compute wrong; exit with 1 if one is not right.

    Args:
        path: the file.
        names: of devices.
        images: pictures to run on; None to draw inputs.
        seed: for what is drawn.
        timeout_s: longest time for one model, and for one batch of operators.
        as_json: print JSON.

    Raises:
        UsageError: there is no such device, or something has to be installed for it.
    """
    from edgeseal.pictures import list_pictures
    from edgeseal.tflite.devices import check_on, find_devices

    names = list(dict.fromkeys(names))
    find_devices(names)  # before anything is said to be done
    with busy(f"checking {path.name} on {', '.join(names)}"):
        report = check_on(
            path,
            names,
            pictures=list_pictures(images) if images else None,
            seed=seed,
            timeout_s=timeout_s,
        )
    if as_json:
        print_json("check", report.to_json())
    else:
        print_text(f"{path}  {mib(path.stat().st_size)}, {report.results[0].operators} operators")
        print_text(str(report))
    if not report.is_good:
        raise typer.Exit(1)

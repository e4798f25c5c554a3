r"""Every converted file on devices: what is taken, in how many pieces, and how right.

::

    edgeseal convert videoseal_1.0 --random-weights 0 -o FILES --recipe float32 --recipe full-int8
    python benchmarks/devices.py FILES/*.tflite --on gpu --on qualcomm:SM8650
    python benchmarks/devices.py --page       # writes its table and its plot into docs/

Adds to ``results/devices.json``, file by file and device by device, so that an interrupted run goes
on; a row that is there already is kept unless ``--again``. NSR is that of the whole model against
LiteRT on this processor, the same file, on pink-noise pictures; with ``--one-by-one`` its operators
are tried too. With ``--float`` a file beside it is the float model, and a device that is as near to
that as this processor is right, too; the last column then has both errors. For ``ethos-u85`` files
get integers at their ends.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from edgeseal.errors import EdgesealError
from edgeseal.tflite.devices import MOST_NSR, check_on
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.quantization import Ends, set_ends
from edgeseal.watermark.runtime import read_info

_RESULTS = Path(__file__).parent / "results" / "devices.json"
_PAGE = Path(__file__).parents[1] / "docs" / "devices.md"
_PLOT = _PAGE.with_suffix(".svg")
_TIMEOUT_S = 3600.0
_EXACT = 1e-14  # where a NSR of 0 is drawn
_KEY = ("card", "part", "recipe", "device")
_MARK = "<!-- the table that benchmarks/devices.py writes -->\n"


@dataclass(frozen=True, slots=True)
class Row:
    """One file on one device."""

    card: str
    part: str
    recipe: str
    device: str
    size_bytes: int
    verdict: str
    operators: int
    refused: int
    kinds: str
    pieces: int
    nsr: float | None
    signs: float | None
    wrong: int | None
    float_nsr: float | None = None
    processor_float_nsr: float | None = None


def main() -> None:
    arguments = _parse()
    rows = _read()
    for path in arguments.files:
        for device in arguments.on:
            row = _measured(path, device, arguments, rows)
            if row is not None:
                rows = _read()  # another run may have added to it
                rows[tuple(getattr(row, name) for name in _KEY)] = row
                records = [asdict(rows[key]) for key in sorted(rows)]
                _RESULTS.write_text(json.dumps(records, indent=1) + "\n")
    if arguments.page:
        _PAGE.write_text(_page(rows))
        _plot(rows)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE.tflite")
    parser.add_argument("--on", action="append", default=[], metavar="DEVICE")
    parser.add_argument("--one-by-one", action="store_true", help="try the operators too")
    parser.add_argument("--float", action="store_true", help="compare with ..._float32.tflite too")
    parser.add_argument("--again", action="store_true", help="measure what is there already")
    parser.add_argument("--page", action="store_true", help="write docs/devices.md and .svg")
    return parser.parse_args()


def _read() -> dict[tuple[str, ...], Row]:
    records = json.loads(_RESULTS.read_text()) if _RESULTS.exists() else []
    return {tuple(record[name] for name in _KEY): Row(**record) for record in records}


def _measured(
    path: Path, device: str, arguments: argparse.Namespace, rows: dict[tuple[str, ...], Row]
) -> Row | None:
    info = read_info(read_model(path))
    if (info.card, info.part, info.recipe, device) in rows and not arguments.again:
        return None
    real = path.with_name(f"{info.card}_{info.part}_float32.tflite") if arguments.float else None
    with tempfile.TemporaryDirectory() as folder:
        file = _with_integer_ends(path, folder) if device.startswith("ethos") else path
        try:
            report = check_on(
                file,
                [device],
                float_model=real,
                one_by_one=arguments.one_by_one,
                timeout_s=_TIMEOUT_S,
            )
        except EdgesealError as error:
            print(f"{path.name} on {device}: {error}")
            return None
    (result,) = report.results
    print(f"{path.name}\n{result}", flush=True)
    float_nsr = [error.nsr for error in result.float_errors or ()] or [None, None]
    return Row(
        card=info.card,
        part=info.part,
        recipe=info.recipe,
        device=device,
        size_bytes=path.stat().st_size,
        verdict=result.verdict.value,
        operators=result.operators,
        refused=result.refused,
        kinds=", ".join(sorted({refusal.kind for refusal in result.refusals})),
        pieces=result.pieces,
        nsr=None if result.error is None else result.error.nsr,
        signs=result.signs,
        wrong=len(result.wrong) if arguments.one_by_one else None,
        float_nsr=float_nsr[0],
        processor_float_nsr=float_nsr[1],
    )


def _with_integer_ends(path: Path, folder: str) -> Path:
    model = read_model(path)
    set_ends(model, Ends.INT8)
    write_model(model, Path(folder, path.name))
    return Path(folder, path.name)


def _page(rows: dict[tuple[str, ...], Row]) -> str:
    heads = f"| {' | '.join(_KEY)} | MiB | verdict | pieces | refused | NSR | signs | to float |"
    lines = [heads, "|" + "---|" * (len(_KEY) + 7)]
    alike: dict[tuple[str, ...], list[str]] = {}  # devices by all that is said of them
    for key in sorted(rows):
        *file, device = key
        kind, _, variant = device.partition(":")
        names = alike.setdefault((*file, kind, *_cells(rows[key])), [])
        names.append(variant if names else device)
    for cells, names in alike.items():
        lines.append(f"| {' | '.join([*cells[:3], ', '.join(names), *cells[4:]])} |")
    text, _, rest = _PAGE.read_text().partition(_MARK)
    rest = re.sub(r"\A\n(\|.*\n)*", "", rest)  # the table as it was
    return text + _MARK + "\n" + "\n".join(lines) + "\n" + rest


def _plot(rows: dict[tuple[str, ...], Row]) -> None:
    """Draw a mark for each row that ran: files downwards, NSR to the right."""
    ran = [rows[key] for key in sorted(rows, reverse=True) if rows[key].nsr is not None]
    files = list(dict.fromkeys(_file(row) for row in ran))
    kinds = sorted({row.device.partition(":")[0] for row in ran})
    figure = Figure(figsize=(7, 1.2 + 0.28 * len(files)), layout="constrained")
    axes = figure.subplots()
    for kind, marker in zip(kinds, "so^vD", strict=False):
        shown = [row for row in ran if row.device.partition(":")[0] == kind]
        places = [files.index(_file(row)) for row in shown]
        errors = [max(row.nsr or 0, _EXACT) for row in shown]
        axes.scatter(errors, places, marker=marker, alpha=0.7, label=kind)
    axes.axvline(MOST_NSR, color="grey", linestyle="--", label="wrong from here")
    axes.set(xscale="log", xlabel="NSR against a processor, same file; 1e-14 stands for 0")
    axes.set_yticks(range(len(files)), files)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=5, fontsize="small")
    with rc_context({"svg.hashsalt": "edgeseal"}):
        figure.savefig(_PLOT, metadata={"Date": None})


def _file(row: Row) -> str:
    return f"{row.card} {row.part} {row.recipe}"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"{row.size_bytes / 2**20:.2f}",
        row.verdict,
        str(row.pieces or ""),
        f"{row.refused} of {row.operators}" + (f" ({row.kinds})" if row.kinds else ""),
        "" if row.nsr is None else f"{row.nsr:.1e}",
        "" if row.signs is None else f"{row.signs:.4f}",
        "" if row.float_nsr is None else f"{row.float_nsr:.3f}, {row.processor_float_nsr:.3f}",
    )


if __name__ == "__main__":
    main()

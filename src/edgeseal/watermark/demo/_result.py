"""What the demo found, and its gates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["DemoResult", "DemoRow"]

MIN_PSNR_DB = 40.0
MIN_CLEAN_BITS = 0.99
MAX_LOST_BITS = 0.003
MAX_SIZE_RATIO = 0.30
_SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class DemoRow:
    """One way to run the detector.

    Attributes:
        name: for people.
        runs: whether it runs at all.
        size_mib: of the model file; None for a checkpoint.
        ratio: time per picture by that of the stock float conversion, one thread; None if it
            was not timed.
        latency_ms: median time per picture on this machine, one thread.
        bits: share of bits read by attack, 0..1; empty if it does not run.
        error: LiteRT's own words if it does not run.
    """

    name: str
    runs: bool
    size_mib: float | None = None
    ratio: float | None = None
    latency_ms: float | None = None
    bits: dict[str, float] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The demo's table, and whether every gate was passed.

    Attributes:
        rows: the detectors that were compared: PyTorch first, ours in INT8 last.
        psnr_db: of each marked photograph, by name.
        versions: of the packages involved.
    """

    rows: tuple[DemoRow, ...]
    psnr_db: dict[str, float]
    versions: dict[str, str]

    @property
    def is_good(self) -> bool:
        """Whether every gate was passed."""
        return not list(self.failures())

    def failures(self) -> Iterator[str]:
        """Yield each gate that was missed, with the figure."""
        worst = min(self.psnr_db, key=self.psnr_db.__getitem__)
        if self.psnr_db[worst] < MIN_PSNR_DB:
            yield f"PSNR of {worst} is {self.psnr_db[worst]:.2f} dB, less than {MIN_PSNR_DB}"
        reference, integer = self.rows[0], self.rows[-1]
        stock = self.rows[1]
        if not integer.runs or integer.bits is None or reference.bits is None:
            yield f"the INT8 detector does not run: {integer.error}"
            return
        if integer.bits["clean"] < MIN_CLEAN_BITS:
            yield f"INT8 reads {integer.bits['clean']:.2%} of clean bits, not {MIN_CLEAN_BITS:.0%}"
        lost = _mean(reference.bits) - _mean(integer.bits)
        if lost > MAX_LOST_BITS:
            yield f"INT8 loses {100 * lost:.2f} points of bits on average"
        ratio = (integer.size_mib or 0) / (stock.size_mib or 1)
        if ratio > MAX_SIZE_RATIO:
            yield f"INT8 takes {ratio:.0%} of the float file, more than {MAX_SIZE_RATIO:.0%}"

    def __str__(self) -> str:
        """Return what each detector reads of clean pictures, and the gates that were missed."""
        shares = ((row.name, (row.bits or {}).get("clean")) for row in self.rows)
        lines = [
            f"{name}: {'cannot run' if share is None else f'{share:.2%} of clean bits'}"
            for name, share in shares
        ]
        return "\n".join([*lines, *(f"gate failed: {failure}" for failure in self.failures())])

    def markdown(self) -> str:
        """Return the comparison as a Markdown table."""
        head, *body = self.cells(psnr=True)
        lines = [head, ["---"] * len(head), *body]
        table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
        errors = [f"\n{row.name}: `{row.error}`\n" for row in self.rows if row.error]
        return table + "".join(errors)

    @property
    def psnr_range(self) -> str:
        """The lowest and the highest PSNR of a marked photograph."""
        return f"{min(self.psnr_db.values()):.1f}..{max(self.psnr_db.values()):.1f}"

    def cells(self, *, psnr: bool = False) -> Iterator[list[str]]:
        """Yield the comparison as the cells of a table, the headings first.

        Args:
            psnr: whether with a column of the PSNR, which all detectors have in common.
        """
        attacks = list(self.rows[0].bits or {})
        yield ["detector", "MiB", "x stock", "ms", *["PSNR (dB)"] * psnr, *attacks]
        for row in self.rows:
            figures = [_number(value) for value in (row.size_mib, row.ratio, row.latency_ms)]
            if row.runs and row.bits is not None:
                marked, shares = self.psnr_range, [f"{row.bits[name]:.2%}" for name in attacks]
            else:
                marked, shares = "", ["cannot run", *[""] * (len(attacks) - 1)]
            yield [row.name, *figures, *[marked] * psnr, *shares]

    def to_json(self) -> dict[str, Any]:
        """Return everything, for ``json.dumps``."""
        return {
            "schema_version": _SCHEMA_VERSION,
            "passed": self.is_good,
            "failures": list(self.failures()),
            "rows": [asdict(row) for row in self.rows],
            "psnr_db": self.psnr_db,
            "versions": self.versions,
        }


def _mean(shares: dict[str, float]) -> float:
    return sum(shares.values()) / len(shares)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"

"""Shows saved ranges: what each tensor's values were, and what a method makes of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from edgeseal.tflite.calibration import choose_range, clipped_share, find_method, read_ranges

__all__ = ["RangesResult", "TensorRange", "ranges"]


@dataclass(frozen=True, slots=True)
class TensorRange:
    """What was seen of a tensor.

    Attributes:
        graph: number of the graph that it belongs to: the model, or what a recipe made of it.
        tensor: its name.
        pictures: number of pictures that it was seen on.
        lowest: value seen.
        highest: value seen.
        low: end of the range that the method chooses.
        high: end of the range that the method chooses.
        clipped: share of the values outside that range.
    """

    graph: int
    tensor: str
    pictures: int
    lowest: float
    highest: float
    low: float
    high: float
    clipped: float


@dataclass(frozen=True, slots=True)
class RangesResult:
    """Saved ranges.

    Attributes:
        path: the file.
        model: fingerprint of the model that they were seen in.
        method: that chooses.
        count: number of inputs.
        pictures: number of pictures that these were made from.
        is_bundled: whether those are the package's own photographs.
        tensors: one range for each.
    """

    path: Path
    model: str
    method: str
    count: int
    pictures: int
    is_bundled: bool
    tensors: tuple[TensorRange, ...]

    @property
    def is_good(self) -> bool:
        """Always: a file that cannot be used is an error."""
        return True

    def to_json(self) -> dict[str, object]:
        """Return all of it for JSON."""
        return {
            "path": str(self.path),
            "model": self.model,
            "method": self.method,
            "inputs": self.count,
            "is_bundled": self.is_bundled,
            "tensors": [asdict(one) for one in self.tensors],
        }

    def __str__(self) -> str:
        source = "the bundled photographs" if self.is_bundled else "pictures"
        return f"{self.path}: {self.count} inputs from {self.pictures} of {source}"


def ranges(path: str | Path, *, method: str = "min-max") -> RangesResult:
    """Show saved ranges.

    Args:
        path: what quantizing saved.
        method: how to choose: ``min-max``, ``moving-average``, ``percentile``, ``mse`` or
            ``entropy``.

    Raises:
        UsageError: there is no such method.
        FileError, ModelError: the file cannot be read, or holds no ranges.
    """
    chosen = find_method(method)
    saved = read_ranges(Path(path))
    found = []
    for number, graph in enumerate(saved.graphs.values()):
        for name, seen in graph.tensors.items():
            low, high = choose_range(seen, chosen)
            clipped = clipped_share(seen.histogram, (low, high))
            found.append(
                TensorRange(number, name, seen.pictures, seen.low, seen.high, low, high, clipped)
            )
    inputs = saved.inputs
    about = (Path(path), saved.source, chosen.value)
    return RangesResult(*about, inputs.count, inputs.pictures, inputs.is_bundled, tuple(found))

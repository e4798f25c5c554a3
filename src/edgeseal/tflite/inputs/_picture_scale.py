"""What values a model wants for the pixels of a picture.

Said by the user or by a file that Edgeseal wrote; by TFLite Metadata, where converters put the
normalization; or by the model's first operators, where they bring a range that is not 0..1 to one
that networks work in. A file that says nothing is fed 0..1.
"""

from __future__ import annotations

import enum
import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import UsageError
from edgeseal.tflite.graph import DESCRIPTION, Model, Operator, Tensor
from edgeseal.tflite.probe import constant_values

__all__ = ["PictureScale", "ScaleSource", "known_scale", "picture_scale", "state_scale"]

_ENTRY = "edgeseal_input"
_TFLITE_METADATA = "TFLITE_METADATA"
_LEVELS = 255.0
_NORMALIZATION = 1  # of the union ProcessUnitOptions
_RANGES = ((-1.0, 1.0), (0.0, 255.0), (-128.0, 127.0), (0.0, 1.0))  # that models may take
_WORKED_IN = ((0.0, 1.0), (-1.0, 1.0))  # that networks work in
_NEAR = 0.02
_MAX_STEPS = 8


class ScaleSource(enum.Enum):
    """What says how pixels are fed."""

    STATED = "the file or the user"
    METADATA = "its metadata"
    OPERATORS = "its first operators"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class PictureScale:
    """How pixels become a model's values: (pixel - mean) / std, for pixels 0..1.

    Attributes:
        mean: one value, or one per channel.
        std: one value, or one per channel; none is 0.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    @classmethod
    def of_range(cls, low: float, high: float) -> PictureScale:
        """Return the scale that brings pixels 0..1 to a range.

        Raises:
            UsageError: the range is none.
        """
        if not (np.isfinite([low, high]).all() and low < high):
            raise UsageError(f"`input_range`: expected LO < HI, got {low:g},{high:g}")
        return cls((-low / (high - low),), (1 / (high - low),))

    @classmethod
    def of(cls, mean: Sequence[float], std: Sequence[float]) -> PictureScale:
        """Return what a mean and a deviation say, of pixels 0..1, or 0..255 where they exceed 1.

        Raises:
            UsageError: they are none, or not as many.
        """
        values = [*mean, *std]
        is_sound = np.isfinite(values).all() and all(value > 0 for value in std)
        if not mean or not std or not is_sound or not _match(len(mean), len(std)):
            raise UsageError(
                f"`mean` and `std`: expected one number each, or one per channel, `std` above 0, "
                f"got {_listed(mean)} and {_listed(std)}"
            )
        levels = _LEVELS if max(map(abs, values)) > 1 else 1.0
        return cls(tuple(m / levels for m in mean), tuple(s / levels for s in std))

    def values_of(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what a model is fed for a picture: float32 [H, W, channels], given in 0..1.

        Raises:
            UsageError: it has values for another number of channels.
        """
        channels = image.shape[-1]
        if not _match(len(self.mean), channels) or not _match(len(self.std), channels):
            raise UsageError(
                f"`mean` and `std`: expected 1 or {channels} numbers for pictures of {channels} "
                f"channels, got {_listed(self.mean)} and {_listed(self.std)}"
            )
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        fed: NDArray[np.float32] = (image - mean) / std
        return fed

    @property
    def ends(self) -> tuple[float, float]:
        """The values of black and of white; the widest where channels differ."""
        mean, std = np.array(self.mean), np.array(self.std)
        return float((-mean / std).min()) + 0.0, float(((1 - mean) / std).max())

    def __str__(self) -> str:
        low, high = self.ends
        return f"{low:.6g}..{high:.6g}"


def picture_scale(model: Model) -> tuple[PictureScale, ScaleSource]:
    """Return how a model wants pixels, and what says so; 0..1 where nothing does."""
    stated = _stated(model.metadata.get(_ENTRY))
    if stated is not None:
        return stated, ScaleSource.STATED
    if DESCRIPTION in model.metadata:  # ours take 0..1
        return PictureScale(), ScaleSource.STATED
    known = _from_metadata(model.metadata.get(_TFLITE_METADATA, b""))
    if known is not None:
        return known, ScaleSource.METADATA
    worked_out = _from_operators(model)
    if worked_out is not None:
        return worked_out, ScaleSource.OPERATORS
    return PictureScale(), ScaleSource.NOTHING


def known_scale(model: Model) -> PictureScale | None:
    """Return how a model wants pixels; None where nothing says it."""
    scale, source = picture_scale(model)
    return None if source is ScaleSource.NOTHING else scale


def state_scale(model: Model, scale: PictureScale) -> None:
    """Let a model's metadata say how it wants pixels."""
    record = {"mean": scale.mean, "std": scale.std}
    model.metadata[_ENTRY] = json.dumps(record).encode()


def _stated(blob: bytes | None) -> PictureScale | None:
    if blob is None:
        return None
    try:
        record = json.loads(blob)
        mean, std = ([float(one) for one in record[name]] for name in ("mean", "std"))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return _sound(mean, std)


def _sound(mean: Sequence[float], std: Sequence[float]) -> PictureScale | None:
    is_sound = mean and std and np.isfinite([*mean, *std]).all() and min(std) > 0
    return PictureScale(tuple(mean), tuple(std)) if is_sound else None


def _from_metadata(blob: bytes) -> PictureScale | None:
    """Return the normalization of the first input in TFLite Metadata; None if there is none.

    Tables of its schema by the number of the field: ModelMetadata 3 subgraphs, SubGraphMetadata 2
    inputs, TensorMetadata 4 process units, ProcessUnit 0 and 1 the union of options,
    NormalizationOptions 0 mean and 1 std, of pixels 0..255.
    """
    try:
        root = _Table(blob, struct.unpack_from("<I", blob)[0])
        for unit in (u for s in root.tables(3)[:1] for i in s.tables(2)[:1] for u in i.tables(4)):
            if unit.byte(0) == _NORMALIZATION:
                options = unit.table(1)
                mean, std = options.floats(0), options.floats(1)
                return _sound([m / _LEVELS for m in mean], [s / _LEVELS for s in std])
    except (struct.error, IndexError, ValueError):
        return None
    return None


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a flatbuffer; every place outside the data raises ``struct.error``."""

    data: bytes
    place: int

    def tables(self, field: int) -> list[_Table]:
        start, count = self._vector(field)
        return [_Table(self.data, self._follow(start + 4 * index)) for index in range(count)]

    def table(self, field: int) -> _Table:
        return _Table(self.data, self._follow(self._field(field)))

    def floats(self, field: int) -> list[float]:
        start, count = self._vector(field)
        return list(struct.unpack_from(f"<{count}f", self.data, start))

    def byte(self, field: int) -> int:
        return self.data[self._field(field)] if self._field(field) else 0

    def _vector(self, field: int) -> tuple[int, int]:
        if not self._field(field):
            return 0, 0
        start = self._follow(self._field(field))
        (count,) = struct.unpack_from("<I", self.data, start)
        if count > len(self.data) // 4:
            raise ValueError("a vector that is longer than the data")
        return start + 4, int(count)

    def _follow(self, place: int) -> int:
        return int(place + struct.unpack_from("<I", self.data, place)[0])

    def _field(self, field: int) -> int:
        vtable = self.place - struct.unpack_from("<i", self.data, self.place)[0]
        size = struct.unpack_from("<H", self.data, vtable)[0] if vtable >= 0 else 0
        entry = 4 + 2 * field
        if entry + 2 > size:
            return 0
        (offset,) = struct.unpack_from("<H", self.data, vtable + entry)
        return self.place + offset if offset else 0


def _from_operators(model: Model) -> PictureScale | None:
    """Return the range that a model's first operators bring to one that networks work in."""
    floats = [t for t in model.main.inputs if t.dtype == "FLOAT32" and t.rank == 4]
    if len(floats) != 1:
        return None
    factor, offset = 1.0, 0.0
    for operator, number in _first_arithmetic(model, floats[0]):
        if operator.kind == "MUL":
            factor, offset = factor * number, offset * number
        elif operator.kind == "DIV":
            factor, offset = factor / number, offset / number
        else:
            offset += number if operator.kind == "ADD" else -number
    if (factor, offset) == (1.0, 0.0) or factor <= 0:
        return None
    for low, high in _RANGES:
        made = factor * low + offset, factor * high + offset
        if any(np.allclose(made, wanted, atol=_NEAR) for wanted in _WORKED_IN):
            return PictureScale.of_range(low, high)
    return None


def _first_arithmetic(model: Model, source: Tensor) -> Iterator[tuple[Operator, float]]:
    """Yield the operators at an input that compute with one number, and the number."""
    readers: dict[Tensor, list[Operator]] = model.main.consumers()
    tensor = source
    for _ in range(_MAX_STEPS):
        found = readers[tensor]
        if len(found) != 1 or found[0].is_custom or not found[0].outputs:
            return
        operator = found[0]
        if operator.kind not in ("RESHAPE", "TRANSPOSE"):
            number = _number(operator, tensor)
            if number is None:
                return
            yield operator, number
        tensor = operator.outputs[0]


def _number(operator: Operator, tensor: Tensor) -> float | None:
    if operator.kind not in ("ADD", "SUB", "MUL", "DIV") or operator.inputs[0] is not tensor:
        return None
    values: Any = None
    if operator.inputs[1] is not None and operator.inputs[1].is_constant:
        values = constant_values(operator.inputs[1])
    if values is None or values.dtype != np.float32 or not values.size:
        return None
    number = float(values.reshape(-1)[0])
    is_one = (values == values.reshape(-1)[0]).all() and np.isfinite(number)
    return number if is_one and (number != 0 or operator.kind not in ("DIV", "MUL")) else None


def _match(count: int, channels: int) -> bool:
    return count in (1, channels) or channels == 1


def _listed(values: Sequence[float]) -> str:
    return ",".join(f"{value:g}" for value in values) or "none"

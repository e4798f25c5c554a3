"""The parts of a drawing: an SVG element with a title, axes, and marks in the models' colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Axis", "Frame", "drawing", "label", "mark"]

_SHAPES = ("circle", "square", "diamond", "triangle")


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values and where they lie in a drawing.

    Attributes:
        low: value at ``start``.
        high: value at ``end``.
        start: place of ``low``, in units of the drawing.
        end: place of ``high``.
    """

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return where a value lies; values beyond the ends lie on them."""
        span = (self.high - self.low) or 1
        share = min(max((value - self.low) / span, 0), 1)
        return self.start + share * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Frame:
    """Two axes of a chart.

    Attributes:
        x: to the right.
        y: upwards: its ``start`` is below its ``end``.
    """

    x: Axis
    y: Axis

    def grid(self, values: Iterable[float], texts: Iterable[str]) -> str:
        """Draw level lines with their values on the left."""
        return "".join(
            f'<path class="grid" d="M{self.x.start:.1f} {self.y.place(value):.1f}'
            f'H{self.x.end:.1f}"/>'
            + label(text, self.x.start - 6, self.y.place(value) + 4, anchor="end", soft=True)
            for value, text in zip(values, texts, strict=True)
        )

    def ticks(self, values: Iterable[float], texts: Iterable[str]) -> str:
        """Write values below the chart, as far apart as they need to be."""
        drawn: list[str] = []
        free = 0.0
        for value, text in zip(values, texts, strict=True):
            place, half = self.x.place(value), 3.4 * len(text)
            if place - half >= free:
                drawn.append(label(text, place, self.y.start + 15, anchor="middle", soft=True))
                free = place + half + 4
        return "".join(drawn)


def drawing(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    """Return an SVG element that says what it shows."""
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )


def label(text: str, x: float, y: float, *, anchor: str = "start", soft: bool = False) -> str:
    """Return a text."""
    kind = ' class="soft"' if soft else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def mark(index: int, x: float, y: float, tip: str, *, size: float = 4) -> str:
    """Return the mark of a model, told apart by shape and colour, which tells its figures."""
    shape = _SHAPES[index % len(_SHAPES)]
    if shape == "circle":
        body = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}"'
    else:
        points = " ".join(f"{x + size * dx:.1f},{y + size * dy:.1f}" for dx, dy in _corners(shape))
        body = f'<polygon points="{points}"'
    return f'{body} class="mark c{index % 8}"><title>{escape(tip)}</title></{body[1:].split()[0]}>'


def _corners(shape: str) -> Sequence[tuple[float, float]]:
    if shape == "square":
        return ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9))
    if shape == "diamond":
        return ((0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0))
    return ((0, -1.2), (1.15, 0.85), (-1.15, 0.85))

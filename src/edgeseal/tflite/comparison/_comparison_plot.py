"""The errors of a comparison along the depth of the graph, as SVG."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby, takewhile

from edgeseal.tflite.comparison._compare import ComparedPart, Comparison, OperatorError
from edgeseal.tflite.metrics._error_sums import TensorError

__all__ = ["error_plot"]

_WIDTH, _HEIGHT = 1040, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 40, 96
_DECADES = 10  # shown below the largest error
_LOWEST = 1e-16  # below that, errors are rounding of double precision
_BANDS = 24  # modules along the axis that can still be read
_LABEL = 22  # characters
_LABEL_ROOM = 15  # between two of them
_LETTER = 5.6  # width of a character in a slanted label
_TICKS = 12  # operator numbers along the axis, where modules cannot be shown

# what names of tensors may have and no XML
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STYLE = """
svg { --ink: #1d2329; --soft: #6a7580; --line: #d9dee3; --band: #f3f5f7; --paper: #ffffff;
  --own: #c84e00; --leaving: #0064a8; --arriving: #7b8794; --bad: #b3123c; }
@media (prefers-color-scheme: dark) { svg { --ink: #e6eaee; --soft: #98a3ae; --line: #333b43;
  --band: #1b2127; --paper: #13181d; --own: #ff9d57; --leaving: #62b5f5; --arriving: #7d8995;
  --bad: #ff6b8a; } }
text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.soft { fill: var(--soft); font-size: 11px; }
.grid { stroke: var(--line); }
.band { fill: var(--band); }
.leaving { fill: none; stroke: var(--leaving); stroke-width: 1.6; stroke-linejoin: round; }
.arriving { fill: none; stroke: var(--arriving); stroke-width: 1; stroke-linejoin: round;
  stroke-dasharray: 3 2; }
.stem { stroke: var(--own); stroke-width: 1; opacity: .35; }
.own { fill: var(--own); }
.bad { stroke: var(--bad); stroke-width: 2; }
.hit { fill: transparent; }
.hit:hover { fill: var(--soft); fill-opacity: .18; }
"""


def error_plot(comparison: Comparison) -> str:
    """Return an SVG document: own, arriving and leaving error of every operator, light and dark.

    Errors are NSR on a logarithmic axis. Operators without error lie on the lower edge; those
    with values that are not finite, or that did not run, are marked at the upper edge.
    """
    text = "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
            f"<style>{_STYLE}</style>",
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="var(--paper)"/>',
            *_drawing(comparison),
            "</svg>\n",
        ]
    )
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where operators and errors lie; in units of the drawing."""

    count: int
    lowest: str  # what the lower edge stands for
    top: int  # decimal exponent of the upper edge
    decades: int

    @property
    def step(self) -> float:
        """Width of an operator."""
        return (_WIDTH - _LEFT - _RIGHT) / max(self.count, 1)

    def x(self, number: float) -> float:
        return _LEFT + (number + 0.5) * self.step

    def y(self, error: TensorError) -> float:
        """Return the height of an error; the edges are its limits."""
        if error.severity <= 0:
            return _HEIGHT - _BOTTOM
        exponent = min(math.log10(error.severity), self.top) if error.nsr else self.top
        share = min((self.top - exponent) / self.decades, 1)
        return _TOP + share * (_HEIGHT - _TOP - _BOTTOM)


def _drawing(comparison: Comparison) -> Iterator[str]:
    operators = comparison.operators
    scale = _scale(operators)
    yield from _bands(operators, scale) if _runs(operators) else _ticks(scale)
    yield from _axis(scale)
    yield from _stems(operators, scale)
    for part in (ComparedPart.ARRIVING, ComparedPart.LEAVING):
        yield f'<path class="{part.value}" d="{_path(operators, part, scale)}"/>'
    yield from _marks(operators, scale)
    yield from _hits(operators, scale)
    yield _legend()


def _scale(operators: Sequence[OperatorError]) -> _Scale:
    errors = [operator.part(part) for operator in operators for part in ComparedPart]
    sizes = [e.nsr for e in errors if e is not None and e.nsr is not None and e.nsr > _LOWEST]
    if not sizes:
        return _Scale(len(operators), "0", 0, 1)
    top, low = math.ceil(math.log10(max(sizes))), math.floor(math.log10(min(sizes)))
    decades = min(max(top - low, 1), _DECADES)
    return _Scale(len(operators), f"≤1e{top - decades:+03}", top, decades)


def _axis(scale: _Scale) -> Iterator[str]:
    height = (_HEIGHT - _TOP - _BOTTOM) / scale.decades
    for decade in range(scale.decades + 1):
        y = _TOP + decade * height
        exponent = scale.top - decade
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>'
        yield (
            f'<text class="soft" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{f'1e{exponent:+03}' if decade < scale.decades else scale.lowest}</text>"
        )
    yield f'<text x="12" y="{_TOP - 16}">NSR</text>'


def _bands(operators: Sequence[OperatorError], scale: _Scale) -> Iterator[str]:
    """Yield the modules along the axis, as deep as they can be told apart."""
    low = _HEIGHT - _BOTTOM
    free = 0.0  # where the next label has room
    for place, (name, first, count) in enumerate(_runs(operators)):
        x, width = _LEFT + first * scale.step, count * scale.step
        if place % 2 == 0:
            yield (
                f'<rect class="band" x="{x:.1f}" y="{_TOP}" width="{width:.1f}" '
                f'height="{low - _TOP}"/>'
            )
        middle = x + width / 2
        if middle < free:
            continue
        free = middle + _LABEL_ROOM
        longest = min(_LABEL, int(middle / _LETTER))
        label = name if len(name) <= longest else "…" + name[1 - longest :]
        yield (
            f'<text class="soft" text-anchor="end" transform="translate({middle + 4:.1f} '
            f'{low + 12}) rotate(-35)">{escape(label)}</text>'
        )


def _ticks(scale: _Scale) -> Iterator[str]:
    """Yield numbers of operators along the axis."""
    for number in range(0, scale.count, max(math.ceil(scale.count / _TICKS), 1)):
        yield (
            f'<text class="soft" x="{scale.x(number):.1f}" y="{_HEIGHT - _BOTTOM + 18}" '
            f'text-anchor="middle">{number}</text>'
        )


def _runs(operators: Sequence[OperatorError]) -> list[tuple[str, int, int]]:
    """Return runs of operators of one module: its name, the first operator, their number."""
    paths = [_segments(operator.module) for operator in operators]
    levels = zip(*(path for path in paths if path), strict=False)
    shared = sum(1 for _ in takewhile(lambda names: len(set(names)) == 1, levels))
    found: list[tuple[str, int, int]] = []
    for depth in range(shared + 1, max(map(len, paths), default=0) + 1):
        runs: list[tuple[str, int, int]] = []
        for name, run in groupby(range(len(paths)), key=lambda n: ".".join(paths[n][shared:depth])):
            numbers = list(run)
            runs.append((name, numbers[0], len(numbers)))
        if len(runs) > _BANDS:
            break
        found = runs
    return found


def _segments(module: str) -> list[str]:
    return module.replace("/", ".").split(".") if module else []


def _path(operators: Sequence[OperatorError], part: ComparedPart, scale: _Scale) -> str:
    """Return a line that is broken where nothing was measured."""
    steps: list[str] = []
    pen = "M"
    for operator in operators:
        error = operator.part(part)
        if error is None:
            pen = "M"
            continue
        steps.append(f"{pen}{scale.x(operator.number):.1f} {scale.y(error):.1f}")
        pen = "L"
    return "".join(steps)


def _stems(operators: Sequence[OperatorError], scale: _Scale) -> Iterator[str]:
    radius = min(max(scale.step / 3, 1.8), 4)
    for operator in operators:
        error = operator.part(ComparedPart.OWN)
        if error is None or error.is_exact:
            continue
        x, y = scale.x(operator.number), scale.y(error)
        yield f'<path class="stem" d="M{x:.1f} {_HEIGHT - _BOTTOM}V{y:.1f}"/>'
        yield f'<circle class="own" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'


def _marks(operators: Sequence[OperatorError], scale: _Scale) -> Iterator[str]:
    """Mark what did not run or is not finite."""
    for operator in operators:
        errors = [error for part in ComparedPart if (error := operator.part(part)) is not None]
        if operator.reading.message or any(error.not_finite for error in errors):
            x = scale.x(operator.number)
            yield f'<path class="bad" d="M{x - 4:.1f} {_TOP - 9}l8 8m0 -8l-8 8"/>'


def _hits(operators: Sequence[OperatorError], scale: _Scale) -> Iterator[str]:
    """Yield an area for each operator that tells its numbers when pointed at."""
    height = _HEIGHT - _TOP - _BOTTOM
    for operator in operators:
        x = _LEFT + operator.number * scale.step
        yield (
            f'<rect class="hit" x="{x:.1f}" y="{_TOP}" width="{scale.step:.2f}" '
            f'height="{height}"><title>{escape(_tooltip(operator))}</title></rect>'
        )


def _tooltip(operator: OperatorError) -> str:
    lines = [f"{operator.number} {operator.operator.kind}", operator.module]
    for part in ComparedPart:
        error = operator.part(part)
        lines.append(f"{part.value}: {'not measured' if error is None else error}")
    lines.append(operator.reading.message)
    return "\n".join(line for line in lines if line)


def _legend() -> str:
    x, y = _LEFT + 60, _TOP - 20
    return (
        f'<g transform="translate({x} {y})">'
        '<circle class="own" cx="0" cy="0" r="4"/><text x="10" y="4">own</text>'
        '<path class="arriving" d="M70 0h24"/><text x="100" y="4">arriving</text>'
        '<path class="leaving" d="M180 0h24"/><text x="210" y="4">leaving</text>'
        '<path class="bad" d="M286 -4l8 8m0 -8l-8 8"/>'
        '<text x="302" y="4">did not run, or not finite</text></g>'
    )

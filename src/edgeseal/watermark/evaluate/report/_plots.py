"""The plots of a report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgeseal.watermark.evaluate._intervals import ShareEstimate
from edgeseal.watermark.evaluate.attacks import FAMILIES
from edgeseal.watermark.evaluate.report._chart import Axis, Frame, drawing, label, mark
from edgeseal.watermark.evaluate.report._figures import bits_read
from edgeseal.watermark.evaluate.report._report import (
    AttackResult,
    EvaluationReport,
    LayerErrors,
    ModelResult,
)
from edgeseal.watermark.runtime import log10_p_value

__all__ = ["Panel", "attack_panels", "layer_panels", "p_value_panels", "percent", "tradeoff_panels"]

_WIDTH = 280
_LAYERS_SHOWN = 12
_LABEL = 36  # characters
_BINS = 28


@dataclass(frozen=True, slots=True)
class Panel:
    """A plot with its heading.

    Attributes:
        title: the heading.
        svg: the drawing.
        note: what it shows, in a sentence; may be empty.
    """

    title: str
    svg: str
    note: str = ""


def percent(estimate: ShareEstimate) -> str:
    """Return a share with its interval, in percent."""
    low, high = 100 * estimate.low, 100 * estimate.high
    return f"{100 * estimate.value:.2f} % [{low:.2f}, {high:.2f}]"


def attack_panels(report: EvaluationReport) -> list[Panel]:
    """Return bit accuracy by strength for each family, or by model where there is one strength."""
    families: dict[str, list[int]] = {}
    for index, attack in enumerate(report.results[0].attacks):
        families.setdefault(attack.family, []).append(index)
    values = [attack.bit_accuracy.low for result in report.results for attack in result.attacks]
    low = min(50, 10 * math.floor(10 * min(values)))
    return [_attack_panel(report.results, indices, low) for indices in families.values()]


def _attack_panel(results: Sequence[ModelResult], indices: list[int], low: int) -> Panel:
    first = results[0].attacks[indices[0]]
    if len(indices) == 1:
        return Panel(first.attack, _dots(results, indices[0], low))
    unit = FAMILIES[first.family.split(" + ")[0]].strength
    return Panel(first.family, _lines(results, indices, low), note=f"strength: {unit}")


def _dots(results: Sequence[ModelResult], index: int, low: int) -> str:
    height = 34 + 20 * len(results)
    frame = Frame(Axis(low, 100, 14, _WIDTH - 68), Axis(0, 1, height - 22, 8))
    parts = [
        f'<path class="grid" d="M{frame.x.place(value):.1f} 6V{height - 24}"/>'
        for value in range(low, 101, 10)
    ]
    parts.append(frame.ticks(range(low, 101, 10), [f"{value}" for value in range(low, 101, 10)]))
    for place, result in enumerate(results):
        accuracy, y = result.attacks[index].bit_accuracy, 18 + 20 * place
        x, left, right = (
            frame.x.place(100 * value) for value in (accuracy.value, accuracy.low, accuracy.high)
        )
        parts.append(f'<path class="line c{place % 8}" d="M{left:.1f} {y}H{right:.1f}"/>')
        parts.append(mark(place, x, y, f"{result.model}: {percent(accuracy)}"))
        parts.append(label(f"{100 * accuracy.value:.2f} %", _WIDTH - 2, y + 4, anchor="end"))
    name = results[0].attacks[index].attack
    return drawing(_WIDTH, height, f"Bits read after {name}, by model", parts)


def _lines(results: Sequence[ModelResult], indices: list[int], low: int) -> str:
    order = sorted(indices, key=lambda index: results[0].attacks[index].strength or 0)
    strengths = [results[0].attacks[index].strength or 0 for index in order]
    frame = Frame(Axis(strengths[0], strengths[-1], 48, _WIDTH - 12), Axis(low, 100, 150, 10))
    levels = range(low, 101, 10)
    parts = [frame.grid(levels, [f"{level} %" for level in levels])]
    parts.append(frame.ticks(strengths, [f"{strength:g}" for strength in strengths]))
    for place, result in enumerate(results):
        attacks = [result.attacks[index] for index in order]
        parts.append(_band(frame, strengths, attacks, place))
    for place, result in enumerate(results):
        attacks = [result.attacks[index] for index in order]
        points = [
            (frame.x.place(x), frame.y.place(100 * attack.bit_accuracy.value))
            for x, attack in zip(strengths, attacks, strict=True)
        ]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        parts.append(f'<path class="line c{place % 8} d{place % 4}" d="M{path}"/>')
        for (x, y), attack in zip(points, attacks, strict=True):
            tip = f"{result.model}, {attack.attack}: {percent(attack.bit_accuracy)}"
            parts.append(mark(place, x, y, tip, size=3))
    family = results[0].attacks[order[0]].family
    return drawing(_WIDTH, 172, f"Bits read after {family} by strength, one line a model", parts)


def _band(
    frame: Frame, strengths: Sequence[float], attacks: Sequence[AttackResult], place: int
) -> str:
    upper = [(x, attack.bit_accuracy.high) for x, attack in zip(strengths, attacks, strict=True)]
    lower = [(x, attack.bit_accuracy.low) for x, attack in zip(strengths, attacks, strict=True)]
    points = " ".join(
        f"{frame.x.place(x):.1f},{frame.y.place(100 * y):.1f}" for x, y in [*upper, *lower[::-1]]
    )
    return f'<polygon class="band c{place % 8}" points="{points}"/>'


def tradeoff_panels(report: EvaluationReport) -> list[Panel]:
    """Return accuracy over all attacks against size, and against time where it was measured."""
    accuracy = {result.model: result.overall.bit_accuracy for result in report.results}
    sizes = {model.name: model.size_bytes / 2**20 for model in report.models}
    panels = [Panel("Size and bits read", _scatter(sizes, accuracy, "MiB"), "left is smaller")]
    if report.speeds:
        measured = {speed.model: speed.median_ms for speed in report.speeds}
        times = {name: measured[name] for name in sizes}  # in the order that gives the colours
        svg = _scatter(times, accuracy, "ms a picture, one thread")
        panels.append(Panel("Time and bits read", svg, "left is faster"))
    return panels


def _scatter(values: dict[str, float], accuracy: dict[str, ShareEstimate], unit: str) -> str:
    shares = [100 * bound for name in values for bound in (accuracy[name].low, accuracy[name].high)]
    low, high = min(shares), max(shares)
    step = _step(high - low)
    low, high = step * math.floor(low / step), step * math.ceil(high / step + 1e-9)
    top = 1.12 * max(values.values())
    frame = Frame(Axis(0, top, 60, _WIDTH - 14), Axis(low, high, 170, 12))
    count = round((high - low) / step)
    levels = [low + i * step for i in range(count + 1)]
    parts = [frame.grid(levels, [f"{level:.{_digits(step)}f} %" for level in levels])]
    ticks = [_step(top) * i for i in range(math.floor(top / _step(top)) + 1)]
    parts.append(frame.ticks(ticks, [f"{tick:g}" for tick in ticks]))
    parts.append(label(unit, _WIDTH - 14, 202, anchor="end", soft=True))
    for place, (name, value) in enumerate(values.items()):
        share = accuracy[name]
        x = frame.x.place(value)
        ends = frame.y.place(100 * share.low), frame.y.place(100 * share.high)
        parts.append(f'<path class="line c{place % 8}" d="M{x:.1f} {ends[0]:.1f}V{ends[1]:.1f}"/>')
        tip = f"{name}: {value:.2f} {unit}, {percent(share)}"
        parts.append(mark(place, x, frame.y.place(100 * share.value), tip, size=5))
    return drawing(_WIDTH, 208, f"Bits read over all attacks against {unit}, by model", parts)


def p_value_panels(report: EvaluationReport) -> list[Panel]:
    """Return for each model how p-values of marked and unmarked pictures are spread."""
    return [Panel(result.model, _histogram(report, result)) for result in report.results]


def _histogram(report: EvaluationReport, result: ModelResult) -> str:
    bits = report.embedder.bits
    strength = [-log10_p_value(matching, bits) for matching in range(bits + 1)]
    counts = bits_read(report.marked, result.model)
    unmarked = [0.0] * _BINS
    attacked = [0.0] * _BINS

    def place(matching: int) -> int:
        return min(int(_BINS * strength[matching] / strength[-1]), _BINS - 1)

    for matching, count in enumerate(result.unmarked_counts):
        unmarked[place(matching)] += count / max(sum(result.unmarked_counts), 1)
    for matching in counts.ravel().tolist():
        attacked[place(matching)] += 1 / counts.size
    highest = max(*unmarked, *attacked)
    frame = Frame(Axis(0, strength[-1], 48, _WIDTH - 10), Axis(0, highest, 150, 12))
    levels = [highest * share for share in (0, 0.5, 1)]
    parts = [frame.grid(levels, [f"{100 * level:.0f} %" for level in levels])]
    parts += _bars(frame, unmarked, "unmarked", "unmarked pictures", strength[-1])
    parts += _bars(frame, attacked, "marked", "marked pictures, all attacks", strength[-1])
    for rate in result.rates:
        if rate.threshold.matching_bits <= bits:
            x = frame.x.place(strength[rate.threshold.matching_bits])
            parts.append(f'<path class="threshold" d="M{x:.1f} 12V150"/>')
            parts.append(label(f"{rate.threshold.rate:g}", x + 3, 21, soft=True))
    step = _step(strength[-1])
    ticks = [step * i for i in range(math.floor(strength[-1] / step) + 1)]
    parts.append(frame.ticks(ticks, [f"1e-{tick:g}" if tick else "1" for tick in ticks]))
    title = f"p-values of marked and unmarked pictures, {result.model}"
    return drawing(_WIDTH, 172, title, parts)


def _bars(
    frame: Frame, shares: Sequence[float], kind: str, name: str, last: float
) -> Iterator[str]:
    width = (frame.x.end - frame.x.start) / len(shares)
    for index, share in enumerate(shares):
        if share > 0:
            x, y = frame.x.start + index * width, frame.y.place(share)
            low, high = (last * side / len(shares) for side in (index, index + 1))
            yield (
                f'<rect class="{kind}" x="{x + 0.5:.1f}" y="{y:.1f}" width="{width - 1:.1f}" '
                f'height="{frame.y.start - y:.1f}"><title>{name}: {100 * share:.1f} % with p from '
                f"1e-{high:.1f} to 1e-{low:.1f}</title></rect>"
            )


def layer_panels(report: EvaluationReport) -> list[Panel]:
    """Return for each quantized model the modules that add most error."""
    return [
        Panel(layers.model, _layers(layers), f"against {layers.reference}")
        for layers in report.layers
    ]


def _layers(layers: LayerErrors) -> str:
    ranked = sorted(layers.modules, key=lambda module: -module.nsr)[:_LAYERS_SHOWN]
    shown = [module for module in layers.modules if module in ranked and module.nsr > 0]
    if not shown:
        return drawing(_WIDTH, 40, "no module adds an error", [label("no error", 10, 24)])
    exponents = [math.log10(module.nsr) for module in shown]
    low, high = math.floor(min(exponents)) - 0.2, math.ceil(max(exponents))
    height = 26 + 30 * len(shown)
    frame = Frame(Axis(low, high, 4, _WIDTH - 20), Axis(0, 1, height - 20, 4))
    decades = range(math.ceil(low), high + 1)
    parts = [
        f'<path class="grid" d="M{frame.x.place(decade):.1f} 4V{height - 20}"/>'
        for decade in decades
    ]
    parts.append(frame.ticks(decades, [f"1e{decade}" for decade in decades]))
    for place, (module, exponent) in enumerate(zip(shown, exponents, strict=True)):
        y = 6 + 30 * place
        parts.append(label(_tail(module.module), 4, y + 10))
        width = frame.x.place(exponent) - frame.x.start
        parts.append(
            f'<rect class="error" x="4" y="{y + 14}" width="{width:.1f}" height="9"><title>'
            f"NSR {module.nsr:.2e}</title></rect>"
        )
    title = f"Modules of {layers.model} that add most error, first ones on top"
    return drawing(_WIDTH, height, title, parts)


def _tail(name: str) -> str:
    """Return the end of a long name, which tells modules apart."""
    return name if len(name) <= _LABEL else "…" + name[1 - _LABEL :]


def _step(span: float) -> float:
    """Return a round distance of about four steps in a span."""
    rough = max(span, 1e-9) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)


def _digits(step: float) -> int:
    return max(0, -math.floor(math.log10(step) + 1e-9))

"""Pictures of what was found, by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeseal._files import replacing
from edgeseal.errors import MissingExtraError, UsageError
from edgeseal.tflite.tuning._recipe_search import Budget, TunedRecipe, TuneResult
from edgeseal.tflite.tuning._sensitivity import LayerCost

__all__ = ["PLOT_SUFFIXES", "check_plot", "plot_found", "plot_sensitivity"]

PLOT_SUFFIXES = (".png", ".svg")

_COLOURS = {"int4": "#c84e00", "int8": "#0064a8", "float16": "#7b8794"}
_LABELLED = 60  # layers along the axis that can still be read
_LEAST = 1e-9  # smallest error shown
_MIB = 2**20


def check_plot(path: Path) -> None:
    """Find out before any work whether a plot can be drawn.

    Raises:
        UsageError: the name ends in something else than .png or .svg.
        MissingExtraError: matplotlib is not installed.
    """
    if path.suffix.lower() not in PLOT_SUFFIXES:
        raise UsageError(f"{path}: a plot ends in {' or '.join(PLOT_SUFFIXES)}")
    _pyplot()


def plot_sensitivity(costs: Sequence[LayerCost], path: Path, *, overwrite: bool = False) -> None:
    """Draw what each layer costs at each precision, in the order of the graph.

    Raises:
        FileError: the file exists or cannot be written.
    """
    names = list(dict.fromkeys(cost.layer for cost in costs))
    figure, axes = _pyplot().subplots(figsize=(max(8, 0.17 * len(names) + 2), 5.5))
    for precision, colour in _COLOURS.items():
        own = [cost for cost in costs if cost.precision.startswith(precision)]
        for is_measured in (True, False):
            shown = [cost for cost in own if cost.is_measured is is_measured]
            if shown:
                axes.scatter(
                    [names.index(cost.layer) for cost in shown],
                    [max(cost.nmse_img, _LEAST) for cost in shown],
                    s=[12 + 240 * (cost.weights / max(c.weights for c in costs)) for cost in shown],
                    color=colour if is_measured else "none",
                    edgecolors=colour,
                    label=f"{precision}, {'measured' if is_measured else 'estimated'}",
                    alpha=0.8,
                )
    axes.set_yscale("log")
    axes.set_ylabel("NMSE(img) of the results")
    axes.set_title("What each layer costs when it alone is quantized (area: weights)")
    if len(names) <= _LABELLED:
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    else:
        axes.set_xlabel("layer, in the order of the graph")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(markerscale=0.6, fontsize=8, ncols=3)
    _save(figure, path, overwrite=overwrite)


def plot_found(
    found: TuneResult, budget: Budget, metric: str, path: Path, *, overwrite: bool = False
) -> None:
    """Draw size against drop, with the front, the budget and the winner.

    Raises:
        FileError: the file exists or cannot be written.
    """
    figure, axes = _pyplot().subplots(figsize=(8, 5.5))
    front = sorted(found.front, key=lambda one: one.trial.size_bytes)
    axes.plot(*_points(front), color="#0064a8", linewidth=1, label="front", zorder=1)
    axes.scatter(*_points(found.mixes), color="#0064a8", s=22, label="mixes", zorder=2)
    if found.fixed:
        axes.scatter(
            *_points(found.fixed), color="#c84e00", marker="s", s=36, label="fixed", zorder=3
        )
    for one in found.fixed:
        axes.annotate(one.name, _point(one), xytext=(6, 5), textcoords="offset points", fontsize=8)
    if found.winner is not None:
        axes.scatter(
            *_points([found.winner]), marker="*", s=220, color="#2a8f3c", zorder=4, label="winner"
        )
    if budget.max_size_bytes is not None:
        axes.axvline(budget.max_size_bytes / _MIB, color="#b3123c", linestyle="--", linewidth=1)
    if budget.max_drop_points is not None:
        axes.axhline(budget.max_drop_points, color="#b3123c", linestyle="--", linewidth=1)
    axes.set_yscale("symlog", linthresh=0.1)
    axes.set_xlabel("size of the file (MiB)")
    axes.set_ylabel(f"drop against float32 (points of {metric})")
    axes.set_title("Size and drop of what was measured; dashed: the budget")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    _save(figure, path, overwrite=overwrite)


def _point(one: TunedRecipe) -> tuple[float, float]:
    return one.trial.size_bytes / _MIB, one.drop_points


def _points(candidates: Sequence[TunedRecipe]) -> tuple[list[float], list[float]]:
    points = [_point(one) for one in candidates]
    return [x for x, _ in points], [y for _, y in points]


def _save(figure: Any, path: Path, *, overwrite: bool) -> None:
    with replacing(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, dpi=130, bbox_inches="tight", metadata=_metadata(path))
    _pyplot().close(figure)


def _metadata(path: Path) -> dict[str, None]:
    """Leave the date out, so that the same data give the same file."""
    return {"Date": None} if path.suffix.lower() == ".svg" else {}


def _pyplot() -> Any:
    try:
        import matplotlib
    except ModuleNotFoundError as error:
        raise MissingExtraError("drawing a plot", "evaluate") from error
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "edgeseal"
    from matplotlib import pyplot

    return pyplot

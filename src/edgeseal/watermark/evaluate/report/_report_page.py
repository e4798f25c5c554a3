"""The report as one HTML page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgeseal._files import write_text
from edgeseal.errors import MissingExtraError
from edgeseal.watermark.evaluate._intervals import ShareEstimate
from edgeseal.watermark.evaluate.report._baseline import Regression
from edgeseal.watermark.evaluate.report._chart import drawing, mark
from edgeseal.watermark.evaluate.report._examples import AMPLIFICATION, Examples
from edgeseal.watermark.evaluate.report._figures import ALL
from edgeseal.watermark.evaluate.report._plots import (
    attack_panels,
    layer_panels,
    p_value_panels,
    percent,
    tradeoff_panels,
)
from edgeseal.watermark.evaluate.report._report import Difference, EvaluationReport

__all__ = ["render_page", "write_page"]

_FOLDER = Path(__file__).parent / "page"


def render_page(
    report: EvaluationReport,
    examples: Examples | None = None,
    regressions: tuple[Regression, ...] = (),
) -> str:
    """Return the page.

    Args:
        report: what to show.
        examples: pictures to show.
        regressions: how it compares with an earlier report.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    try:
        import jinja2
        from markupsafe import Markup, escape
    except ModuleNotFoundError as error:
        raise MissingExtraError("the report", "evaluate") from error
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _FILTERS
    environment.filters["name"] = lambda name: Markup(str(escape(name)).replace("_", "_<wbr>"))
    return environment.get_template("report.html.j2").render(
        report=report,
        style=(_FOLDER / "report.css").read_text(encoding="utf-8"),
        rows=[_row(report, index) for index in range(len(report.models))],
        attack_panels=attack_panels(report),
        tradeoff_panels=tradeoff_panels(report),
        p_value_panels=p_value_panels(report),
        layer_panels=layer_panels(report),
        differences=[found for found in report.differences if found.attack == ALL],
        examples=examples,
        amplification=AMPLIFICATION,
        regressions=[found for found in regressions if found.attack == ALL or found.is_worse],
        swatch=_swatch,
    )


def write_page(
    report: EvaluationReport,
    path: Path,
    *,
    examples: Examples | None = None,
    regressions: tuple[Regression, ...] = (),
    overwrite: bool = False,
) -> None:
    """Write the page, whole or not at all.

    Raises:
        MissingExtraError: Jinja2 is not installed.
        OutputExistsError, FileError: as :func:`edgeseal._files.replacing`.
    """
    text = render_page(report, examples, regressions)
    write_text(path, text, overwrite=overwrite)


def _row(report: EvaluationReport, index: int) -> dict[str, Any]:
    """Return what the first table says of a model."""
    model, result = report.models[index], report.results[index]
    speeds = {speed.model: speed for speed in report.speeds}
    differences = {found.model: found for found in report.differences if found.attack == ALL}
    return {
        "model": model,
        "result": result,
        "clean": next((one for one in result.attacks if one.attack == "identity"), None),
        "speed": speeds.get(model.name),
        "difference": differences.get(model.name),
    }


def _points(difference: Difference) -> str:
    """Say a difference in a sentence; one that may be chance is called so."""
    points = difference.points
    half = (points.high - points.low) / 2
    if points.low <= 0 <= points.high:
        return (
            f"{difference.model} and {difference.reference} read alike as far as these pictures "
            f"tell: {points.value:+.2f} ± {half:.2f} points of bit accuracy"
        )
    verb = "gains" if points.value > 0 else "loses"
    return (
        f"{difference.model} {verb} {abs(points.value):.2f} ± {half:.2f} points of bit accuracy "
        f"against {difference.reference}"
    )


def _plain(estimate: ShareEstimate, digits: int = 2) -> str:
    low, high = f"{estimate.low:.{digits}f}", f"{estimate.high:.{digits}f}"
    return f"{estimate.value:.{digits}f} [{low}, {high}]"


def _swatch(index: int) -> str:
    return drawing(16, 16, "", [mark(index, 8, 8, "", size=6)])


_FILTERS: dict[str, Callable[..., str]] = {
    "percent": percent,
    "points": _points,
    "plain": _plain,
    "mib": lambda size: f"{size / 2**20:.2f}",
}

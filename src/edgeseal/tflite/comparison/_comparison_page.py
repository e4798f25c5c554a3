"""A comparison as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from edgeseal.tflite.comparison._compare import ComparedPart, Comparison, OperatorError
from edgeseal.tflite.comparison._comparison_plot import error_plot
from edgeseal.tflite.comparison._comparison_text import summary_lines

__all__ = ["comparison_page"]

_SHOWN = 100  # operators in the table
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1d2329; --soft: #6a7580; --line: #d9dee3;
  --paper: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaee; --soft: #98a3ae; --line: #333b43;
  --paper: #13181d; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin-top: 2rem; }
svg { width: 100%; height: auto; display: block; }
p.soft, td.soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
th { white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
"""


def comparison_page(comparison: Comparison) -> str:
    """Return a page with the summary, the plot and the operators of the largest own error."""
    title = f"{comparison.candidate.name} against {comparison.reference.name}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            *_summary(comparison),
            error_plot(comparison),
            *_table(comparison),
            "</body></html>\n",
        ]
    )


def _summary(comparison: Comparison) -> Iterator[str]:
    for line in summary_lines(comparison):
        yield f"<p>{escape(line)}</p>"
    yield (
        '<p class="soft">NSR, noise to signal: squared error / squared reference values. '
        "Own: with exact inputs. Arriving: of the inputs as they are. "
        "Leaving: of the results as they are.</p>"
    )


def _table(comparison: Comparison) -> Iterator[str]:
    ranked = comparison.ranked(ComparedPart.OWN)[:_SHOWN]
    heads = "".join(f'<th class="number">{part.value}</th>' for part in ComparedPart)
    yield f"<h2>Largest own errors ({len(ranked)} of {len(comparison.operators)} operators)</h2>"
    yield f'<table><thead><tr><th class="number">#</th><th>operator</th>{heads}<th>module</th>'
    yield "</tr></thead><tbody>"
    for operator in ranked:
        yield _row(operator)
    yield "</tbody></table>"


def _row(operator: OperatorError) -> str:
    errors = (operator.part(part) for part in ComparedPart)
    cells = "".join(f'<td class="number">{"-" if e is None else e}</td>' for e in errors)
    return (
        f'<tr><td class="number">{operator.number}</td><td>{escape(operator.operator.kind)}</td>'
        f'{cells}<td class="soft">{escape(operator.module)}</td></tr>'
    )

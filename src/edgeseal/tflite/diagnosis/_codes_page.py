"""The page of all codes, in Markdown."""

from __future__ import annotations

from edgeseal.tflite.diagnosis._codes import CODES, Code

__all__ = ["codes_page"]

_INTRODUCTION = """# Findings

What `edgeseal check` may find, written by `edgeseal check --codes`. A code keeps its meaning.
An **error** means that the installed LiteRT does not prepare or run the file, or that a device runs
it wrong; `check` then exits with 1. A **warning** costs accuracy, speed or portability.
`tests/tflite/diagnosis/fixtures.py` builds a model for each code.
"""


def codes_page() -> str:
    """Return the page ``docs/findings.md``."""
    rows = [
        "| code | level | | `repair` |",
        "|---|---|---|---|",
        *map(_row, CODES.values()),
    ]
    sections = [
        f"## {code.name}\n\n**{code.title}** ({code.level.value}). {code.cause}\n\n{code.remedy}\n"
        for code in CODES.values()
    ]
    return "\n".join([_INTRODUCTION, *rows, "", *sections])


def _row(code: Code) -> str:
    link = f"[{code.name}](#{code.name.lower()})"
    return f"| {link} | {code.level.value} | {code.title} | {'yes' if code.is_mendable else ''} |"

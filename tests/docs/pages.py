"""The commands that the documentation shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Block", "blocks", "pages", "programs"]

ROOT = Path(__file__).resolve().parents[2]

# A block of commands, and the reason why it is not run, where one stands before it.
_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+?) -->\n+)?^```(?:sh|console)\n(?P<body>.*?)^```",
    re.M | re.S,
)

_PROGRAM = re.compile(r"^```python\n(?P<body>.*?)^```", re.M | re.S)


@dataclass(frozen=True, slots=True)
class Block:
    """Commands that stand together.

    Attributes:
        where: page and number of the first line.
        script: the commands, for a shell.
        reason: why they are not run, or None.
    """

    where: str
    script: str
    reason: str | None


def pages() -> list[Path]:
    """Return the README and every page for users."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Return the blocks of commands of a page."""
    text = page.read_text()
    found = []
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("body")) + 1
        found.append(Block(f"{page.name}:{line}", match["body"], match["reason"]))
    return found


def programs(page: Path) -> list[str]:
    """Return the Python programs of a page; lines without an import are no program."""
    found = (match["body"] for match in _PROGRAM.finditer(page.read_text()))
    return [body for body in found if "import " in body]

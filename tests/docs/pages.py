"""The commands that the documentation shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Block", "blocks", "pages", "programs"]

ROOT = Path(__file__).resolve().parents[2]

# A block of commands or a program, and the reason why it is not run, where one stands before it.
_BLOCK = r"(?:<!-- not run: (?P<reason>[^\n]+?) -->\n+)?^```(?:%s)\n(?P<body>.*?)^```"
_COMMANDS = re.compile(_BLOCK % "sh|console", re.M | re.S)
_PROGRAM = re.compile(_BLOCK % "python", re.M | re.S)


@dataclass(frozen=True, slots=True)
class Block:
    """Commands that stand together, or a program.

    Attributes:
        where: page and number of the first line.
        script: the commands, for a shell, or the program.
        reason: why it is not run, or None.
    """

    where: str
    script: str
    reason: str | None


def pages() -> list[Path]:
    """Return the README and every page for users."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Return the blocks of commands of a page."""
    return _found(_COMMANDS, page)


def programs(page: Path) -> list[Block]:
    """Return the Python programs of a page; lines without an import are no program."""
    return [block for block in _found(_PROGRAM, page) if "import " in block.script]


def _found(pattern: re.Pattern[str], page: Path) -> list[Block]:
    text = page.read_text()
    found = []
    for match in pattern.finditer(text):
        line = text.count("\n", 0, match.start("body")) + 1
        found.append(Block(f"{page.name}:{line}", match["body"], match["reason"]))
    return found

"""Pages name files and rooms that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.pages import ROOT

PAGES = [
    ROOT / "CONTRIBUTING.md",
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "adr").glob("*.md")),
]
SOURCES = ROOT / "src" / "edgeseal"
ROOTS = (ROOT, SOURCES, SOURCES / "tflite" / "quantization")
# `a/b.py`, `_b.py`, `a/b/`, `b.py --option`; not the names that a reader is to choose
NAMED = re.compile(r"`((?:[a-z_]\w*/)*_?[a-z]\w*\.py|(?:[a-z_]\w*/)+)(?: [^`]*)?`")
MODULES = {path.name for path in SOURCES.rglob("*.py")}


def missing(text: str) -> list[str]:
    """Return the files and rooms that a text names and that there are not."""
    names = [match[1] for match in NAMED.finditer(text)]
    return [
        name
        for name in names
        if not any((root / name).exists() for root in ROOTS)
        and not ("/" not in name and name in MODULES)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_rooms_exist_when_a_page_names_them(page: Path) -> None:
    assert missing(page.read_text()) == []


def test_paths_that_are_gone_are_found() -> None:
    text = "`quantize/_plan.py`, `graph/`, `_nothing.py`, `tflite/graph/`, `_model.py`"
    assert missing(text) == ["quantize/_plan.py", "graph/", "_nothing.py"]


def test_decisions_have_a_status_with_a_date() -> None:
    for path in (ROOT / "docs" / "adr").glob("*.md"):
        assert re.search(r"^\*\*Status\.\*\* \w+, 2\d{3}-\d\d-\d\d", path.read_text(), re.M), path

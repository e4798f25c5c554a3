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
PATH = re.compile(r"`((?:\w+/)+(?:\w+\.py)?|_\w+\.py)(?: [^`]*)?`")
TOPS = {path.name for folder in (ROOT, SOURCES) for path in folder.iterdir()}
MODULES = {path.name for path in SOURCES.rglob("*.py")}


def missing(text: str) -> list[str]:
    """Return the files and rooms of ours that a text names and that there are not.

    Others, such as a folder that a reader is to make, are none of ours: ours start with what is at
    the root or in the package, or are modules of the package.
    """
    return [name for name in (match[1] for match in PATH.finditer(text)) if _is_missing(name)]


def _is_missing(name: str) -> bool:
    top, *rest = name.split("/")
    if not rest:
        return name not in MODULES
    if top not in TOPS and not rest[-1].startswith("_"):
        return False
    return not (ROOT / name).exists() and not (SOURCES / name).exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_rooms_exist_when_a_page_names_them(page: Path) -> None:
    assert missing(page.read_text()) == []


def test_paths_that_are_gone_are_found() -> None:
    text = (
        "`quantize/_plan.py`, `tflite/plan/`, `_nothing.py`, `tflite/graph/`, `_model.py`, `app/`"
    )
    assert missing(text) == ["quantize/_plan.py", "tflite/plan/", "_nothing.py"]


def test_decisions_have_a_status_with_a_date() -> None:
    for path in (ROOT / "docs" / "adr").glob("*.md"):
        assert re.search(r"^\*\*Status\.\*\* \w+, 2\d{3}-\d\d-\d\d", path.read_text(), re.M), path

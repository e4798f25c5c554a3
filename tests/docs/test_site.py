"""The documentation as a site."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from docs.pages import ROOT
from edgeseal.cli._app import app
from patience import HANG_S


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_in_the_navigation() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    listed = set(re.findall(r": (\S+\.md)$", text, re.M))
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= listed
    assert yaml.safe_load(text)["strict"] is True


def test_every_command_and_public_name_is_in_the_reference(site: Path) -> None:
    commands = (site / "reference" / "cli" / "index.html").read_text()
    for command in app.registered_commands:
        assert command.callback is not None
        assert f"Usage: edgeseal {command.callback.__name__}" in commands
    names = (site / "reference" / "api" / "index.html").read_text()
    for name in ("load_detector", "read_model", "Recipe", "measure_interleaved", "EdgesealError"):
        assert re.search(rf'id="edgeseal[.\w]*\.{name}"', names), name


def test_pages_ask_no_other_server_for_anything(site: Path) -> None:
    loaded = re.compile(r'<(?:script|img|link rel="(?:stylesheet|preload)")[^>]*"https?:')
    for page in site.rglob("*.html"):
        assert not loaded.search(page.read_text()), page

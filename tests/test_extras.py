"""The command that adds an extra names the place that Edgeseal was installed from."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest

from edgeseal._extras import install_command
from edgeseal.errors import MissingExtraError


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The record of an installation that is found before the one at work."""
    folder = tmp_path / "edgeseal-9.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: edgeseal\nVersion: 9\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder / "direct_url.json"


@pytest.mark.parametrize(
    ("record", "command"),
    [
        ({"url": "file:///home/me/seal", "dir_info": {}}, "pip install '/home/me/seal[npu]'"),
        (
            {"url": "file:///home/me/seal", "dir_info": {"editable": True}},
            "pip install -e '/home/me/seal[npu]'",
        ),
        (
            {"url": "file:///tmp/my%20files/edgeseal-9-py3-none-any.whl", "archive_info": {}},
            "pip install '/tmp/my files/edgeseal-9-py3-none-any.whl[npu]'",
        ),
        (
            {"url": "https://a.example/e.git", "vcs_info": {"vcs": "git", "commit_id": "12ab"}},
            "pip install 'edgeseal[npu] @ git+https://a.example/e.git@12ab'",
        ),
        (
            {"url": "https://a.example/edgeseal-9-py3-none-any.whl", "archive_info": {}},
            "pip install 'edgeseal[npu] @ https://a.example/edgeseal-9-py3-none-any.whl'",
        ),
    ],
    ids=["clone", "editable clone", "wheel", "repository", "wheel of a server"],
)
def test_extra_is_installed_from_where_edgeseal_came(
    record: dict[str, Any], command: str, installed: Path
) -> None:
    installed.write_text(json.dumps(record))
    assert install_command("npu") == command
    assert f"install it with `{command}`" in str(MissingExtraError("this", "npu"))


def test_extra_is_installed_by_name_when_edgeseal_came_from_an_index(installed: Path) -> None:
    assert not installed.exists()
    assert install_command("npu") == "pip install 'edgeseal[npu]'"


def test_extra_is_installed_from_the_clone_when_edgeseal_is_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    assert install_command("npu") == "pip install '.[npu]'"

"""Temporary files: gone after the work, and gone with the next run if their own was killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeseal import _leftovers
from edgeseal._files import replacing, write_text
from edgeseal._leftovers import scratch_folder

_WORK = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from edgeseal._files import replacing
from edgeseal._leftovers import scratch_folder
folder = Path({folder!r})
with replacing(folder / "out.txt", overwrite=False) as file, scratch_folder(folder) as scratch:
    file.write_text("half")
    (scratch / "a").write_text("half")
    print("ready", flush=True)
    sys.stdin.read()
"""


@contextmanager
def working(folder: Path) -> Iterator[subprocess.Popen[str]]:
    script = _WORK.format(path=sys.path, folder=str(folder))
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=pipe, stdout=pipe, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


@pytest.fixture(autouse=True)
def _as_a_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_leftovers, "_swept", set())


def test_next_run_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    with working(tmp_path) as process:
        process.kill()
    assert len(list(tmp_path.iterdir())) == 2
    write_text(tmp_path / "mine.txt", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_files_of_a_run_that_goes_on_are_left_alone(tmp_path: Path) -> None:
    with working(tmp_path) as process:
        write_text(tmp_path / "mine.txt", "whole")
        assert len(list(tmp_path.iterdir())) == 3
        process.communicate()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt", "out.txt"]


def test_files_of_other_names_are_left_alone(tmp_path: Path) -> None:
    for name in (".edgeseal-", ".edgeseal_run", "edgeseal-run_x", ".edgeseal.json"):
        (tmp_path / name).write_text("mine")
    (tmp_path / ".edgeseal-run_link").symlink_to(tmp_path / "edgeseal-run_x")
    write_text(tmp_path / "out.txt", "whole")
    assert len(list(tmp_path.iterdir())) == 6


def test_nothing_is_left_when_the_body_fails(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError),
        scratch_folder(tmp_path) as folder,
        replacing(tmp_path / "out.txt", overwrite=False) as file,
    ):
        file.write_text("half")
        (folder / "a").write_text("half")
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_text_is_written_when_a_name_in_it_is_no_utf8(tmp_path: Path) -> None:
    write_text(tmp_path / "out.html", "<p>caf\udce9.png")
    assert (tmp_path / "out.html").read_text(encoding="utf-8") == "<p>caf\\udce9.png"

"""What is said while something is drawn on the terminal."""

from __future__ import annotations

import io
import re

import pytest

from edgeseal.cli._shared import _console


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_note_has_a_line_of_its_own_when_something_is_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(_console, "open_stderr", lambda: terminal)
    monkeypatch.setenv("TERM", "xterm")
    with _console.busy("working"):
        _console.note("a note")
    with _console.picture_bar("pictures", 3):
        _console.note("another note")
    _console.note("the last note")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    lines = [line.strip() for line in re.split(r"[\r\n]", plain)]
    assert {"a note", "another note", "the last note"} <= set(lines)

"""What is said and drawn on the terminal, and where there is none."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator

import pytest
import typer

from edgeseal.cli._shared import _console, _interrupt


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    @property
    def plain(self) -> str:
        """What was written, without colours and moves."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    terminal = _Terminal()
    monkeypatch.setattr(_console, "open_stderr", lambda: terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return terminal


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As after Ctrl-C that another package swallowed."""
    monkeypatch.setattr(_interrupt, "_was_interrupted", True)
    yield


def test_note_has_a_line_of_its_own_when_something_is_drawn(terminal: _Terminal) -> None:
    with _console.busy("working"):
        _console.note("a note")
    with _console.picture_bar("pictures", 3):
        _console.note("another note")
    _console.note("the last note")
    lines = [line.strip() for line in re.split(r"[\r\n]", terminal.plain)]
    assert {"a note", "another note", "the last note"} <= set(lines)


def test_frames_are_counted_when_stderr_is_a_terminal(terminal: _Terminal) -> None:
    with _console.frame_bar("clip \x1b[2J.mp4") as report:
        report(3, 12)
    assert re.search(r"clip \\x1b\[2J\.mp4 .* 3/12 frames, \d+\.\d/s", terminal.plain)
    with _console.frame_bar("endless") as report:
        report(5, None)
    assert re.search(r"endless .* 5 frames, \d+\.\d/s", terminal.plain)


def test_pictures_are_counted_when_there_are_several(terminal: _Terminal) -> None:
    with _console.picture_bar("alone", 1) as advance:
        advance()
    assert terminal.getvalue() == ""
    with _console.picture_bar("pictures", 3) as advance:
        advance()
        advance()
    assert re.search(r"pictures .* 2/3 ", terminal.plain)


def test_text_of_what_goes_on_changes_when_stderr_is_a_terminal(terminal: _Terminal) -> None:
    with _console.busy("first") as say:
        say("then [b]this\t[/b]")
    assert "then [b]this\\t[/b]" in terminal.plain  # no markup, nothing that steers


def test_download_is_drawn_from_its_first_bytes_on(terminal: _Terminal) -> None:
    with _console.download_bar("weights.pth") as report:
        assert terminal.getvalue() == ""  # it may be in the cache
        report(0, 4 << 20)
        report(3 << 20, 4 << 20)
    assert re.search(r"downloading weights\.pth .* 3\.0/4\.0 MiB ", terminal.plain)


@pytest.mark.parametrize(
    ("total", "said"),
    [(3 << 19, "downloading it (1.50 MiB) ...\n"), (None, "downloading it ...\n")],
)
def test_download_is_one_line_when_stderr_is_no_terminal(
    total: int | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with _console.download_bar("it") as report:
        for done in range(3):
            report(done, total)
    assert capsys.readouterr() == ("", said)


def test_frames_and_pictures_are_silent_when_stderr_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with _console.frame_bar("clip") as report, _console.picture_bar("pictures", 5) as advance:
        report(1, 2)
        advance()
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("interrupted")
def test_work_stops_at_the_next_frame_when_an_interrupt_was_lost(
    monkeypatch: pytest.MonkeyPatch, terminal: _Terminal
) -> None:
    with pytest.raises(KeyboardInterrupt), _console.frame_bar("drawn") as report:
        report(1, 2)
    with pytest.raises(KeyboardInterrupt), _console.busy("drawn"):
        pass
    monkeypatch.setattr(_console, "open_stderr", io.StringIO)
    with pytest.raises(KeyboardInterrupt), _console.frame_bar("not drawn") as report:
        report(1, 2)


def test_rest_of_a_list_is_counted_below_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    table = _console.new_table("name")
    table.add_row("one")
    _console.print_table(table, of=3, rest="`--all` lists them")
    _console.print_table(table, of=1, rest="`--all` lists them")
    assert capsys.readouterr().out.count("and 2 more; `--all` lists them\n") == 1


def test_rule_of_a_table_is_of_signs_that_the_encoding_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", stream)
    table = _console.new_table("name")
    table.add_row("\N{SNOWMAN}")
    _console.print_table(table)
    stream.flush()
    written = stream.buffer.getvalue()  # type: ignore[attr-defined]
    assert b"----" in written
    assert b"\\u2603" in written


class _Bad:
    is_good = False

    def to_json(self) -> dict[str, object]:
        return {"value": 1}

    def __str__(self) -> str:
        return "not good"


@pytest.mark.parametrize("as_json", [False, True])
def test_status_is_one_and_notes_stay_off_stdout_when_a_result_is_not_good(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as stop, _console.saying(str.upper):
        _console.print_result("verb", _Bad(), as_json=as_json, notes=["a note"])
    assert stop.value.exit_code == 1
    out, err = capsys.readouterr()
    assert err == "A NOTE\n"
    if as_json:
        assert json.loads(out) == {"schema_version": 1, "command": "verb", "value": 1}
    else:
        assert out == "not good\n"
    _console.note("a note")
    assert capsys.readouterr().err == "a note\n"


def test_json_is_refused_when_it_would_hold_what_json_has_not() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        _console.print_json("verb", {"value": float("nan")})

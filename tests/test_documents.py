"""Documents that anybody may have written: read within limits, refused in one line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import fuzz_documents
from edgeseal._documents import DocumentError, check_bounds, parse_json, parse_yaml, read_document
from edgeseal.errors import FileError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nested deeper than 64 levels"),
        ("[" * 66 + "]" * 66, "nested deeper than 64 levels"),
        ("1" * 6000, "an integer of more than 20 digits"),
        ("[-" + "1" * 21 + "]", "an integer of more than 20 digits"),
        ("1e400", "a number beyond those of 64 bits"),
        ('{"a": NaN}', "has NaN, which is no number of JSON"),
        ("{", "Expecting property name"),
        (b"\xff{}", "no text in UTF-8 at byte 0"),
    ],
)
def test_json_is_refused_in_one_line_when_it_is_beyond_the_limits(
    text: str | bytes, words: str
) -> None:
    with pytest.raises(DocumentError, match=words) as caught:
        parse_json(text)
    assert "\n" not in str(caught.value)


def test_json_is_read_as_ever_when_it_is_within_the_limits() -> None:
    values = [0, -(2**63), 2**64 - 1, 1.5e308, 5e-324, None, True, "a", {"b": [[]] * 3}]
    assert parse_json(json.dumps(values)) == values
    assert parse_json("[" * 64 + "]" * 64)
    assert parse_json("[Infinity]", allow_nan=True) == [float("inf")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &a [x, x]\n" + "".join(f"{c}: [*a, *a]\n" for c in "bcdefghij"), "16 aliases"),
        ("&a [*a]", "nested deeper than 64 levels"),
        ("[" * 500 + "]" * 500, "nested deeper than 64 levels"),
        ("a: " + "1" * 6000, "digits"),
        ("a: 0x" + "f" * 50, "an integer of more than 20 digits"),
        ("a: 2001-99-99", "month must be in"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        ("a: [", "expected the node content"),
        ("x" * 300_000, "characters or less"),
    ],
)
def test_yaml_is_refused_in_one_line_when_it_is_beyond_the_limits(text: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words) as caught:
        parse_yaml(text)
    assert "\n" not in str(caught.value)


def test_yaml_is_read_as_ever_when_it_is_within_the_limits() -> None:
    assert parse_yaml("a: &x [1, 2.5]\nb: *x\nc: {d: null}") == {
        "a": [1, 2.5],
        "b": [1, 2.5],
        "c": {"d": None},
    }


def test_dictionary_is_refused_when_it_holds_itself() -> None:
    value: dict[str, object] = {}
    value["a"] = [value]
    with pytest.raises(DocumentError, match="nested deeper"):
        check_bounds(value)


def test_pipe_is_refused_at_once_when_given_as_a_document(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    with pytest.raises(FileError, match="is a pipe or a device"):
        read_document(pipe)
    with pytest.raises(FileError, match="is a pipe or a device"):
        read_document(Path("/dev/zero"))
    with pytest.raises(FileError, match="is a folder"):
        read_document(tmp_path)


def test_file_is_refused_when_it_is_longer_than_any_such_document(tmp_path: Path) -> None:
    path = tmp_path / "long.json"
    path.write_bytes(b" " * 11)
    assert read_document(path, limit_bytes=11) == b" " * 11
    with pytest.raises(FileError, match="expected 10 bytes or less"):
        read_document(path, limit_bytes=10)


def test_every_reader_ends_in_one_line_when_documents_are_damaged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["fuzz_documents.py", "--count", "300"])
    with pytest.raises(SystemExit) as ended:
        fuzz_documents.main()
    assert ended.value.code == 0, capsys.readouterr().out

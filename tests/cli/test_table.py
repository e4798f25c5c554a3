"""Tables fit the line: nothing in a cell is ever broken."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from edgeseal.cli._shared import _console
from edgeseal.cli._shared._table import Table, lines_of, new_table


def _models() -> Table:
    table = new_table("#", "kind", "ms", "module", "why", right=("#", "ms"), names=("module",),
                      texts=("why",))  # fmt: skip
    table.add_row(1, "ADD", "0.1", "encoder.layers.0.attention.products.query", "it is " * 9)
    table.add_row(22, "CONV_2D", "12.3", "neck", "")
    return table


def test_table_is_one_line_a_row_when_nothing_limits_it() -> None:
    lines = list(lines_of(_models(), None))
    assert len(lines) == 4
    assert lines[0].split() == ["#", "kind", "ms", "module", "why"]
    assert set(lines[1]) == {"-"}
    assert "encoder.layers.0.attention.products.query" in lines[2]
    assert lines[3].startswith("22  CONV_2D  12.3  neck")


def test_names_keep_their_ends_when_a_line_is_too_long() -> None:
    table = new_table("module", "ms", right=("ms",), names=("module",))
    table.add_row("encoder.layers.0.attention.products.query", "0.1")
    lines = list(lines_of(table, 30))
    assert lines[2] == "...tention.products.query" + "  " + "0.1"
    assert len(lines[2]) == 30


def test_texts_move_below_their_row_when_names_alone_cannot_make_room() -> None:
    lines = list(lines_of(_models(), 45))
    assert "why" not in lines[0]
    assert max(map(len, lines)) <= 45
    below = [line for line in lines if line.startswith("  it is")]
    assert " ".join(" ".join(lines[3:5]).split()) == ("it is " * 9).strip()
    assert below
    assert lines[-1].startswith("22")


def test_columns_follow_with_the_keys_again_when_they_do_not_fit() -> None:
    names = [f"column {number}" for number in range(12)]
    table = new_table("model", "engine", *names, right=names, keys=2)
    table.add_row("a", "LiteRT", *range(12))
    table.add_row("b", "LiteRT", *range(100, 112))
    lines = list(lines_of(table, 60))
    assert max(map(len, lines)) <= 60
    heads = [line for line in lines if line.startswith("model")]
    assert len(heads) > 1
    assert " ".join(" ".join(heads).split()).count("column") == 12
    cells = [cell for line in lines if line.startswith("b") for cell in line.split()[2:]]
    assert cells == [str(number) for number in range(100, 112)]


def test_wide_letters_are_counted_as_the_terminal_shows_them() -> None:
    table = new_table("name", "n", right=("n",))
    table.add_row("水印", 1)
    table.add_row("abcd", 22)
    ends = {cell_len(line) for line in list(lines_of(table, None))[2:]}
    assert len(ends) == 1


def test_path_stays_whole_when_it_is_longer_than_a_line() -> None:
    table = new_table("file", "size", right=("size",), texts=("file",))
    path = "/".join(["a-long-folder"] * 9)
    table.add_row(path, "1 MiB")
    assert f"  {path}" in list(lines_of(table, 80))


def test_nothing_steers_the_terminal_when_a_cell_holds_control_characters() -> None:
    table = new_table("name")
    table.add_row("a\x1b[31m\nb")
    assert list(lines_of(table, None))[2] == "a\\x1b[31m b"


def test_row_is_refused_when_it_has_too_few_cells() -> None:
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        new_table("a", "b").add_row("a")


def test_rest_is_counted_when_a_list_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    table = new_table("#")
    table.add_row(1)
    _console.print_table(table, of=588, rest="--all lists them")
    assert capsys.readouterr().out.endswith("1\nand 587 more; --all lists them\n")


def test_table_is_as_wide_as_the_terminal_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "45")
    _console.print_table(_models())
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 45
    monkeypatch.delenv("COLUMNS")
    _console.print_table(_models())
    assert max(map(len, capsys.readouterr().out.splitlines())) > 100

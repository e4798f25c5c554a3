"""Tables: one style, and as wide as the terminal at most."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from edgeseal.cli._shared._text import printable

__all__ = ["Table", "lines_of", "new_table", "width_of_output"]

_GAP = "  "
_SHORTEST_NAME = 16
_NARROWEST = 40  # columns; a terminal that says less does not know


@dataclass(slots=True)
class Table:
    """Rows of cells, none of which is ever broken into lines.

    Where the columns do not fit, names lose their beginning first, then texts move to lines of
    their own below their row, then the columns that are left over follow in a table below, with
    the keys again.

    Attributes:
        columns: the headings.
        right: columns of numbers.
        names: columns of long names, told apart by their ends.
        texts: columns of sentences, paths and lists.
        keys: number of columns that say what a row is about.
        rows: the cells of each row.
    """

    columns: tuple[str, ...]
    right: frozenset[str]
    names: frozenset[str]
    texts: frozenset[str]
    keys: int
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add_row(self, *cells: object) -> None:
        """Append a row; None makes an empty cell."""
        texts = ("" if cell is None else str(cell) for cell in cells)
        row = tuple(printable(text.replace("\n", " ")) for text in texts)
        if len(row) != len(self.columns):
            raise ValueError(f"{len(row)} cells for {len(self.columns)} columns")
        self.rows.append(row)


def new_table(
    *columns: str,
    right: Sequence[str] = (),
    names: Sequence[str] = (),
    texts: Sequence[str] = (),
    keys: int = 1,
) -> Table:
    """Return an empty table; see :class:`Table`."""
    return Table(columns, frozenset(right), frozenset(names), frozenset(texts), keys)


def width_of_output() -> int | None:
    """Return how many letters of stdout's lines are seen; None in a file or a pipe."""
    if "COLUMNS" not in os.environ and not sys.stdout.isatty():
        return None
    return max(_NARROWEST, shutil.get_terminal_size().columns)


def lines_of(table: Table, width: int | None, *, rule: str = "-") -> Iterator[str]:
    """Lay a table out.

    Args:
        table: the table.
        width: letters in a line; None for any number.
        rule: what the line below the headings is made of.
    """
    widths = _widths(table)
    shown = list(range(len(table.columns)))
    below: list[int] = []
    if width is not None:
        for index in shown:
            if table.columns[index] in table.names:
                spare = _total(widths, shown) - width
                widths[index] -= min(max(0, spare), max(0, widths[index] - _SHORTEST_NAME))
        if _total(widths, shown) > width:
            below = [index for index in shown if table.columns[index] in table.texts]
            shown = [index for index in shown if index not in below]
    for number, block in enumerate(_blocks(widths, shown, table.keys, width)):
        yield from _block(table, widths, block, below if number == 0 else [], width, rule)


def _widths(table: Table) -> list[int]:
    from rich.cells import cell_len

    columns = zip(table.columns, *table.rows, strict=True)
    return [max(map(cell_len, column)) for column in columns]


def _total(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[index] for index in shown) + len(_GAP) * (len(shown) - 1)


def _blocks(
    widths: Sequence[int], shown: list[int], keys: int, width: int | None
) -> Iterator[list[int]]:
    """Divide columns among tables that fit, each of which has the keys."""
    block, is_empty = shown[:keys], True
    for index in shown[keys:]:
        if width is not None and not is_empty and _total(widths, [*block, index]) > width:
            yield block
            block = shown[:keys]
        block, is_empty = [*block, index], False
    yield block


def _block(
    table: Table,
    widths: Sequence[int],
    shown: Sequence[int],
    below: Sequence[int],
    width: int | None,
    rule: str,
) -> Iterator[str]:
    yield _line(table, widths, shown, table.columns)
    yield rule * min(_total(widths, shown), width or sys.maxsize)
    for row in table.rows:
        yield _line(table, widths, shown, row)
        for index in below:
            # Words stay whole, to be copied: paths and names are longer than a line now and then.
            yield from textwrap.wrap(
                row[index],
                width or sys.maxsize,
                initial_indent=_GAP,
                subsequent_indent=_GAP * 2,
                break_long_words=False,
                break_on_hyphens=False,
            )


def _line(table: Table, widths: Sequence[int], shown: Sequence[int], row: Sequence[str]) -> str:
    from rich.cells import cell_len

    cells = []
    for index in shown:
        cell = row[index]
        if cell_len(cell) > widths[index]:
            cell = "..." + cell[-(widths[index] - 3) :]
        space = " " * (widths[index] - cell_len(cell))
        cells.append(space + cell if table.columns[index] in table.right else cell + space)
    return _GAP.join(cells).rstrip()

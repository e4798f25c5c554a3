"""Whether two folders hold the same ``.tflite`` files, but for versions and what notes say.

::

    python benchmarks/same_files.py BEFORE AFTER

Made to show that a change of the library leaves what it writes alone. Before files are compared
byte by byte, what may differ is taken out of both: the versions of operators become the lowest that
they need, the order of their codes in the file goes, and so do the entries of metadata that
Edgeseal writes, and in the names of tensors the paths of Edgeseal's modules, which change when a
module moves. Exit status 1 where a file differs, or is in one folder only.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from edgeseal.tflite.graph import read_model, serialize

_OURS = "edgeseal"  # what the names of our metadata begin with
_MODULE = re.compile(r"\bedgeseal\.[\w.]*\.")  # before the name of a class


def normalized(path: Path) -> bytes:
    """Return a file's bytes without what may differ."""
    model = read_model(path)
    for operator in model.operators():
        if operator.needed_version is not None:
            operator.stated = None
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors():
            tensor.name = _MODULE.sub("", tensor.name)
    model.code_order.clear()
    model.metadata = {
        name: blob for name, blob in model.metadata.items() if not name.startswith(_OURS)
    }
    return serialize(model)


def compare(before: Path, after: Path) -> dict[str, str]:
    """Return what became of each file, by its path in the folders: "same" where it is that."""
    names = {
        str(path.relative_to(folder))
        for folder in (before, after)
        for path in folder.rglob("*.tflite")
    }
    return {name: _verdict(before / name, after / name) for name in sorted(names)}


def _verdict(before: Path, after: Path) -> str:
    for path, verdict in ((before, "new"), (after, "gone")):
        if not path.exists():
            return verdict
    old, new = normalized(before), normalized(after)
    if old == new:
        return "same"
    if len(old) != len(new):
        return f"differs: {len(new) - len(old):+,} bytes"
    first = next(place for place, pair in enumerate(zip(old, new, strict=True)) if len({*pair}) > 1)
    return f"differs from byte {first:,}"


def main(arguments: list[str] | None = None) -> int:
    """Compare, print a table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    given = parser.parse_args(arguments)
    verdicts = compare(given.before, given.after)
    table = Table("file", "after")
    for name, verdict in verdicts.items():
        table.add_row(name, verdict)
    Console().print(table)
    different = sum(verdict != "same" for verdict in verdicts.values())
    print(f"{len(verdicts) - different} of {len(verdicts)} files are the same")
    return int(different > 0 or not verdicts)


if __name__ == "__main__":
    sys.exit(main())

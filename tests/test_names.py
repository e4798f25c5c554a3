"""One name, one thing: public classes and modules are not called alike across the package."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import edgeseal

ROOT = Path(edgeseal.__file__).parent
NETWORKS = {"_carrier", "_convnext", "_unet", "_vit"}
"""Networks that ``models`` defines as upstream has them, and ``convert`` as they are exported."""


def modules() -> list[Path]:
    """Return the modules of packages; other files are programs that are handed out."""
    found = (path for path in sorted(ROOT.rglob("*.py")) if path.name != "__init__.py")
    return [path for path in found if (path.parent / "__init__.py").exists()]


def test_no_public_class_name_is_used_twice() -> None:
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path.relative_to(ROOT)))
    assert len(homes) > 100
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_modules_of_rooms_have_names_of_their_own() -> None:
    verbs = {path.stem for path in (ROOT / "cli").glob("_*.py")}  # each with its work in a room
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for path in modules():
        room = path.relative_to(ROOT).parent
        if room.parts[:1] != ("cli",) and path.stem not in verbs:
            homes[path.stem].append(str(room))
    assert len(homes) > 100
    shared = {name: rooms for name, rooms in homes.items() if len(rooms) > 1}
    assert shared == {name: ["watermark/convert", "watermark/models"] for name in NETWORKS}


LONGEST = 40  # lines of a function without its head and docstring


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return 0 if not body else (node.end_lineno or 0) - body[0].lineno + 1


def test_no_function_is_long() -> None:
    lengths = {
        f"{path.relative_to(ROOT)}: {node.name}": _lines(node)
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(lengths) > 1000
    assert {name: count for name, count in lengths.items() if count > LONGEST} == {}


def test_no_file_is_long() -> None:
    sizes = {path.name: len(path.read_text().splitlines()) for path in modules()}
    assert {name: count for name, count in sizes.items() if count > 500} == {}

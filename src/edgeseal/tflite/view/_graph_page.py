"""One self-contained page that shows a model's graph."""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.resources
import json
import re
from pathlib import Path

from edgeseal._files import write_text
from edgeseal._version import __version__
from edgeseal.tflite.graph import Model
from edgeseal.tflite.view._content import page_content
from edgeseal.tflite.view._layout_library import layout_library
from edgeseal.tflite.view._overlay import Overlay

__all__ = ["render_page", "write_page"]

_SCRIPTS = (
    "model", "layout", "colour", "scene", "viewport", "panel", "search", "app", "controls", "links",
)  # fmt: skip
_STYLES = ("colours", "graph", "panel", "page")
_PLACE = re.compile(r"@@(\w+)@@")


def render_page(model: Model, path: Path, overlay: Overlay | None = None) -> str:
    """Return an HTML page with a model's graph in it; it needs no network and holds no weights.

    Args:
        model: what to show.
        path: the file it was read from, for name and size.
        overlay: findings and numbers to show with it.

    Raises:
        MissingExtraError: the layout library is not installed.
    """
    library = layout_library()
    layout = f"\n{library.licences}\n{library.script}\n"
    program = f"\n{_program()}\n"
    style = "\n".join(_part(f"{name}.css") for name in _STYLES)
    content = page_content(model, path, overlay or Overlay())
    parts = {
        "policy": _policy(scripts=(layout, program), style=style),
        "generator": f"edgeseal {__version__}",
        "title": html.escape(path.name),
        "style": style,
        "data": _json(content),
        "layout": layout,
        "program": program,
    }
    # In one pass: what is filled in is never searched for places.
    return _PLACE.sub(lambda place: parts[place[1]], _part("page.html"))


def write_page(
    model: Model,
    path: Path,
    output: Path,
    *,
    overlay: Overlay | None = None,
    overwrite: bool = False,
) -> None:
    """Write the page of :func:`render_page` to a file, whole or not at all.

    Raises:
        MissingExtraError: the layout library is not installed.
        FileError: the file cannot be written, or exists and ``overwrite`` is False.
    """
    text = render_page(model, path, overlay)
    write_text(output, text, overwrite=overwrite)


def _part(name: str) -> str:
    folder = importlib.resources.files("edgeseal.tflite.view") / "page"
    return (folder / name).read_text(encoding="utf-8")


def _program() -> str:
    sources = "\n".join(_part(f"{name}.js") for name in _SCRIPTS)
    return f'(() => {{\n"use strict";\n{sources}\nnew App(readData()).start();\n}})();'


def _policy(*, scripts: tuple[str, ...], style: str) -> str:
    """Allow what the page itself is made of and nothing else: no network, no other scripts."""
    hashes = " ".join(map(_hash, scripts))
    return (
        f"default-src 'none'; script-src {hashes}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _json(content: object) -> str:
    """Return JSON that cannot end the element it stands in, whatever names a model holds."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

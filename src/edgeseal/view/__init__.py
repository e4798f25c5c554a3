"""One self-contained HTML page that shows the graph of any ``.tflite`` file."""

from edgeseal.view._library import require_library
from edgeseal.view._overlay import Combine, FindingNote, Measure, Overlay
from edgeseal.view._page import render_page, write_page

__all__ = [
    "Combine",
    "FindingNote",
    "Measure",
    "Overlay",
    "render_page",
    "require_library",
    "write_page",
]

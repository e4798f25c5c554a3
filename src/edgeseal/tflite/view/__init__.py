"""One self-contained HTML page that shows the graph of any ``.tflite`` file."""

from edgeseal.tflite.view._graph_page import render_page, write_page
from edgeseal.tflite.view._layout_library import require_library
from edgeseal.tflite.view._overlay import Combine, FindingNote, Measure, Overlay

__all__ = [
    "Combine",
    "FindingNote",
    "Measure",
    "Overlay",
    "render_page",
    "require_library",
    "write_page",
]

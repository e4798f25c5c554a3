"""The process in which items are decoded and read: what crashes there is one of many."""

from __future__ import annotations

from collections.abc import Sequence

from edgeseal.tflite.workers import serve
from edgeseal.watermark.scan._choice import Item
from edgeseal.watermark.scan._read_item import Reading, read_item
from edgeseal.watermark.scan._scan_row import PartRow, ScanRow

__all__ = ["main"]


def main() -> None:
    """Answer until nobody asks any more."""
    serve(_answer)


def _answer(request: tuple[Reading, Sequence[Item]]) -> list[ScanRow | PartRow]:
    reading, items = request
    return [read_item(reading, item) for item in items]


if __name__ == "__main__":
    main()

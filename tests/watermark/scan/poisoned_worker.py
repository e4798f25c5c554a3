"""A worker that dies over some items, as native code does."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from edgeseal.tflite.workers import serve
from edgeseal.watermark.scan import Item, Reading, ScanRow, read_item
from edgeseal.watermark.scan._scan_row import PartRow


def answer(request: tuple[Reading, Sequence[Item]]) -> list[ScanRow | PartRow]:
    reading, items = request
    return [answer_one(reading, item) for item in items]


def answer_one(reading: Reading, item: Item) -> ScanRow | PartRow:
    if item.is_video and item.part is None:
        return read_item(reading, item)
    content = Path(item.content).read_bytes() if isinstance(item.content, str) else item.content
    if content.startswith(b"poison") or (item.part is not None and item.part.index == 1):
        os.kill(os.getpid(), signal.SIGSEGV)
    if content.startswith(b"once "):  # whoever killed that worker meant another
        mark = Path(content.removeprefix(b"once ").decode())
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if content.startswith(b"slow"):
        time.sleep(600)
    return read_item(reading, item)


if __name__ == "__main__":
    serve(answer)

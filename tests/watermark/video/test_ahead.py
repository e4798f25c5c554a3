"""Threads that work ahead end with their reader, and never outlive what they use."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeseal.watermark.video._ahead import ahead
from edgeseal.watermark.video._reader import VideoReader
from patience import HANG_S
from watermark.video.conftest import Clip


def test_items_come_in_order_and_failures_after_them() -> None:
    def items() -> Iterator[int]:
        yield from range(10)
        raise ValueError("no more")

    seen = []
    with pytest.raises(ValueError, match="no more"):
        for item in ahead(items(), 3):
            seen.append(item)
    assert seen == list(range(10))


def test_thread_ends_and_closes_its_items_when_the_reader_stops() -> None:
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    with contextlib.closing(ahead(items(), 2)) as found:
        assert next(found) == 1
    assert closed.is_set()
    assert not [t for t in threading.enumerate() if t.name == "edgeseal-video"]


def test_file_is_closed_after_the_step_that_a_thread_is_in(clip: Clip) -> None:
    """An interrupt may come while the thread is waited for, and the file is closed all the same."""
    inside, go_on = threading.Event(), threading.Event()
    order: list[str] = []
    reader = VideoReader(clip(frames=3))
    real = reader.container

    class Slow:
        format, duration, start_time = real.format, real.duration, real.start_time

        def demux(self) -> Iterator[object]:
            for packet in real.demux():
                inside.set()
                go_on.wait(HANG_S)
                order.append("step")
                yield packet

        def close(self) -> None:
            order.append("close")
            real.close()

    reader.container = Slow()
    found: list[object] = []
    decoding = threading.Thread(target=lambda: found.extend(reader.items(strict=True)))
    decoding.start()
    assert inside.wait(HANG_S)
    closing = threading.Thread(target=reader.close)
    closing.start()
    go_on.set()
    decoding.join(HANG_S)
    closing.join(HANG_S)
    assert order[-1] == "close"
    assert order.count("close") == 1
    assert len(found) <= 3


LEFT_BEHIND = """
import itertools, sys
sys.path.insert(0, sys.argv[1])
from edgeseal.watermark.video._ahead import ahead
kept = ahead(itertools.count(), 2)
next(kept)
sys.modules["left"] = kept  # nothing closes it before the interpreter ends
"""


def test_program_ends_when_a_thread_was_left_behind() -> None:
    source = Path(sys.modules["edgeseal"].__file__ or "").parents[1]
    done = subprocess.run(
        [sys.executable, "-c", LEFT_BEHIND, str(source)],
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert (done.returncode, done.stderr) == (0, "")

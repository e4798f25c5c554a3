"""Long videos: read in parts by several workers, runs and shards, with one row in the end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import av
import numpy as np
import pytest

import edgeseal
from edgeseal._progress import Progress
from edgeseal.errors import FileError
from edgeseal.watermark.scan import _scan_pool as pool
from edgeseal.watermark.scan._scan_parts import video_table
from edgeseal.watermark.verbs import _scan as verb
from pairs import Pair
from patience import HANG_S
from watermark.scan.test_scan import Scan, rows, scan

__all__ = ["scan"]

PARTS = 6


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5, options={"g": "4", "crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(5 * PARTS):
            pixels = np.full((48, 64, 3), 90 + 3 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "_PART_S", 1.0)


def test_row_is_that_of_the_whole_when_a_video_is_read_in_parts(
    scan: Scan, pair96: Pair, clip: Path, tmp_path: Path
) -> None:
    found = scan(clip, workers=2)
    assert (found.items, found.written, found.verdicts) == (1, 1, {"absent": 1})
    (row,) = rows(tmp_path / "out")
    (oracle,) = edgeseal.detect(clip, model=pair96.detector).results
    assert oracle.detection is not None
    assert oracle.detection.reading is not None
    assert (row["source"], row["message"]) == (str(clip), oracle.detection.hex)
    assert row["log10_p_value"] == pytest.approx(oracle.detection.reading.log10_p_value, abs=1e-3)
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == []
    again = scan(clip)
    assert (again.items, again.written) == (1, 0)


def test_mark_is_read_in_parts(scan: Scan, pair96: Pair, clip: Path, tmp_path: Path) -> None:
    marked = tmp_path / "marked.mp4"
    edgeseal.embed(clip, output=marked, model=pair96.embedder, number=17)
    assert scan(marked).verdicts == {"present": 1}
    assert rows(tmp_path / "out")[0]["content"] == "17"


def test_shards_share_a_video(
    scan: Scan, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clip.parent)  # which shard a part is in hangs on its name
    clip = Path(clip.name)
    shards = [tmp_path / f"shard{index}" for index in (1, 2)]
    for index, shard in enumerate(shards, 1):
        assert scan(clip, output=shard.name, shard=f"{index}/2").items == 0
        assert 0 < len(list(video_table(shard).sources())) < PARTS
    scan(*shards, output="whole", merge=True, model=None, workers=None)
    scan(clip)
    assert rows(tmp_path / "whole") == rows(tmp_path / "out")
    shutil.rmtree(shards[1] / "_videos")
    with pytest.raises(FileError, match="some of its parts are missing"):
        scan(*shards, output="other", merge=True, model=None, workers=None)


class Interrupted(Progress):
    """Ends a scan behind its third row."""

    def frames(
        self, text: str, unit: str = "frames"
    ) -> AbstractContextManager[Callable[[int, int | None], None]]:
        seen: list[int] = []

        def report(done: int, total: int | None) -> None:
            seen.append(done)
            if len(seen) == 3:
                raise KeyboardInterrupt

        @contextmanager
        def opened() -> Iterator[Callable[[int, int | None], None]]:
            yield report

        return opened()


def test_parts_that_were_read_stay_when_a_run_ends(scan: Scan, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        scan(clip, progress=Interrupted())
    first = list(video_table(tmp_path / "out").rows())
    assert [row.part for row in first] == [0, 1, 2]
    scan(clip)
    scan(clip, output="undisturbed")
    assert rows(tmp_path / "out") == rows(tmp_path / "undisturbed")


def test_video_is_an_error_when_a_part_of_it_is(
    scan: Scan, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_WORKER", "watermark.scan.poisoned_worker")
    found = scan(clip, timeout_s=HANG_S)
    assert found.verdicts == {"error": 1}
    assert "part 2 of 6: ends the process that reads it" in rows(tmp_path / "out")[0]["error"]

"""Scans on a Ray cluster: the same rows, whatever dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgeseal.errors import FileError
from edgeseal.watermark.scan import Item, Reading, read_items
from edgeseal.watermark.scan import _ray_workers as workers
from pairs import Pair
from watermark.scan.test_scan import Scan, rows, scan, undisturbed

__all__ = ["scan", "undisturbed"]

ray: Any = pytest.importorskip("ray", reason="Ray is not installed")


@pytest.fixture
def quiet() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        yield


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("quiet")
def test_rows_are_the_same_on_a_cluster_when_an_actor_is_killed(
    scan: Scan, undisturbed: tuple[object, Path], corpus: Path, pair96: Pair, tmp_path: Path
) -> None:
    scan(corpus, ray="local", workers=1)
    assert sorted(map(str, rows(tmp_path / "out"))) == sorted(map(str, rows(undisturbed[1])))
    reading = Reading(str(pair96.detector), None, 1e-6, True, False, 1)
    content = (corpus / "a.png").read_bytes()
    with workers.ray_workers("local") as (start, _):

        def killing() -> Iterator[Item]:
            for number in range(6):
                if number == 3:
                    for pid in actors:
                        os.kill(pid, signal.SIGKILL)
                yield Item(str(number), content)

        actors: list[int] = []

        def remember() -> workers.RayWorker:
            worker = start()
            actors.append(ray.get(worker._actor.pid.remote()))
            return worker

        found = list(read_items(reading, killing(), workers=1, timeout_s=600, start=remember))
        assert len(actors) == 2
    assert [(row.source, row.content) for row in found] == [(str(n), "17") for n in range(6)]


@pytest.mark.filterwarnings("ignore")
def test_cluster_is_named_when_there_is_none(scan: Scan, corpus: Path) -> None:
    with pytest.raises(FileError, match="no Ray cluster can be used there"):
        scan(corpus, ray="nonsense://x")

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
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster of two nodes on this machine, with room for a worker each."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        made.add_node(num_cpus=1)
        yield made
    finally:
        made.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_rows_are_the_same_on_a_cluster_when_an_actor_and_a_node_are_killed(
    scan: Scan,
    undisturbed: tuple[object, Path],
    cluster: Any,
    corpus: Path,
    pair96: Pair,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "_START_S", 20.0)  # there is no room again for the second
    scan(corpus, ray=cluster.address, workers=2)
    assert sorted(map(str, rows(tmp_path / "out"))) == sorted(map(str, rows(undisturbed[1])))
    content = (corpus / "a.png").read_bytes()
    actors: list[int] = []

    def killing() -> Iterator[Item]:
        for number in range(60):
            if number == 24:
                os.kill(actors[0], signal.SIGKILL)
            if number == 40:
                (node,) = cluster.worker_nodes
                cluster.remove_node(node, allow_graceful=False)
            yield Item(str(number), content)

    with workers.ray_workers(cluster.address) as (start, count):
        assert count == 2

        def remember() -> workers.RayWorker:
            worker = start()
            actors.append(ray.get(worker._actor.pid.remote()))
            return worker

        reading = Reading.with_model(pair96.detector)
        found = list(read_items(reading, killing(), workers=2, timeout_s=600, start=remember))
    assert [(row.source, row.content) for row in found] == [(str(n), "17") for n in range(60)]


@pytest.mark.filterwarnings("ignore")
def test_cluster_is_named_when_there_is_none(scan: Scan, corpus: Path) -> None:
    with pytest.raises(FileError, match="no Ray cluster can be used there"):
        scan(corpus, ray="nonsense://x")

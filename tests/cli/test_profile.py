"""``edgeseal profile``."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.commands import Run
from edgeseal.tflite.graph import read_model


@pytest.fixture
def quantized(converted: Path) -> Path:
    return converted / "tiny_detector_dynamic-int8.tflite"


def test_record_is_complete_when_printed_as_json(run: Run, quantized: Path) -> None:
    record = run("profile", quantized, "--rounds", 2, "--threads", 2, "--json").json
    assert (record["schema_version"], record["command"]) == (1, "profile")
    assert (record["threads"], record["rounds"], record["refusal"]) == (2, 2, None)
    assert record["latency_ms"] > 0 < record["processor_ms"]
    assert record["partitions"] >= 1
    operators = read_model(quantized).main.operators
    assert [o["kind"] for o in record["operators"]] == [o.kind for o in operators]
    assert all(o["failure"] is None for o in record["operators"])
    timed = [o for o in record["operators"] if o["placement"] != "loading"]
    assert len(timed) < len(operators)  # the others unpack FLOAT16 constants
    assert all(o["latency_ms"] > 0 for o in timed)
    assert record["isolated_ms"] == pytest.approx(sum(o["latency_ms"] for o in timed))
    assert record["isolated_share"] == pytest.approx(sum(o["share"] for o in timed))
    assert sum(kind["count"] for kind in record["kinds"]) == len(operators)


def test_integer_share_tells_recipes_apart(run: Run, detector: Path, quantized: Path) -> None:
    plain, hybrid = (run("profile", p, "--rounds", 1, "--json").json for p in (detector, quantized))
    assert plain["integer_macs_share"] == 0
    assert plain["macs"]["total"] == plain["macs"]["float"] > 0
    # the layer that reads the picture has two INT8 terms
    (convolution, *_) = (o["macs"]["count"] for o in plain["operators"] if o["macs"])
    assert hybrid["macs"]["total"] == plain["macs"]["total"] + convolution
    assert 0.5 < hybrid["integer_macs_share"] <= 1
    assert hybrid["macs"]["hybrid"] > 0 == hybrid["macs"]["integer"]
    done = run("profile", quantized, "--rounds", 1)
    assert f"{hybrid['integer_macs_share']:.1%} on integer kernels" in done.out


@pytest.mark.parametrize("sort", ["macs", "number"])
def test_operators_are_sorted_as_asked_for(sort: str, run: Run, detector: Path) -> None:
    record = run("profile", detector, "--rounds", 1, "--json").json
    expected = 0
    if sort == "macs":
        counts = [(o["macs"] or {"count": 0})["count"] for o in record["operators"]]
        expected = counts.index(max(counts))
    lines = run("profile", detector, "--rounds", 1, "--sort", sort, "--top", 1).out.splitlines()
    assert lines[-2].split()[0] == str(expected)
    assert lines[-1] == f"and {len(record['operators']) - 1} more; --all lists them all"


def test_status_is_1_when_the_file_does_not_run(run: Run, refused_model: Path) -> None:
    done = run("profile", refused_model)
    assert done.status == 1
    assert "does not run as a whole" in done.err
    assert "1 operator could not be timed" in done.out
    record = run("profile", refused_model, "--json").json
    assert (record["latency_ms"], record["isolated_share"]) == (None, None)
    assert "batch_matmul" in record["refusal"]
    assert "batch_matmul" in record["operators"][0]["failure"]
    assert record["operators"][0]["placement"] == "unknown"


def test_file_is_refused_when_it_is_no_model(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "no.tflite"
    path.write_text("no model at all")
    assert f"{path}: " in run("profile", path).refused()
    assert run("profile", path, "--rounds", 0).status == 2
    assert run("compare", path, path).status == 2

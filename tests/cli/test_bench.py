"""``edgeseal bench``."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from cli.commands import Run


@pytest.fixture
def quantized(converted: Path) -> Path:
    return converted / "tiny_detector_dynamic-int8.tflite"


def test_record_is_complete_when_printed_as_json(run: Run, detector: Path, quantized: Path) -> None:
    options = ("--rounds", 2, "--compiled-model", "--draws", 3, "--json")
    record = run("bench", detector, quantized, *options).json
    assert (record["schema_version"], record["command"]) == (1, "bench")
    assert (record["threads"], record["rounds"], record["pictures"]) == (1, 2, 3)
    assert "ai-edge-litert" in record["versions"]
    first, compiled, integer, _ = record["engines"]
    assert [one["engine"] for one in (first, compiled)] == ["LiteRT", "LiteRT CompiledModel"]
    assert first["timings"]["ratio"] == 1
    assert first["agreement"] == {
        "nmse": None,
        "nmse_img": 0,
        "sign_agreement": 1,
        "bits_read": None,
    }
    assert integer["size_bytes"] == quantized.stat().st_size
    assert 0 < integer["agreement"]["nmse_img"] < 1
    assert all(math.isfinite(value) for value in integer["timings"].values())


def test_bits_are_counted_when_an_embedder_marks_the_pictures(
    run: Run, detector: Path, embedder: Path, photos: Path
) -> None:
    options = ("--rounds", 1, "--images", photos, "--embedder", embedder)
    record = run("bench", detector, *options, "--json").json
    assert 0 <= record["engines"][0]["agreement"]["bits_read"] <= 1
    assert "bits read" in run("bench", detector, *options).out


def test_table_names_conditions_when_printed(run: Run, detector: Path) -> None:
    done = run("bench", detector, "--rounds", 1, "--threads", 2)
    assert done.status == 0
    assert "1 rounds in turn, 2 threads, 6 pictures, seed 0" in done.out
    assert "1.000" in done.out


def test_others_are_timed_when_a_model_does_not_run(
    run: Run, detector: Path, refused_model: Path
) -> None:
    done = run("bench", refused_model, refused_model, "--rounds", 1)
    assert done.status == 1
    assert done.out.count("cannot run") == 2
    assert "in LiteRT: RuntimeError" in done.err
    assert "has other inputs" in run("bench", detector, refused_model).refused()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--embedder", "x.tflite"), "--embedder marks pictures: name them with --images"),
        (("--checkpoint", "x.pth"), "--checkpoint: for other engines; add --peers, or --peer"),
        (
            ("--calibration", "photos", "--checkpoint", "x.pth"),
            "--checkpoint and --calibration: for other engines",
        ),
        (("--draws", "2", "--images", "photos"), "--images and --draws: give one of them"),
        (("--peer", "nothing"), "unknown peers: 'nothing'; known peers: torch,"),
    ],
)
def test_arguments_are_refused_when_they_make_no_sense(
    arguments: tuple[str, ...], message: str, run: Run, detector: Path
) -> None:
    assert message in run("bench", detector, *arguments).refused()


def test_peers_are_refused_when_the_first_file_is_not_float(run: Run, quantized: Path) -> None:
    message = run("bench", quantized, "--peer", "torch").refused()
    assert "is dynamic-int8; peers are compared with a float32 file" in message


def test_peers_are_refused_when_the_weights_are_not_known(run: Run, foreign: Path) -> None:
    assert "was not written by edgeseal" in run("bench", foreign, "--peer", "torch").refused()

"""Timing in processes of their own."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from conversions import converted
from edgeseal.tflite.benchmark import LiteRTCompiledModel, LiteRTInterpreter, bench
from edgeseal.tflite.benchmark._engine_worker import EngineFailureError, Worker
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.inputs import model_inputs
from edgeseal.tflite.quantization import find_recipe, quantize
from edgeseal.watermark.cards import Part
from edgeseal.watermark.runtime import load_detector
from patience import HANG_S
from tflite.benchmark.engines import Doubling, Failing

PICTURES = [(np.full((1, 2), value, np.float32),) for value in (1, 2, 3)]


def test_timings_are_those_of_the_runs() -> None:
    engines = [Doubling(0.02), Doubling(0.06)]
    slow = bench(engines, [PICTURES] * 2, rounds=5, sustained_s=0.1)[1].timings
    assert slow is not None
    assert slow.first_run_ms == pytest.approx(60)
    assert slow.median_ms == pytest.approx(60)
    assert slow.p90_ms == pytest.approx(60)
    assert slow.processor_ms == pytest.approx(15)
    assert slow.ratio == pytest.approx(3)
    assert slow.runs_per_s == pytest.approx(1 / 0.06)


def test_outputs_are_kept_for_every_picture_when_the_engine_reuses_its_buffer() -> None:
    (found,) = bench([Doubling()], [PICTURES], rounds=1, sustained_s=0.01)
    assert found.outputs is not None
    assert found.outputs.tolist() == [[2, 2], [4, 4], [6, 6]]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("load", "ValueError: no such model"),
        ("crash", "its process ended with status 3: last words"),
    ],
)
def test_others_are_timed_when_one_fails(how: str, reason: str) -> None:
    engines = [Failing(how), Doubling(0.01), Doubling(0.01)]
    failed, *fine = bench(engines, [PICTURES] * 3, rounds=3, sustained_s=0.05)
    assert failed.failure is not None
    assert reason in failed.failure
    assert failed.timings is None is failed.outputs
    assert [one.failure for one in fine] == [None, None]
    assert fine[0].timings is not None
    assert fine[0].timings.ratio == 1  # the first that runs is the reference


def test_engine_is_left_out_when_it_fails_later() -> None:
    steps: list[str] = []
    engines = [Failing("later"), Doubling(0.01), Doubling(0.02)]
    failed, first, second = bench(
        engines, [PICTURES] * 3, rounds=2, sustained_s=0.05, advance=steps.append
    )
    assert failed.failure == "StopIteration:"
    assert failed.timings is None is failed.outputs
    assert first.timings is not None is not second.timings
    assert (first.timings.ratio, second.timings.ratio) == (1, pytest.approx(2))
    assert steps == [
        "loading failing in test",
        *["loading doubling in test"] * 2,
        *[f"round {number} of 4" for number in range(1, 5)],
        *["running back to back"] * 3,
        "comparing results",
    ]


def test_process_is_ended_when_its_engine_hangs() -> None:
    before = set(multiprocessing.active_children())
    with Worker(Failing("hang"), PICTURES, timeout_s=0.5) as worker:
        with pytest.raises(EngineFailureError, match=r"no answer within 0\.5 s; see --timeout"):
            worker.load()
        (process,) = set(multiprocessing.active_children()) - before
        process.join(HANG_S)
        assert process.exitcode is not None


def test_memory_is_that_of_the_engine_when_it_hogs() -> None:
    small, large = bench([Doubling(), Failing("hog")], [PICTURES] * 2, rounds=1, sustained_s=0.01)
    assert small.timings is not None is not large.timings
    assert small.timings.peak_memory_bytes is not None
    assert large.timings.peak_memory_bytes is not None
    more = large.timings.peak_memory_bytes - small.timings.peak_memory_bytes
    assert 0.9 * 2**26 < more < 1.5 * 2**26


@pytest.mark.parametrize("engine", [LiteRTInterpreter, LiteRTCompiledModel])
def test_litert_returns_what_the_detector_does_when_timed(
    engine: type[LiteRTInterpreter | LiteRTCompiledModel], tmp_path: Path
) -> None:
    path = converted(Part.DETECTOR, tmp_path)
    inputs = model_inputs([read_model(path)], None, draws=2)
    (found,) = bench([engine(path)], inputs, rounds=1, sustained_s=0.01)
    expected = load_detector(path).logits(np.concatenate([sample[0] for sample in inputs[0]]))
    assert found.failure is None
    assert found.outputs is not None
    np.testing.assert_allclose(found.outputs[:, 1:], expected, atol=1e-5)


def test_two_inputs_are_in_order_when_the_model_is_compiled(tmp_path: Path) -> None:
    path = converted(Part.EMBEDDER, tmp_path)
    inputs = model_inputs([read_model(path)], None, draws=2)
    engines = [LiteRTInterpreter(path), LiteRTCompiledModel(path)]
    first, second = bench(engines, inputs * 2, rounds=1, sustained_s=0.01)
    assert first.outputs is not None is not second.outputs
    np.testing.assert_allclose(first.outputs, second.outputs, atol=1e-5)


def test_inputs_are_the_same_pictures_when_files_differ(tmp_path: Path) -> None:
    path = converted(Part.DETECTOR, tmp_path)
    model = read_model(path)
    quantize(model, find_recipe("dynamic-int8"))
    write_model(model, tmp_path / "quantized.tflite")
    models = [read_model(path), read_model(tmp_path / "quantized.tflite")]
    pictures = [np.full((20, 30, 3), 0.25, np.float32)]
    first, second = model_inputs(models, pictures, draws=1)
    assert first[0][0].shape == (1, 256, 256, 3)
    np.testing.assert_array_equal(first[0][0], second[0][0])
    assert np.abs(first[0][0] - 0.25).max() < 1e-6

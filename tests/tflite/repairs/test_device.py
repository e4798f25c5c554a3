"""What a device refuses or computes wrong is written in a form that it computes right."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edgeseal import tflite
from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.devices import DeviceResult, DeviceSession, Examiner, Verdict, find_device
from edgeseal.tflite.graph import Model, new_dequantize, new_matmul, new_operator, write_model
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.repairs import RepairResult
from edgeseal.tflite.repairs import repair as repair_model
from edgeseal.tflite.repairs.device._exponential import EXPONENTIAL_BY_ELU
from graphs import constant, kinds, model_of, run, value
from tflite.devices.models import added_matrix, broadcast_mask, quantized_exponential
from tflite.devices.needs import needs

RNG = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def turned_constant() -> Model:
    """A product with a constant that is to be transposed first."""
    x, y = value("x", [8, 16]), value("y", [8, 24])
    return model_of([x], [y], [new_matmul(x, constant("w", floats(24, 16)), y, adj_y=True)])


def left_constant() -> Model:
    """A product with a constant on the left."""
    x, y = value("x", [1, 4, 16, 8]), value("y", [1, 4, 24, 8])
    return model_of([x], [y], [new_matmul(constant("w", floats(1, 4, 24, 16)), x, y)])


def turned_twice() -> Model:
    """Products of which both sides are to be transposed first, one of them constant."""
    x, y = value("x", [4, 16, 8]), value("y", [4, 8, 24])
    operands = [x, constant("w", floats(4, 24, 16))]
    return model_of([x], [y], [new_operator("BATCH_MATMUL", operands, [y], adjX=True, adjY=True)])


def shared_matrix() -> Model:
    """Products of several matrices with one that is computed."""
    x, w, y = value("x", [1, 4, 8, 16]), value("w", [1, 1, 16, 24]), value("y", [1, 4, 8, 24])
    return model_of([x, w], [y], [new_matmul(x, w, y)])


def channel_scales() -> Model:
    """A table with a scale per channel that is unpacked and added."""
    steps = RNG.integers(-127, 128, [1, 4, 4, 8], np.int8)
    table = constant("table", steps, np.linspace(0.01, 0.02, 8), axis=3)
    x, wide, y = (value(name, steps.shape) for name in ("x", "wide", "y"))
    half = value("half", steps.shape)
    operators = [
        new_operator("NEG", [x], [half]),
        new_dequantize(table, wide),
        new_operator("ADD", [half, wide], [y], fusedActivationFunction=0),
    ]
    return model_of([x], [y], operators)


def unpacked_weights() -> Model:
    """A layer whose weights are unpacked, with one scale."""
    weights = constant("w", RNG.integers(-127, 128, [24, 8], np.int8), 0.01)
    x, wide, y = value("x", [16, 8]), value("wide", [24, 8]), value("y", [16, 24])
    layer = new_operator(
        "FULLY_CONNECTED",
        [x, wide, None],
        [y],
        fusedActivationFunction=0,
        weightsFormat=0,
        keepNumDims=False,
        asymmetricQuantizeInputs=False,
    )
    return model_of([x], [y], [new_dequantize(weights, wide), layer])


class Bench:
    """A place to repair models for a device, all in one process of it."""

    def __init__(self, device: str, prober: Prober, folder: Path) -> None:
        self.session = DeviceSession(find_device(device), timeout_s=300)
        self._prober = prober
        self._path = folder / "model.tflite"

    def repaired(self, model: Model) -> RepairResult:
        write_model(model, self._path, overwrite=True)
        judge = partial(Examiner(model, self._path, self._prober).examine, session=self.session)
        return repair_model(model, self._path, self._prober, judge=judge)


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    with Prober() as made:
        yield made


@pytest.fixture(scope="module")
def gpu(prober: Prober, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench("gpu", prober, tmp_path_factory.mktemp("gpu"))
    with bench.session:
        yield bench


@pytest.fixture(scope="module")
def qualcomm(prober: Prober, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench("qualcomm", prober, tmp_path_factory.mktemp("qualcomm"))
    with bench.session:
        yield bench


def after(result: RepairResult) -> DeviceResult:
    assert result.on_device is not None
    return result.on_device.after


def rewrites(result: RepairResult) -> list[str]:
    return [change.rewrite for change in result.changes if change.rewrite != "versions"]


GPU_FAULTS: dict[str, tuple[Callable[[], Model], str]] = {
    "added matrix": (added_matrix, "lifted-ranks"),
    "mask of another rank": (broadcast_mask, "lifted-ranks"),
    "turned constant": (turned_constant, "plain-products"),
    "constant on the left": (left_constant, "constant-right"),
    "shared matrix": (shared_matrix, "plain-products"),
    "scales of channels": (channel_scales, "single-scale"),
    "unpacked weights": (unpacked_weights, "stored-floats"),
}


@needs("gpu", everywhere=True)
@pytest.mark.parametrize("fault", GPU_FAULTS)
def test_model_is_right_on_a_gpu_when_it_is_repaired_for_one(fault: str, gpu: Bench) -> None:
    build, rewrite = GPU_FAULTS[fault]
    result = gpu.repaired(build())
    assert result.on_device is not None
    assert not result.on_device.before.is_good
    assert after(result).verdict is Verdict.RIGHT, str(result.on_device)
    assert result.is_good
    assert rewrites(result) == [rewrite]
    assert result.agreement is not None
    assert result.agreement.nmse is not None and result.agreement.nmse < 1e-12


QUALCOMM_FAULTS: dict[str, tuple[Callable[[], Model], str]] = {
    "quantized exponential": (quantized_exponential, "exponential"),
    "operands turned twice": (turned_twice, "plain-products"),
    "scales of channels": (channel_scales, "single-scale"),
}


@needs("qualcomm")
@pytest.mark.parametrize("fault", QUALCOMM_FAULTS)
def test_model_is_one_piece_on_a_snapdragon_when_it_is_repaired_for_one(
    fault: str, qualcomm: Bench
) -> None:
    build, rewrite = QUALCOMM_FAULTS[fault]
    result = qualcomm.repaired(build())
    assert after(result).verdict is Verdict.RIGHT, str(result.on_device)
    assert after(result).pieces == 1
    assert rewrites(result) == [rewrite]


def verdict(of: Verdict, *, at_fault: tuple[int, ...] = ()) -> DeviceResult:
    return DeviceResult("odd", "a device", of, "", 2, (), 1, None, None, 2, (), at_fault)


def judged(path: Path, judge: Callable[[Model], DeviceResult], prober: Prober) -> RepairResult:
    write_model(added_matrix(), path)
    return repair_model(added_matrix(), path, prober, judge=judge)


def test_nothing_is_rewritten_when_a_device_is_content(prober: Prober, tmp_path: Path) -> None:
    result = judged(tmp_path / "m.tflite", lambda _: verdict(Verdict.RIGHT), prober)
    assert result.changes == ()
    assert kinds(result.model) == ["RESHAPE", "ADD"]
    assert result.is_good


def test_rewrites_are_dropped_when_they_do_not_help(prober: Prober, tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def judge(model: Model) -> DeviceResult:
        asked.append(kinds(model))
        return verdict(Verdict.REFUSED)

    result = judged(tmp_path / "m.tflite", judge, prober)
    assert asked == [["RESHAPE", "ADD"], ["RESHAPE", "RESHAPE", "ADD", "RESHAPE"]]
    assert result.changes == ()
    assert kinds(result.model) == ["RESHAPE", "ADD"]
    assert not result.is_good


def test_rewrites_are_made_together_when_a_device_names_one_reason_at_a_time(
    prober: Prober, tmp_path: Path
) -> None:
    x, product, y = value("x", [8, 16]), value("product", [8, 24]), value("y", [8, 24])
    operators = [
        new_matmul(x, constant("w", floats(24, 16)), product, adj_y=True),
        new_operator("ADD", [product, constant("table", floats(8, 24))], [y]),
    ]
    model = model_of([x], [y], operators)

    def judge(model: Model) -> DeviceResult:
        [product] = [o for o in model.main.operators if o.kind == "BATCH_MATMUL"]
        [total] = [o for o in model.main.operators if o.kind == "ADD"]
        is_taken = not product.options.adjY and total.outputs[0].rank == 4
        return verdict(Verdict.RIGHT if is_taken else Verdict.REFUSED)

    write_model(model, tmp_path / "m.tflite")
    result = repair_model(model, tmp_path / "m.tflite", prober, judge=judge)
    assert rewrites(result) == ["lifted-ranks", "plain-products"]
    assert result.is_good


@pytest.mark.parametrize("zero_point", [127, 60, -128])
def test_exponential_is_the_same_to_the_bit_when_it_is_written_as_elu(zero_point: int) -> None:
    def build() -> Model:
        x = value("x", [1, 256], "INT8", 0.02, zero_point)
        largest = np.exp(0.02 * (127 - zero_point))
        y = value("y", [1, 256], "INT8", largest / 255, -128)
        return model_of([x], [y], [new_operator("EXP", [x], [y])])

    model, rewritten = build(), build()
    EXPONENTIAL_BY_ELU.apply(rewritten)
    assert "EXP" not in kinds(rewritten)
    every = np.arange(-128, 128, dtype=np.int8)[None]
    np.testing.assert_array_equal(run(rewritten, every), run(model, every))


def test_other_operators_stay_when_the_verdict_names_one(prober: Prober, tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def judge(model: Model) -> DeviceResult:
        asked.append(kinds(model))
        return verdict(Verdict.WRONG, at_fault=(0,))  # the reshape, which nothing rewrites

    judged(tmp_path / "m.tflite", judge, prober)
    assert asked == [["RESHAPE", "ADD"]]


def test_file_has_a_verdict_when_it_is_repaired_for_this_processor(tmp_path: Path) -> None:
    write_model(added_matrix(), tmp_path / "in.tflite")
    found = tflite.repair(tmp_path / "in.tflite", tmp_path / "out.tflite", device="cpu")
    record = json.loads(json.dumps(found.to_json()))
    assert record["device"] == record["device_before"]
    assert record["device"]["verdict"] == "right"
    assert found.is_good


@pytest.mark.parametrize(
    ("device", "error", "words"),
    [("tpu", UsageError, "devices are cpu"), ("cpu", ModelError, "'x', 'y' is not fixed")],
)
def test_nothing_is_written_when_a_device_cannot_be_asked(
    device: str, error: type[Exception], words: str, tmp_path: Path
) -> None:
    x, y = value("x", [-1, 4]), value("y", [-1, 4])
    write_model(model_of([x], [y], [new_operator("ABS", [x], [y])]), tmp_path / "in.tflite")
    with pytest.raises(error, match=words):
        tflite.repair(tmp_path / "in.tflite", tmp_path / "out.tflite", device=device)
    assert not (tmp_path / "out.tflite").exists()

"""Files of arrays as what float models are observed on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeseal.errors import FileError, UsageError
from edgeseal.tflite.calibration import (
    ArrayInputs,
    Calibration,
    CalibrationInputs,
    Method,
    choose_range,
    list_inputs,
    named_inputs,
    progress_path,
)
from edgeseal.tflite.graph import Model, new_operator
from graphs import model_of, value

RNG = np.random.default_rng(0)


def difference() -> Model:
    """Two inputs of the same shape -> the first less the second."""
    a, b, y = (value(name, [1, 5]) for name in "aby")
    return model_of([a, b], [y], [new_operator("SUB", [a, b], [y], fusedActivationFunction=0)])


def write(folder: Path, **arrays: Any) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return [folder / f"{name}.npy" for name in arrays]


def rows(count: int) -> Any:
    return RNG.normal(size=(count, 5)).astype(np.float32)


def test_values_are_numpys_when_each_input_has_a_file(tmp_path: Path) -> None:
    model, a, b = difference(), rows(4), rows(4)
    inputs = named_inputs([*write(tmp_path, b=b, a=a)], model)
    assert len(inputs) == 4
    for index in range(4):
        given = inputs.arrays(index, model)
        assert np.array_equal(given, [a[index : index + 1], b[index : index + 1]])
    calibration = Calibration.on(model, inputs)
    seen = {tensor.name: found for tensor, found in calibration.observe(model).items()}
    for name, values in {"a": a, "b": b, "y": a - b}.items():
        assert (seen[name].low, seen[name].high) == (values.min(), values.max())
        assert seen[name].pictures == 4
    low, high = choose_range(seen["y"], Method.MIN_MAX)
    assert (low, high) == pytest.approx((min(0, (a - b).min()), max(0, (a - b).max())))


def test_folder_of_archives_gives_one_input_each(tmp_path: Path) -> None:
    model, a, b = difference(), rows(1), rows(1)
    for number in range(3):
        np.savez(tmp_path / f"{number}.npz", a=a + number, b=b)
    inputs = named_inputs([tmp_path], model)
    assert [path.name for path in inputs.pictures] == ["0.npz", "1.npz", "2.npz"]
    for number in range(3):
        assert np.array_equal(inputs.arrays(number, model), [a + np.float32(number), b])


def test_inputs_are_of_one_kind(tmp_path: Path) -> None:
    write(tmp_path / "both", a=rows(1))
    Image.new("RGB", (8, 8)).save(tmp_path / "both" / "photo.png")
    assert len(list_inputs([tmp_path / "both"])) == 2
    with pytest.raises(UsageError, match="files of arrays and pictures among the inputs; give one"):
        named_inputs([tmp_path / "both"], difference())
    pictures = named_inputs([tmp_path / "both" / "photo.png"], difference())
    assert type(pictures) is CalibrationInputs
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match="no pictures or arrays"):
        named_inputs([tmp_path / "empty"], difference())


def other_first(a: Any, b: Any) -> None:
    a[0, 0] += 1


def other_second(a: Any, b: Any) -> None:
    b[0, 0] += 1


def other_order(a: Any, b: Any) -> None:
    a[:] = a[::-1].copy()


@pytest.mark.parametrize("change", [other_first, other_second, other_order])
def test_digest_is_another_when_values_of_the_same_size_are(
    change: Callable[[Any, Any], None], tmp_path: Path
) -> None:
    model, a, b = difference(), rows(2), rows(2)
    before = named_inputs(write(tmp_path, a=a, b=b), model).digest(2)
    moved = named_inputs(write(tmp_path / "moved", a=a, b=b), model)
    assert moved.digest(2) == before
    change(a, b)
    assert named_inputs(write(tmp_path, a=a, b=b), model).digest(2) != before


def test_digest_covers_the_first_inputs_only_when_only_they_were_seen() -> None:
    a, b = rows(3), rows(3)
    long = ArrayInputs((), rows=tuple({"a": x, "b": y} for x, y in zip(a, b, strict=True)))
    short = ArrayInputs((), rows=long.rows[:2])
    assert long.digest(2) == short.digest(2) == short.digest(9)
    assert len({long.digest(count) for count in range(4)}) == 4
    turned = ArrayInputs((), rows=({"a": a[0].reshape(5, 1)},))
    typed = ArrayInputs((), rows=({"a": a[0].view(np.int32)},))
    plain = ArrayInputs((), rows=({"a": a[0]},))
    named = ArrayInputs((), rows=({"b": a[0]},))
    assert len({one.digest(1) for one in (turned, typed, plain, named)}) == 4


def test_interrupted_observation_goes_on_only_with_the_same_values(tmp_path: Path) -> None:
    model, a, b = difference(), rows(4), rows(4)
    saved = tmp_path / "ranges.json"

    def calibration() -> Calibration:
        inputs = named_inputs(write(tmp_path, a=a, b=b), model)
        return Calibration.on(model, inputs, save_to=saved)

    interrupted = calibration()
    steps = 0

    def stop() -> None:
        nonlocal steps
        steps += 1
        if steps == 2:
            raise KeyboardInterrupt

    interrupted.advance = stop
    with pytest.raises(KeyboardInterrupt):
        interrupted.observe(model)
    assert progress_path(saved).exists()
    assert calibration().resumed > 0
    b[3] *= 2  # the same names and sizes
    with pytest.raises(UsageError, match="progress of a calibration with other pictures"):
        calibration()

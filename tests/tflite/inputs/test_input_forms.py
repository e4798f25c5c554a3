"""What models are fed: arrays, sizes that files leave open, and pixels in the range they want."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest

from edgeseal import tflite
from edgeseal.errors import FileError, ModelError, NothingToReduceError, UsageError
from edgeseal.tflite.graph import Buffer, Model, new_operator, read_model, write_model
from edgeseal.tflite.inputs import (
    InputForm,
    PictureScale,
    ScaleSource,
    picture_scale,
    placeholders,
    read_arrays,
    samples_of,
)
from graphs import constant, model_of, run, value

RNG = np.random.default_rng(0)
GREY = np.full((4, 4, 3), 0.75, np.float32)


def arithmetic(*steps: tuple[str, float]) -> Model:
    """A picture through operators with one number each, then a convolution."""
    tensors = [value(f"t{index}", (1, 4, 4, 3)) for index in range(len(steps) + 1)]
    operators = [
        new_operator(
            kind, [before, constant("n", np.float32(number))], [after], fusedActivationFunction=0
        )
        for (kind, number), before, after in zip(steps, tensors, tensors[1:], strict=False)
    ]
    y = value("y", (1, 4, 4, 2))
    weights = constant("w", RNG.normal(size=(2, 1, 1, 3)).astype(np.float32))
    operands = [tensors[-1], weights, constant("b", np.zeros(2, np.float32))]
    operators.append(
        new_operator(
            "CONV_2D", operands, [y], padding=1, strideH=1, strideW=1,
            dilationHFactor=1, dilationWFactor=1, fusedActivationFunction=0,
        )
    )  # fmt: skip
    return model_of([tensors[0]], [y], operators)


def normalization(mean: list[float], std: list[float]) -> bytes:
    """TFLite Metadata with a normalization, as its flatbuffer schema lays it out."""
    builder = flatbuffers.Builder(0)

    def numbers(values: list[float]) -> int:
        builder.StartVector(4, len(values), 4)
        for one in reversed(values):
            builder.PrependFloat32(one)
        return int(builder.EndVector())

    def table(*fields: tuple[int, int]) -> int:
        builder.StartObject(8)
        for place, offset in fields:
            builder.PrependUOffsetTRelativeSlot(place, offset, 0)
        return int(builder.EndObject())

    def only(element: int) -> int:
        builder.StartVector(4, 1, 4)
        builder.PrependUOffsetTRelative(element)
        return int(builder.EndVector())

    means, deviations = numbers(mean), numbers(std)
    options = table((0, means), (1, deviations))
    builder.StartObject(2)
    builder.PrependUint8Slot(0, 1, 0)
    builder.PrependUOffsetTRelativeSlot(1, options, 0)
    unit = builder.EndObject()
    inputs = only(table((4, only(unit))))
    builder.Finish(table((3, only(table((2, inputs))))), file_identifier=b"M001")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("steps", "ends"),
    [
        ((("MUL", 1 / 255),), (0, 255)),
        ((("DIV", 255.0),), (0, 255)),
        ((("MUL", 0.5), ("ADD", 0.5)), (-1, 1)),
        ((("SUB", 127.5), ("MUL", 1 / 127.5)), (0, 255)),
        ((("MUL", 2.0), ("SUB", 1.0)), (0, 1)),
    ],
)
def test_first_operators_tell_the_range_when_they_bring_it_to_a_usual_one(
    steps: tuple[tuple[str, float], ...], ends: tuple[float, float]
) -> None:
    scale, source = picture_scale(arithmetic(*steps))
    assert source is ScaleSource.OPERATORS
    assert np.allclose(scale.ends, ends, atol=1e-4)


@pytest.mark.parametrize("steps", [(), (("MUL", 3.7),), (("MUL", 0.0),), (("ADD", 5.0),)])
def test_nothing_tells_the_range_when_operators_do_not(steps: Any) -> None:
    assert picture_scale(arithmetic(*steps)) == (PictureScale(), ScaleSource.NOTHING)


def test_metadata_tells_the_range_when_it_has_a_normalization() -> None:
    model = arithmetic()
    model.metadata["TFLITE_METADATA"] = normalization([127.5], [127.5])
    scale, source = picture_scale(model)
    assert source is ScaleSource.METADATA
    assert scale.ends == (-1, 1)
    (sample,) = samples_of(model, [GREY])
    assert np.allclose(sample["t0"], 0.5)


def test_nothing_is_told_when_metadata_is_damaged() -> None:
    whole = normalization([127.5, 1, 2], [127.5, 1, 2])
    model = arithmetic()
    for end in range(len(whole)):
        model.metadata["TFLITE_METADATA"] = whole[:end]
        assert picture_scale(model)[1] is ScaleSource.NOTHING
    for place in range(len(whole)):
        model.metadata["TFLITE_METADATA"] = whole[:place] + b"\xff" + whole[place + 1 :]
        scale, _ = picture_scale(model)
        assert np.isfinite(scale.ends).all()


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        b"{}",
        b'{"mean": 1, "std": 1}',
        b'{"mean": [0], "std": ["a"]}',
        b'{"mean": [0], "std": [0]}',
        b'{"mean": [NaN], "std": [1]}',
        b'{"mean": [], "std": []}',
        b'{"mean": [1' + b"0" * 400 + b'], "std": [1]}',
        b'{"mean": [1' + b"0" * 5000 + b'], "std": [1]}',
    ],
)
def test_nothing_is_told_when_our_own_note_is_damaged(record: bytes) -> None:
    model = arithmetic()
    model.metadata["edgeseal_input"] = record
    assert picture_scale(model) == (PictureScale(), ScaleSource.NOTHING)


def test_users_word_counts_when_metadata_says_otherwise(tmp_path: Path) -> None:
    model = arithmetic(("MUL", 1 / 255))
    model.metadata["TFLITE_METADATA"] = normalization([0], [1])
    InputForm.of(mean=(0.5,), std=(0.5,)).apply(model)
    write_model(model, tmp_path / "m.tflite")
    (sample,) = samples_of(read_model(tmp_path / "m.tflite"), [GREY])
    assert np.allclose(sample["t0"], 0.5)


def test_mean_counts_in_grey_levels_when_it_is_above_one() -> None:
    levels = PictureScale.of((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
    shares = PictureScale.of((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert np.allclose(levels.values_of(GREY), shares.values_of(GREY), atol=1e-6)


@pytest.mark.parametrize(
    "given",
    [
        {"input_range": (1, 0)},
        {"input_range": (0, np.inf)},
        {"input_range": (0, 1, 2)},
        {"input_range": (0, 1), "mean": (0,), "std": (1,)},
        {"mean": (0.5,)},
        {"mean": (0.5,), "std": (0,)},
        {"mean": (0.5, 0.5), "std": (1, 1, 1)},
        {"input_shape": {"x": (1, 0)}},
        {"input_shape": {"x": ()}},
    ],
)
def test_forms_are_refused_when_they_make_no_sense(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="`"):
        InputForm.of(**given)


def placeholder(tmp_path: Path) -> Path:
    """A convolution of 6 channels whose input says [-1, -1, -1, -1], and 1 for each."""
    x, y = value("x", (1, 1, 1, 1)), value("y", (1, 1, 1, 4))
    weights = constant("w", RNG.normal(size=(4, 1, 1, 6)).astype(np.float32))
    operator = new_operator(
        "CONV_2D", [x, weights, constant("b", np.zeros(4, np.float32))], [y],
        padding=1, strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1,
        fusedActivationFunction=0,
    )  # fmt: skip
    path = tmp_path / "plain.tflite"
    write_model(model_of([x], [y], [operator]), path)
    model = read_model(path)
    for tensor in (*model.main.inputs, *model.main.outputs):
        tensor.raw.shapeSignature = np.full(4, -1, np.int32)
    write_model(model, tmp_path / "placeholder.tflite")
    return tmp_path / "placeholder.tflite"


def test_every_tensor_gets_its_shape_when_an_input_does(tmp_path: Path) -> None:
    model = read_model(placeholder(tmp_path))
    assert placeholders(model) == model.main.inputs
    InputForm.of(input_shape={"": (1, 5, 7, 6)}).apply(model)
    assert [t.shape for t in model.main.outputs] == [(1, 5, 7, 4)]
    assert not placeholders(model)
    assert run(model, np.ones((1, 5, 7, 6), np.float32))[0].shape == (1, 5, 7, 4)


@pytest.mark.parametrize(
    ("shape", "error", "message"),
    [
        ({"z": (1, 2, 2, 6)}, UsageError, "inputs are: x"),
        ({"x": (1, 2, 6)}, UsageError, "expected 4 sizes"),
        ({"x": (1, 2, 2, 5)}, ModelError, "cannot run it with inputs x"),
    ],
)
def test_sizes_are_refused_when_the_model_has_no_such(
    shape: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    model = read_model(placeholder(tmp_path))
    with pytest.raises(error, match=message):
        InputForm.of(input_shape=shape).apply(model)


def test_verbs_run_when_they_are_told_the_sizes(tmp_path: Path) -> None:
    path = placeholder(tmp_path)
    shape = {"x": (1, 4, 4, 6)}
    assert not tflite.check(path).is_good
    assert tflite.check(path, input_shape=shape).is_good
    found = tflite.quantize(path, "dynamic-int8", tmp_path / "q.tflite", input_shape=shape)
    assert found.is_good
    compared = tflite.compare(path, tmp_path / "q.tflite", input_shape=shape, max_nsr=1e-3)
    assert compared.is_good
    repaired = tflite.repair(path, tmp_path / "r.tflite", input_shape=shape)
    assert repaired.is_good


def tokens_and_mask() -> Model:
    """Embedded tokens times a mask, summed by a layer."""
    ids, mask = value("ids", (1, 6), "INT32"), value("mask", (1, 6, 1))
    rows, kept, y = value("rows", (1, 6, 8)), value("kept", (1, 6, 8)), value("y", (1, 6, 3))
    table = constant("table", RNG.normal(size=(20, 8)).astype(np.float32))
    weights = constant("w", RNG.normal(size=(3, 8)).astype(np.float32))
    operators = [
        new_operator("GATHER", [table, ids], [rows], axis=0),
        new_operator("MUL", [rows, mask], [kept], fusedActivationFunction=0),
        new_operator(
            "FULLY_CONNECTED", [kept, weights, None], [y], fusedActivationFunction=0,
            keepNumDims=True,
        ),
    ]  # fmt: skip
    return model_of([ids, mask], [y], operators)


IDS = RNG.integers(0, 20, (5, 6))
MASK = RNG.random((5, 6, 1))


@pytest.mark.parametrize("form", ["npz", "order", "npy"])
def test_rows_are_for_each_input_when_arrays_are_of_many(form: str, tmp_path: Path) -> None:
    files = [tmp_path / "rows.npz"]
    if form == "npz":
        np.savez(files[0], mask=MASK, ids=IDS)
    elif form == "order":
        np.savez(files[0], IDS, MASK)
    else:
        files = [tmp_path / "mask.npy", tmp_path / "ids.npy"]
        for file, array in zip(files, (MASK, IDS), strict=True):
            np.save(file, array)
    rows = read_arrays(files, tokens_and_mask())
    assert len(rows) == 5
    assert rows[3]["ids"].dtype == np.int32
    assert np.array_equal(rows[3]["ids"], IDS[3:4])
    assert np.array_equal(rows[3]["mask"], MASK[3:4].astype(np.float32))


def write(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"ids": IDS}, "has no array for input mask"),
        ({"ids": IDS, "mask": MASK[:3]}, "as many values for each input, got ids 5, mask 3"),
        ({"ids": IDS[:, :4], "mask": MASK}, r"array \[5, 4\], expected \[1, 6\] for input ids"),
        ({"ids": IDS + 0.5, "mask": MASK}, "float64 cannot be given to input ids"),
        ({"ids": np.full((1, 6), 2**40), "mask": MASK[:1]}, "int64 cannot be given to input ids"),
    ],
)
def test_arrays_are_refused_when_they_fit_no_input(
    arrays: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        read_arrays([write(tmp_path / "rows.npz", **arrays)], tokens_and_mask())


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_file_is_named_when_it_holds_no_arrays(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no array")
    with pytest.raises(FileError, match=name):
        read_arrays([tmp_path / name], arithmetic())


def test_objects_are_refused_when_a_file_would_run_code(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([print], object))
    with pytest.raises(FileError, match=r"x\.npy"):
        read_arrays([tmp_path / "x.npy"], arithmetic())


@pytest.mark.parametrize("recipe", ["hybrid-int8", "mixed-int4", "full-int8", "int16x8"])
def test_text_model_is_calibrated_when_arrays_are_given(recipe: str, tmp_path: Path) -> None:
    source, output = tmp_path / "text.tflite", tmp_path / "out.tflite"
    write_model(tokens_and_mask(), source)
    folder = tmp_path / "arrays"
    folder.mkdir()
    write(folder / "rows.npz", ids=IDS, mask=MASK)
    found = tflite.quantize(source, recipe, output, calibration=[folder])
    assert found.is_good
    assert not any("pictures are fed" in note for note in found.report.notes)
    compared = tflite.compare(source, output, images=folder, max_nsr=0.02)
    assert compared.is_good
    assert compared.comparison.samples == 5


def test_pictures_and_arrays_are_refused_when_given_together(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", GREY[None])
    with pytest.raises(UsageError, match="arrays and pictures"):
        samples_of(arithmetic(), [tmp_path / "x.npy", "picture.png"])


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 255.0)])
def test_recipe_serves_the_range_when_it_is_said(low: float, high: float, tmp_path: Path) -> None:
    offset = -low
    steps = (("ADD", offset), ("MUL", 1 / (high - low)), ("MUL", 3.7))  # to 0..3.7, not usual
    write_model(arithmetic(*steps), tmp_path / "float.tflite")
    wrong = tflite.quantize(tmp_path / "float.tflite", "full-int8", tmp_path / "wrong.tflite")
    assert any("nothing in the file says" in note for note in wrong.report.notes)
    form = {"input_range": (low, high)}
    right = tflite.quantize(
        tmp_path / "float.tflite", "full-int8", tmp_path / "right.tflite", **form
    )
    assert not any("pictures are fed" in note for note in right.report.notes)
    error = {
        name: tflite.compare(
            tmp_path / "float.tflite", tmp_path / f"{name}.tflite", **form
        ).comparison.error
        for name in ("wrong", "right")
    }
    assert 20 * error["right"].severity < error["wrong"].severity


def test_placeholders_are_named_when_a_verb_fails_for_them(tmp_path: Path) -> None:
    path = placeholder(tmp_path)
    found = tflite.quantize(path, "dynamic-int8", tmp_path / "q.tflite")
    assert "x [1, 1, 1, 1]: `input_shape` says them" in str(found.refusal)
    with pytest.raises(UsageError, match="`input_shape`"):
        tflite.reduce(path, tmp_path / "reduced.tflite")
    with pytest.raises(ModelError, match="`input_shape` says them"):
        tflite.quantize(path, "full-int8", tmp_path / "q.tflite")
    shape = {"x": (1, 4, 4, 6)}
    with pytest.raises(NothingToReduceError):
        tflite.reduce(path, tmp_path / "reduced.tflite", input_shape=shape)


def test_verbs_that_run_a_model_take_sizes_when_the_file_leaves_them_open(tmp_path: Path) -> None:
    path = placeholder(tmp_path)
    form: dict[str, Any] = {"input_shape": {"x": (1, 4, 4, 6)}}
    profiled = tflite.profile(path, rounds=1, **form)
    assert profiled.is_good and profiled.path == path
    leaned = tflite.lean(path, tmp_path / "lean.tflite", **form)
    assert leaned.is_good and leaned.same.difference is not None
    benched = tflite.bench([path, path], rounds=1, draws=2, **form)
    assert [one.failure for one in benched.engines] == [None, None]
    assert {one.model for one in benched.engines} == {str(path)}
    tried = tflite.check(path, devices=["cpu"], **form)
    assert tried.is_good and tried.path == path
    np.save(tmp_path / "rows.npy", RNG.normal(size=(2, 1, 4, 4, 6)).astype(np.float32))
    costs = tflite.sensitivity(path, images=tmp_path / "rows.npy", **form).costs
    assert costs and all(np.isfinite(cost.nmse_img) for cost in costs)
    assert not path.with_name(path.name + ".sensitivity.part").exists()


def test_difference_is_reduced_when_the_file_leaves_sizes_open(tmp_path: Path) -> None:
    path, form = placeholder(tmp_path), {"input_shape": {"x": (1, 4, 4, 6)}}
    other = read_model(path)
    for tensor in other.main.tensors():
        if tensor.is_constant and tensor.dtype == "FLOAT32":
            tensor.buffer = Buffer.of(-tensor.buffer.data.view(np.float32))
    write_model(other, tmp_path / "other.tflite")
    reduced = tmp_path / "reduced.tflite"
    found = tflite.reduce(tmp_path / "other.tflite", reduced, float_model=path, **form)
    assert "differ" in found.reduction.title
    assert all(size > 1 for size in read_model(reduced).main.inputs[0].shape[1:3])

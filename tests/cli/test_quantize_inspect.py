"""``edgeseal quantize`` and ``edgeseal inspect``."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.commands import BITS, SIZE, Done, Run
from edgeseal.tflite.graph import read_model
from edgeseal.tflite.probe import refusal
from edgeseal.watermark.evaluate import _embedder_gate, _watermark
from edgeseal.watermark.runtime import read_info


def test_sizes_are_told_when_a_file_of_edgeseal_is_quantized(
    run: Run, detector: Path, converted: Path, tmp_path: Path
) -> None:
    output = tmp_path / "q.tflite"
    arguments = ["quantize", detector, "--recipe", "dynamic-int8", "-o", output]
    record = run(*arguments, "--json").json
    assert record["schema_version"] == 1
    assert record["size_bytes_before"] == detector.stat().st_size
    assert record["size_bytes"] == output.stat().st_size < detector.stat().st_size
    assert record["refusal"] is None
    assert read_info(read_model(output)).recipe == "dynamic-int8"
    twin = converted / "tiny_detector_dynamic-int8.tflite"
    assert output.stat().st_size == pytest.approx(twin.stat().st_size, rel=0.01)
    assert "exists already" in run(*arguments).refused()
    done = run(*arguments, "--overwrite")
    assert done.status == 0
    assert f"{output}: " in done.out
    assert " MiB -> " in done.out


def test_weights_shrink_when_the_file_is_foreign(run: Run, foreign: Path, tmp_path: Path) -> None:
    output = tmp_path / "q.tflite"
    done = run("quantize", foreign, "--recipe", "dynamic-int8", "-o", output)
    assert done.status == 0, done.err
    assert output.stat().st_size < 0.6 * foreign.stat().st_size


def test_error_says_so_when_there_is_nothing_to_quantize(
    run: Run, not_quantizable: Path, tmp_path: Path
) -> None:
    output = tmp_path / "q.tflite"
    done = run("quantize", not_quantizable, "--recipe", "dynamic-int8", "-o", output)
    assert "nothing to quantize" in done.refused()
    assert not output.exists()


def test_kernel_speaks_when_the_result_cannot_run(
    run: Run, refused_model: Path, foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = refusal(refused_model)
    assert genuine is not None
    monkeypatch.setattr("edgeseal.tflite.verbs._quantize._refusal", lambda *_: genuine)
    arguments = ["quantize", foreign, "--recipe", "dynamic-int8", "-o", tmp_path / "q.tflite"]
    done = run(*arguments, "--json")
    assert done.status == 1
    assert (done.json["refusal"], done.json["path"]) == (genuine, None)
    assert not (tmp_path / "q.tflite").exists()
    assert "BATCH_MATMUL" in done.err


def test_source_is_kept_when_it_is_named_as_the_output(run: Run, foreign: Path) -> None:
    before = foreign.read_bytes()
    arguments = ["quantize", foreign, "--recipe", "dynamic-int8", "-o", foreign, "--overwrite"]
    assert "is an input itself" in run(*arguments).refused()
    assert foreign.read_bytes() == before


@pytest.mark.parametrize("recipe", ["float32", "int7"])
def test_recipe_is_refused_when_it_quantizes_nothing(
    recipe: str, run: Run, foreign: Path, tmp_path: Path
) -> None:
    arguments = ["quantize", foreign, "--recipe", recipe, "-o", tmp_path / "q.tflite"]
    assert recipe in run(*arguments).refused()


def test_model_is_refused_when_it_is_quantized_already(
    run: Run, converted: Path, tmp_path: Path
) -> None:
    source = converted / "tiny_detector_dynamic-int8.tflite"
    arguments = ["quantize", source, "--recipe", "dynamic-int8", "-o", tmp_path / "q.tflite"]
    assert f"{source}: is quantized already" in run(*arguments).refused()


@pytest.mark.parametrize("verb", ["quantize", "inspect", "embed", "detect"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read"),
        (b"hello, I am a text\n", "not a .tflite model"),
        (b"", "empty"),
        ("cut", "damaged"),
    ],
)
def test_model_is_refused_when_it_is_no_model(
    verb: str, content: bytes | str | None, expected: str, run: Run, detector: Path,
    photos: Path, tmp_path: Path,
) -> None:  # fmt: skip
    path = tmp_path / "notes [x].tflite"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else detector.read_bytes()[:600])
    out = tmp_path / "out"
    more = {
        "quantize": [path, "--recipe", "dynamic-int8", "-o", out],
        "inspect": [path],
        "embed": [photos, "--model", path, "--message", "random", "-o", out],
        "detect": [photos, "--model", path],
    }
    error = run(verb, *more[verb]).refused()
    assert f"{path}: " in error
    assert expected in error
    assert not out.exists()


def test_inspection_shows_everything_when_the_file_is_described(run: Run, converted: Path) -> None:
    path = converted / "tiny_detector_dynamic-int8.tflite"
    done = run("inspect", path)
    assert done.status == 0
    expected = (
        str(path), "tiny, detector, recipe dynamic-int8, 16 bits", "checkpoint tiny.pth, SHA-256 ",
        "signature serving_default: image FLOAT32", "FULLY_CONNECTED", "INT8", "highest rank 4",
        "0 BROADCAST_TO", "schema version 3",
    )  # fmt: skip
    assert all(text in done.out for text in expected), done.out


def test_inspection_counts_agree_when_printed_as_json(run: Run, detector: Path) -> None:
    record = run("inspect", detector, "--ops", "--json").json
    model = record["model"]
    assert record["schema_version"] == 1
    assert record["size_bytes"] == detector.stat().st_size
    assert record["description"]["bits"] == BITS
    (signature,) = model["signatures"]
    assert signature["inputs"][0]["shape"] == [1, SIZE, SIZE, 3]
    assert signature["outputs"][0]["name"] == "logits"
    assert len(model["operators"]) == sum(kind["count"] for kind in model["kinds"])
    constants = sum(kind["constant_bytes"] for kind in model["types"])
    assert 0.8 * record["size_bytes"] < constants < record["size_bytes"]
    assert model["highest_rank"] == 4
    assert model["broadcast_to"] == 0


def test_inspection_works_when_the_file_is_foreign_or_refused(
    run: Run, foreign: Path, refused_model: Path
) -> None:
    done = run("inspect", foreign)
    assert done.status == 0
    assert "not described by edgeseal" in done.out
    assert "no signature: " in done.out
    done = run("inspect", refused_model, "--ops")
    assert done.status == 0
    assert "const INT8 [1, 4, 4], FLOAT32 [1, 4, 4]" in done.out


def test_inspection_goes_on_when_the_description_is_damaged(
    run: Run, detector: Path, tmp_path: Path
) -> None:
    path = tmp_path / "odd.tflite"
    path.write_bytes(detector.read_bytes().replace(b'"bits": 16', b'"bits": -1'))
    done = run("inspect", path)
    assert done.status == 0
    assert "warning: " in done.err
    assert "schema version 3" in done.out


def test_watermark_is_compared_when_an_embedder_is_quantized(
    run: Run, embedder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["quantize", embedder, "--recipe", "dynamic-int8", "-o", tmp_path / "int8.tflite"]
    done = run(*command, "--json")
    assert done.status == 0
    assert -80 < done.json["watermark_error_db"] < -8
    monkeypatch.setattr(_embedder_gate, "MAX_WATERMARK_ERROR_DB", -90.0)
    monkeypatch.setattr(_watermark, "MAX_WATERMARK_ERROR_DB", -90.0)
    done = run(*command, "--overwrite")
    assert done.status == 1
    assert "watermark error: -" in done.out
    assert "draws another watermark" in done.err


def test_watermark_is_compared_when_an_embedder_is_converted(conversion: Done) -> None:
    errors = {
        (file["part"], file["recipe"]): file["watermark_error_db"]
        for file in conversion.json["files"]
    }
    assert errors.pop(("embedder", "dynamic-int8")) < -8
    assert set(errors.values()) == {None}


def test_ranges_are_saved_shown_and_reused_when_asked_for(
    run: Run, detector: Path, photos: Path, tmp_path: Path
) -> None:
    ranges, first, second = (tmp_path / name for name in ("r.json", "1.tflite", "2.tflite"))
    hybrid = ["quantize", detector, "--recipe", "hybrid-int8"]
    done = run(*hybrid, "-o", first, "--calibration", photos, "--save-ranges", ranges)
    assert done.status == 0, done.err
    assert "pictures" in done.err and "times the quantization error" in done.err
    assert not (tmp_path / "r.json.progress").exists()
    shown = run("ranges", ranges, "--method", "mse", "--json").json
    assert shown["inputs"] == 3
    assert all(row["low"] <= 0 <= row["high"] for row in shown["tensors"])
    assert run("ranges", ranges).out.count("\n") > len(shown["tensors"])
    assert run(*hybrid, "-o", second, "--ranges", ranges).status == 0
    assert first.read_bytes() == second.read_bytes()


def test_calibration_is_refused_when_it_cannot_serve(
    run: Run, detector: Path, embedder: Path, bad_photos: Path, tmp_path: Path
) -> None:
    output, ranges, empty = (tmp_path / name for name in ("q.tflite", "r.json", "empty"))
    empty.mkdir()
    hybrid = ["quantize", detector, "--recipe", "hybrid-int8", "-o", output]
    assert "no pictures" in run(*hybrid, "--calibration", empty).refused()
    done = run(*hybrid, "--calibration", bad_photos / "bomb.png")  # found out while calibrating
    assert done.status == 2
    assert "Error: " in done.err and "bomb.png" in done.err
    assert "cannot be read" in run(*hybrid, "--ranges", ranges).refused()
    ranges.write_text("{}")
    assert "not a ranges file" in run(*hybrid, "--ranges", ranges).refused()
    assert "not a ranges file" in run("ranges", ranges).refused()
    contradiction = [*hybrid, "--ranges", ranges, "--calibration", empty]
    assert "contradict" in run(*contradiction).refused()
    ranges.unlink()
    other = ["quantize", embedder, "--recipe", "hybrid-int8", "-o", tmp_path / "e.tflite"]
    assert run(*other, "--save-ranges", ranges).status == 0
    assert "ranges of another model" in run(*hybrid, "--ranges", ranges).refused()
    assert not output.exists()


def test_integer_ends_are_refused_before_any_work_when_floats_are_left(
    run: Run, detector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("worked on what was to be refused")

    monkeypatch.setattr("edgeseal.tflite.calibration.Calibration.observe", work)
    monkeypatch.setattr("edgeseal.tflite.verbs._quantize.write_model", work)
    for recipe in ("dynamic-int8", "hybrid-int8"):
        output = tmp_path / "q.tflite"
        done = run("quantize", detector, "--recipe", recipe, "--io", "int8", "-o", output)
        assert "--io int8 goes with recipes that make every operator" in done.refused()
        assert f"{recipe} leaves some float" in done.err
        assert not output.exists()

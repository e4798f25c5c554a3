"""Files of other quantizers: what cannot matter is left alone, what matters is said per part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeseal import tflite
from edgeseal.tflite.graph import Model, new_operator, output_parts, read_model, write_model
from graphs import constant, kinds, model_of, value
from tflite.rewrites.test_rewrites import blocks_of_weights

SHAPE = (1, 4, 4, 8)
NONE = {"fusedActivationFunction": 0}


def nearly_nothing(scale: float) -> Model:
    """A product whose result's scale is far below the step of the sum that it goes into."""
    a, b, c = (
        value(n, SHAPE, "UINT8", s) for n, s in zip("abc", (1 / 255, 5e-6, 0.02), strict=True)
    )
    m, y = value("m", SHAPE, "UINT8", scale), value("y", SHAPE, "UINT8", 0.02)
    operators = [
        new_operator("MUL", [a, b], [m], **NONE),
        new_operator("ADD", [m, c], [y], potScaleInt16=False, **NONE),
    ]
    return model_of([a, b, c], [y], operators)


def codes(path: Path) -> set[str]:
    return {finding.code for finding in tflite.check(path).findings}


def test_no_error_is_found_when_it_cannot_show(tmp_path: Path) -> None:
    path, mended = tmp_path / "tiny.tflite", tmp_path / "mended.tflite"
    write_model(nearly_nothing(1.2e-35), path)
    assert "ES029" not in codes(path)
    repaired = tflite.repair(path, mended)
    assert kinds(read_model(mended)) == ["MUL", "ADD"]
    assert repaired.result.agreement is not None
    assert repaired.result.agreement.is_identical


def test_scales_of_blocks_are_named_and_raised_when_they_are_zero(tmp_path: Path) -> None:
    path, mended = tmp_path / "blocks.tflite", tmp_path / "mended.tflite"
    write_model(blocks_of_weights(with_zero_scale=True), path)
    (finding,) = (f for f in tflite.check(path).findings if f.code == "ES015")
    assert "1 of 16 scales of blocks" in finding.message
    assert tflite.repair(path, mended).is_good
    assert tflite.check(mended).is_good
    assert "ES015" not in codes(mended)


def boxes_and_scores(dtype: str) -> Model:
    """Boxes up to 100 beside scores up to 1, transposed; INT8 in the scale of the boxes."""
    x = value("x", (1, 4, 6))
    wide, boxes, scores = (value(n, (1, 4, 6)) for n in ("wide", "boxes", "scores"))
    joined, y = value("joined", (1, 8, 6)), value("y", (1, 6, 8))
    operators = [
        new_operator("MUL", [x, constant("stride", np.float32(100))], [wide], **NONE),
        new_operator("RELU", [wide], [boxes]),
        new_operator("RELU", [x], [scores]),
    ]
    if dtype == "FLOAT32":
        last, target = joined, y
        operators.append(new_operator("CONCATENATION", [boxes, scores], [last], axis=1, **NONE))
        operators.append(new_operator("TRANSPOSE", [last, constant("o", [0, 2, 1])], [target]))
        return model_of([x], [y], operators)
    stored = [value(f"{n}/int8", (1, 4, 6), "INT8", 0.4, -128) for n in ("boxes", "scores")]
    fine = value("fine", (1, 4, 6), "INT8", 1 / 255, -128)
    last, turned = (
        value("last", (1, 8, 6), "INT8", 0.4, -128),
        value("t", (1, 6, 8), "INT8", 0.4, -128),
    )
    operators += [
        new_operator("QUANTIZE", [boxes], [stored[0]]),
        new_operator("QUANTIZE", [scores], [fine]),
        new_operator("QUANTIZE", [fine], [stored[1]]),
        new_operator("CONCATENATION", stored, [last], axis=1, **NONE),
        new_operator("TRANSPOSE", [last, constant("o", [0, 2, 1])], [turned]),
        new_operator("DEQUANTIZE", [turned], [y]),
    ]
    return model_of([x], [y], operators)


@pytest.mark.parametrize("dtype", ["FLOAT32", "INT8"])
def test_parts_are_where_the_joined_values_went(dtype: str) -> None:
    main = boxes_and_scores(dtype).main
    whole = slice(None)
    assert output_parts(main, main.outputs[0]) == [
        (whole, whole, slice(0, 4)),
        (whole, whole, slice(4, 8)),
    ]
    assert output_parts(main, main.inputs[0]) == []


def test_worst_part_counts_when_another_is_large(tmp_path: Path) -> None:
    files = [tmp_path / f"{dtype}.tflite" for dtype in ("FLOAT32", "INT8")]
    for file in files:
        write_model(boxes_and_scores(file.stem), file)
    compared = tflite.compare(*files, draws=3, max_nsr=1e-3)
    (output,) = compared.comparison.outputs
    boxes, scores = output.parts
    assert output.error.severity < 1e-4
    assert boxes.severity < 1e-4 < 0.01 < scores.severity
    assert not compared.is_good
    assert "NSR of the parts" in str(compared)
    repaired = tflite.repair(files[1], tmp_path / "mended.tflite", float_model=files[0])
    assert repaired.result.companion is not None
    agreement = repaired.result.companion.after
    assert agreement is not None
    assert agreement.nmse == max(agreement.parts) > 0.01
    assert "ES033" in codes(files[1])

"""What a model file says about itself."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from edgeseal.errors import ModelError
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.watermark.runtime import ModelInfo, attach_info, read_info


def test_description_is_the_same_when_written_and_read(info: ModelInfo) -> None:
    full = dataclasses.replace(
        info,
        attenuation="jnd_1_1",
        step_size=4,
        checkpoint="https://example.org/model.pth",
        checkpoint_sha256="0f" * 32,
        random_seed=None,
        scaling_w=0.2,
        tools={"torch": "2.13.0", "edgeseal": "0.1.0"},
    )
    for example in (info, full):
        assert ModelInfo.from_json(example.to_json()) == example
        assert ModelInfo.from_json(example.to_json().encode()) == example
        assert json.loads(example.to_json())["schema_version"] == 1


def test_description_travels_when_model_is_written_and_read(pair: Any, tmp_path: Path) -> None:
    model = read_model(pair.detector)
    info = dataclasses.replace(read_info(model), recipe="dynamic-int8", card="Größe")
    attach_info(model, info)
    write_model(model, tmp_path / "copy.tflite")
    assert read_info(read_model(tmp_path / "copy.tflite")) == info


def test_unknown_fields_are_ignored_when_a_newer_edgeseal_adds_them(info: ModelInfo) -> None:
    record = json.loads(info.to_json()) | {"novelty": 1}
    assert ModelInfo.from_json(json.dumps(record)) == info


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"\xff\xfe", "no JSON"),
        (b"{", "no JSON"),
        (b"[]", "JSON object, got list"),
        (b"{}", "schema version None, expected 1"),
        (b'{"schema_version": 2}', "schema version 2, expected 1"),
        (b'{"schema_version": 1}', "lacks card, part"),
        (b'{"schema_version": 1, "scaling_w": NaN}', "has NaN, which is no number"),
    ],
)
def test_description_is_refused_when_it_cannot_be_read(text: bytes, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        ModelInfo.from_json(text)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("card", ""),
        ("part", "decoder"),
        ("recipe", None),
        ("bits", 0),
        ("bits", True),
        ("bits", 9.5),
        ("image_size", "256"),
        ("scaling_w", "much"),
        ("scaling_i", None),
        ("attenuation", 3),
        ("step_size", -1),
        ("checkpoint", ""),
        ("checkpoint_sha256", "F" * 64),
        ("random_seed", -1),
        ("input_range", [0, 255]),
        ("layout", "NCHW"),
        ("tools", {"torch": 2}),
    ],
)
def test_description_is_refused_when_a_field_is_wrong(
    info: ModelInfo, field: str, value: Any
) -> None:
    record = json.loads(info.to_json()) | {field: value}
    with pytest.raises(ModelError, match=f"{field} must be"):
        ModelInfo.from_json(json.dumps(record))


@pytest.mark.parametrize("field", ["included_attenuation", "pruning"])
def test_description_is_read_when_it_is_older_than_a_field(info: ModelInfo, field: str) -> None:
    record = json.loads(info.to_json())
    del record[field]
    assert ModelInfo.from_json(json.dumps(record)) == info


def test_all_wrong_fields_are_named_when_there_are_several(info: ModelInfo) -> None:
    with pytest.raises(ModelError, match=r"bits must.*layout must"):
        dataclasses.replace(info, bits=0, layout="CHW")


def test_error_says_how_to_make_one_when_the_file_is_foreign(pair: Any) -> None:
    model = read_model(pair.detector)
    model.metadata = {"min_runtime_version": b"2.0"}
    with pytest.raises(ModelError, match=r"x\.tflite: was not written by edgeseal.*convert CARD"):
        read_info(model, source="x.tflite")


def test_error_names_the_file_when_the_description_is_damaged(pair: Any) -> None:
    model = read_model(pair.detector)
    model.metadata["edgeseal"] = b"{"
    with pytest.raises(ModelError, match=r"x\.tflite: .*no JSON.*convert it again"):
        read_info(model, source="x.tflite")

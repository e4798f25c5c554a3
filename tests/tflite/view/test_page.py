"""The page as text: complete, self-contained, without weights, and safe whatever names hold."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseal.errors import MissingExtraError, OutputExistsError
from edgeseal.tflite.diagnosis import Level
from edgeseal.tflite.graph import Model, new_operator
from edgeseal.tflite.view import (
    Combine,
    FindingNote,
    Measure,
    Overlay,
    render_page,
    write_page,
)
from edgeseal.tflite.view._families import OperatorFamily, family_of
from graphs import constant, made, model_of, value
from tflite.view.samples import HOSTILE, hostile, layer, layered, saved, with_functions


def data_of(page: str) -> dict[str, Any]:
    (found,) = re.findall(r'<script type="application/json" id="model-data">(.*?)</script>', page)
    record: dict[str, Any] = json.loads(found)
    return record


def rendered(model: Model, folder: Path, overlay: Overlay | None = None) -> str:
    return render_page(model, saved(model, folder), overlay)


def test_page_holds_every_operator_when_rendered(tmp_path: Path) -> None:
    model = layered()
    data = data_of(rendered(model, tmp_path))
    (graph,) = data["subgraphs"]
    assert [o["k"] for o in graph["operators"]] == [o.kind for o in model.operators()]
    assert [o.get("m", "") for o in graph["operators"]][1] == "body.0.norm"
    assert data["file"]["size"] == (tmp_path / "sample.tflite").stat().st_size


def test_page_holds_no_weights_when_the_model_is_large(tmp_path: Path) -> None:
    x, y = value("x", (1, 1024)), value("y", (1, 1024))
    model = model_of([x], [y], [layer(x, y)])
    numbers = np.random.default_rng(0).standard_normal((1024, 1024), np.float32)
    weights = model.main.operators[0].inputs[1]
    assert weights is not None
    weights.shape, weights.buffer = numbers.shape, constant("w", numbers).buffer
    page = rendered(model, tmp_path)
    assert (tmp_path / "sample.tflite").stat().st_size > 4_000_000
    assert len(page) < 300_000


def test_small_shapes_are_shown_when_they_are_whole_numbers(tmp_path: Path) -> None:
    x, y = value("x", (2, 3)), value("y", (3, 2))
    shape, secret = constant("shape", [3, 2]), constant("secret", [0.5, 0.25])
    step = new_operator("RESHAPE", [x, shape, secret], [y])
    tensors = data_of(rendered(model_of([x], [y], [step]), tmp_path))["subgraphs"][0]["tensors"]
    assert {t["n"]: t.get("x") for t in tensors} == {
        "x": None,
        "y": None,
        "shape": "3, 2",
        "secret": None,
    }


def test_quantization_is_told_when_tensors_have_it(tmp_path: Path) -> None:
    x = value("x", (1, 8), "INT8", 0.5, -3)
    y = value("y", (1, 8), "INT8", 0.25)
    step = layer(x, y)
    step.inputs[1] = constant("w", np.ones((8, 8), np.int8), np.linspace(0.1, 0.8, 8))
    tensors = data_of(rendered(model_of([x], [y], [step]), tmp_path))["subgraphs"][0]["tensors"]
    told = {tensor["n"]: tensor["q"] for tensor in tensors}
    assert told == {
        "x": "scale 0.5; zero point -3",
        "y": "scale 0.25; zero point 0",
        "w": "8 scales along axis 0, 0.1 to 0.8; zero point 0",
    }


def test_called_functions_are_told_when_there_is_control_flow(tmp_path: Path) -> None:
    graphs = data_of(rendered(with_functions(), tmp_path))["subgraphs"]
    assert [graph["name"] for graph in graphs] == ["main", "condition", "body"]
    assert graphs[0]["operators"][0]["g"] == [1, 2]


def test_findings_are_listed_once_when_many_operators_share_them(tmp_path: Path) -> None:
    model = layered()
    note = FindingNote("ES010", Level.ERROR, "it fails", "title")
    sums = [operator for operator in model.operators() if operator.kind == "ADD"]
    overlay = Overlay(
        findings={operator: [note] for operator in sums},
        model_findings=[FindingNote("ES040", Level.NOTE, "of the model")],
    )
    of_model, of_sums = data_of(rendered(model, tmp_path, overlay))["findings"]
    assert of_model["on"] == []
    assert of_sums["on"] == [[0, i] for i, o in enumerate(model.operators()) if o.kind == "ADD"]
    assert (of_sums["code"], of_sums["level"]) == ("ES010", "error")


def test_numbers_survive_when_they_are_not_finite(tmp_path: Path) -> None:
    model = layered()
    first, second, third, *_ = model.operators()
    values = {first: math.inf, second: math.nan, third: 1.23456789e-9}
    overlay = Overlay(measures=[Measure("error", values, combine=Combine.SUM)])
    (measure,) = data_of(rendered(model, tmp_path, overlay))["measures"]
    assert measure["values"][0][:4] == ["Infinity", "NaN", 1.23457e-9, None]
    assert measure["combine"] == "sum"


def test_names_stay_data_when_they_are_hostile(tmp_path: Path) -> None:
    page = rendered(hostile(), tmp_path)
    assert HOSTILE not in page
    assert "window.pwned" in page  # but escaped, within the data
    assert page.count("</script>") == 3
    (graph,) = data_of(page)["subgraphs"]
    assert graph["operators"][0]["k"] == HOSTILE


def test_file_name_is_escaped_when_it_is_hostile(tmp_path: Path) -> None:
    model = layered()
    path = saved(model, tmp_path, "<img src=x onerror=alert(1)> @@data@@.tflite")
    page = render_page(model, path)
    assert "<title>&lt;img src=x onerror=alert(1)&gt; @@data@@.tflite</title>" in page
    assert "<img" not in page


def test_nothing_else_may_run_when_the_page_is_open(tmp_path: Path) -> None:
    """The policy names the page's own two scripts and its style by their hashes."""
    page = rendered(layered(), tmp_path)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    parts = [*re.findall(r"<script>(.*?)</script>", page, re.DOTALL)]
    parts += re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert len(parts) == 3
    for part in parts:
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []


def test_licences_come_along_when_the_library_is_included(tmp_path: Path) -> None:
    page = rendered(layered(), tmp_path)
    for owner in ("2012-2014 Chris Pettitt", "(c) 2014, Chris Pettitt", "Lo-Dash", "DocumentCloud"):
        assert owner in page


def test_page_is_kept_when_it_is_there_already(tmp_path: Path) -> None:
    model, output = layered(), tmp_path / "page.html"
    source = saved(model, tmp_path)
    output.write_text("mine")
    with pytest.raises(OutputExistsError):
        write_page(model, source, output)
    assert output.read_text() == "mine"
    write_page(model, source, output, overwrite=True)
    assert output.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_extra_is_named_when_the_library_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xstatic.pkg.dagre", None)
    with pytest.raises(MissingExtraError, match=r"needs the extra \[view\]: install it with"):
        rendered(layered(), tmp_path)


def test_families_name_only_operators_that_the_schema_has() -> None:
    from edgeseal.tflite.graph import enum_names
    from edgeseal.tflite.view._families import _FAMILIES, _KINDS

    listed = [kind for kinds in _KINDS.values() for kind in kinds.split()]
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(enum_names("BuiltinOperator").values())
    assert family_of(made(layered(), "logits")) is OperatorFamily.MATRIX
    assert _FAMILIES["TANH"] is OperatorFamily.ACTIVATION
    assert family_of(hostile().main.operators[0]) is OperatorFamily.CUSTOM

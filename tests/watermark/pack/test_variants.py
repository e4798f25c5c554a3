"""Packs for devices: only what is right there, with what the device's compiler makes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.devices import Device, find_device
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.quantization import find_recipe, quantize
from edgeseal.watermark.pack import pack
from edgeseal.watermark.runtime import read_info
from pairs import Pair
from tflite.devices.needs import needs

_SCALED = """
import sys
from dataclasses import replace
from pathlib import Path
from edgeseal.tflite.devices import _cpu_worker
from edgeseal.tflite.workers import serve
def answer(request):
    Path(sys.argv[2], "compiled.tflite").write_bytes(request.model)
    found = _cpu_worker.answer(request)
    scaled = tuple(tuple(values * float(sys.argv[1]) for values in one) for one in found.outputs)
    return replace(found, outputs=scaled)
serve(answer)
"""


def scaling(name: str, factor: float, folder: Path) -> Device:
    """Return a device that computes a processor's values times a factor, and compiles to a copy."""
    script = folder / "worker.py"
    script.write_text(_SCALED)
    return Device(name, "a device for tests", (sys.executable, str(script), str(factor)))


def contract(folder: Path) -> dict:
    (model,) = json.loads((folder / "contract.json").read_text())["models"]
    return model


def test_contract_says_how_far_off_a_device_is(pair: Pair, tmp_path: Path) -> None:
    packed = pack([pair.detector], tmp_path / "app", devices=["cpu"])
    (variant,) = packed.models[0].variants
    assert (variant.device, variant.signs, variant.file) == ("cpu", 1.0, None)
    assert variant.nsr == pytest.approx(0, abs=1e-12)
    assert contract(packed.folder)["devices"] == [variant.to_json()]
    assert str(packed).endswith("right on cpu")


def test_what_a_compiler_makes_is_packed(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = scaling("chip:x1", 1.001, tmp_path)
    monkeypatch.setattr("edgeseal.watermark.pack._pack.find_devices", lambda _: [device])
    packed = pack([pair.detector], tmp_path / "app", devices=["chip:x1"])
    (variant,) = packed.models[0].variants
    assert variant.nsr == pytest.approx(1e-6, rel=0.01)
    assert variant.file == f"{pair.detector.stem}_chip_x1.tflite"
    content = (packed.folder / "models" / variant.file).read_bytes()
    assert len(content) == variant.size_bytes
    assert [one.key for one in read_model(packed.folder / "models" / variant.file).signatures] == [
        "serving_default"
    ]
    assert f"{variant.sha256}  models/{variant.file}" in (packed.folder / "SHA256SUMS").read_text()
    assert contract(packed.folder)["devices"][0]["file"] == f"models/{variant.file}"


def test_nothing_is_packed_when_a_device_is_wrong(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = scaling("chip", -1, tmp_path)
    monkeypatch.setattr("edgeseal.watermark.pack._pack.find_devices", lambda _: [device])
    with pytest.raises(ModelError) as caught:
        pack([pair.detector, pair.embedder], tmp_path / "app", devices=["chip"])
    assert str(caught.value).count("on chip: wrong") == 2  # both are said
    assert [path.name for path in tmp_path.iterdir()] == ["worker.py"]


def test_unknown_device_is_refused_before_the_work(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown device 'tpu'"):
        pack([pair.detector], tmp_path / "app", devices=["tpu"])


@needs("qualcomm:SM8650")
def test_program_for_a_snapdragon_keeps_signature_and_description(
    pair: Pair, tmp_path: Path
) -> None:
    model = read_model(pair.detector)
    quantize(model, find_recipe("full-int8"))
    write_model(model, tmp_path / "whole.tflite")
    packed = pack([tmp_path / "whole.tflite"], tmp_path / "app", devices=["qualcomm:SM8650"])
    (variant,) = packed.models[0].variants
    assert variant.file is not None
    compiled = read_model(packed.folder / "models" / variant.file)
    assert [operator.kind for operator in compiled.main.operators] == ["DISPATCH_OP"]
    (signature,) = compiled.signatures
    assert {name: t.shape for name, t in signature.inputs.items()} == {
        name: t.shape for name, t in model.signatures[0].inputs.items()
    }
    assert read_info(compiled).bits == read_info(model).bits
    assert find_device(variant.device).name == variant.device

"""What peers load, made of small networks of both parts; PyTorch is the oracle."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from conversions import small_card
from edgeseal.errors import CheckpointError
from edgeseal.watermark.cards import Part
from edgeseal.watermark.convert import sample_inputs
from edgeseal.watermark.peers import (
    PEERS,
    PeerWeights,
    _onnx,
    _peer_weights,
    _peers,
    calibration_inputs,
    find_peers,
    prepare_peers,
    weights_of,
)
from edgeseal.watermark.peers._quiet import quiet
from edgeseal.watermark.runtime import Message, ModelInfo

WEIGHTS = {part: PeerWeights("small", part, None, 3) for part in Part}
IN_TURN = ["torch", "onnx", "onnx-dynamic", "onnx-static", "openvino", "openvino-int8"]


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (_peer_weights, _peers):
        monkeypatch.setattr(module, "load_card", lambda name: small_card())


def samples(part: Part) -> list[tuple[NDArray[np.float32], ...]]:
    loaded = WEIGHTS[part].load()
    return [tuple(value.numpy() for value in sample) for sample in sample_inputs(loaded, count=2)]


@pytest.mark.parametrize("part", list(Part), ids=lambda part: part.value)
def test_results_are_those_of_pytorch_when_peers_are_prepared(part: Part, tmp_path: Path) -> None:
    inputs = samples(part)
    steps: list[str] = []
    engines = prepare_peers(
        find_peers(IN_TURN),
        WEIGHTS[part],
        tmp_path,
        calibration=inputs,
        threads=1,
        advance=steps.append,
    )
    assert steps == [f"preparing {PEERS[name].summary}" for name in IN_TURN]
    assert {engine.model for engine in engines} == {f"small {part.value} (seed 3)"}
    found = {}
    for name, engine in zip(IN_TURN, engines, strict=True):
        run = engine.load()
        found[name] = np.concatenate([np.array(run(sample)) for sample in inputs])
    module = WEIGHTS[part].load().module.eval()
    with torch.inference_mode():
        expected = np.concatenate([_plain(module, sample) for sample in inputs])
    for name in ("torch", "onnx", "openvino"):
        np.testing.assert_allclose(found[name], expected, atol=1e-4 * np.abs(expected).max())
    for name in ("onnx-dynamic", "onnx-static", "openvino-int8"):
        assert 0 < np.square(found[name] - expected).mean() < 0.25 * expected.var(), name
    sizes = {name: engine.size_bytes for name, engine in zip(IN_TURN, engines, strict=True)}
    assert sizes["torch"] is None
    assert sizes["onnx-dynamic"] is not None is not sizes["onnx"]
    assert sizes["onnx-dynamic"] < sizes["onnx"]


def _plain(module: torch.nn.Module, sample: tuple[NDArray[np.float32], ...]) -> NDArray[np.float32]:
    """Run upstream's form, which has channels first."""
    picture, *message = map(torch.from_numpy, sample)
    result = module(picture.permute(0, 3, 1, 2), *message)
    found: NDArray[np.float32] = (
        result.permute(0, 2, 3, 1) if result.ndim == 4 else result
    ).numpy()
    return found


def test_export_is_made_once_when_several_peers_start_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def export(weights: PeerWeights, path: Path) -> None:
        made.append(path.name)
        path.write_bytes(b"float")

    monkeypatch.setattr(_peers, "export_onnx", export)
    monkeypatch.setattr(_peers, "quantize_dynamic_onnx", lambda source, path: path.touch())
    names = ["onnx-dynamic", "onnx"]
    prepare_peers(find_peers(names), WEIGHTS[Part.DETECTOR], tmp_path, calibration=[], threads=1)
    assert made == ["float32.onnx"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dynamic.onnx", "float32.onnx"]


def test_refusal_of_our_own_is_raised_when_weights_are_missing(tmp_path: Path) -> None:
    weights = PeerWeights("small", Part.DETECTOR, str(tmp_path / "missing.pth"), None)
    with pytest.raises(CheckpointError, match=r"missing\.pth"):
        prepare_peers(find_peers(["onnx"]), weights, tmp_path, calibration=[], threads=1)


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "flags : fpu avx2", True),
        ("AMD64", "flags : avx2 avx512f", True),
        ("x86_64", "flags : avx2 avx512_vnni", False),
        ("x86_64", "flags : avx2 avx_vnni", False),
        ("x86_64", None, True),  # nobody tells: 7 bits are right everywhere
        ("aarch64", None, False),
        ("aarch64", "Features : asimd", False),
    ],
)
def test_weights_have_seven_bits_when_sums_would_saturate(
    machine: str, flags: str | None, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if flags is not None:
        (tmp_path / "cpuinfo").write_text(flags)
    monkeypatch.setattr(_onnx, "_PROCESSOR", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert _onnx.sums_saturate() is expected


@pytest.mark.parametrize("before", [None, "", "true", "no"])
def test_surroundings_are_as_before_when_others_were_quiet(
    before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before is None:
        monkeypatch.delenv("CI", raising=False)
    else:
        monkeypatch.setenv("CI", before)
    with quiet():
        assert os.environ["CI"] == "true"
    assert os.environ.get("CI") == before
    with pytest.raises(ValueError, match="as asked"), quiet():
        raise ValueError("as asked")
    assert os.environ.get("CI") == before


def test_calibration_is_the_users_pictures_when_they_are_named(tmp_path: Path) -> None:
    info = ModelInfo(card="small", part="embedder", recipe="float32", bits=16, image_size=256)
    paths = [tmp_path / f"{level}.png" for level in (0, 51, 255)]
    for path in paths:
        Image.new("RGB", (40, 30), (int(path.stem),) * 3).save(path)
    found = calibration_inputs(info, paths, seed=7)
    assert [[value.shape for value in sample] for sample in found] == [
        [(1, 256, 256, 3), (1, 16)]
    ] * 3
    for number, (level, (picture, message)) in enumerate(zip((0, 0.2, 1), found, strict=True)):
        np.testing.assert_allclose(picture, level, atol=1e-6)
        np.testing.assert_array_equal(message[0], Message.random(16, seed=7 + number).array())


def test_published_weights_are_the_cards_when_no_checkpoint_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()  # the card that is known
    info = ModelInfo(card="reference", part="detector", recipe="x", bits=96)
    assert weights_of(info, None).checkpoint == "package:reference.pth"
    assert str(weights_of(info, None)) == "reference detector (package:reference.pth)"

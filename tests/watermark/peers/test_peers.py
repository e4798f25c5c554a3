"""Other engines, on the weights of the reference pair: PyTorch is the oracle."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeseal.errors import MissingExtraError, UsageError
from edgeseal.tflite.benchmark import EngineMeasurement, bench
from edgeseal.tflite.metrics import nmse_img, sign_agreement
from edgeseal.watermark.cards import Part, load_card
from edgeseal.watermark.peers import (
    PeerWeights,
    calibration_inputs,
    find_peers,
    prepare_peers,
    weights_of,
)
from edgeseal.watermark.runtime import ModelInfo
from patience import HANG_S
from pink_noise import pink_noise

REFERENCE = PeerWeights("reference", Part.DETECTOR, "package:reference.pth", None)
INFO = ModelInfo(card="reference", part="detector", recipe="float32", bits=96)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, EngineMeasurement]:
    names = ["torch", "onnx-static", "openvino-int8"]
    engines = prepare_peers(
        find_peers(names),
        REFERENCE,
        tmp_path_factory.mktemp("peers"),
        calibration=calibration_inputs(INFO, None)[::6],
        threads=1,
    )
    pictures = [(picture[None],) for picture in pink_noise(6, INFO.image_size, seed=0)]
    found = bench(engines, [pictures] * len(engines), rounds=1, sustained_s=0.01)
    return dict(zip(names, found, strict=True))


@pytest.mark.parametrize("name", ["onnx-static", "openvino-int8"])
def test_integer_file_is_small_and_near_when_quantized(
    name: str, measured: dict[str, EngineMeasurement]
) -> None:
    expected, found = measured["torch"].outputs, measured[name].outputs
    assert expected is not None, measured["torch"].failure
    assert found is not None, measured[name].failure
    # An error of a quarter of the power turns arctan(1 / 2) / pi = 15 of 100 signs.
    assert 0 < nmse_img(found[:, 1:], expected[:, 1:]) < 0.25
    assert sign_agreement(found[:, 1:], expected[:, 1:]) > 0.85
    size_bytes = measured[name].size_bytes
    assert size_bytes is not None
    weights = sum(parameter.numel() for parameter in REFERENCE.load().module.parameters())
    assert size_bytes < 0.35 * 4 * weights


def test_peer_is_reported_when_it_cannot_be_prepared(tmp_path: Path) -> None:
    (tmp_path / "float32.onnx").write_bytes(b"no model")
    engines = prepare_peers(
        find_peers(["onnx-dynamic"]), REFERENCE, tmp_path, calibration=[], threads=1
    )
    (found,) = bench(engines, [[]], rounds=1)
    assert found.failure is not None
    assert "could not be prepared" in found.failure


WATCH = """
import sys
from pathlib import Path

def note(event, details):
    if event == "os.fork" or event == "socket.connect":
        print(event, details, flush=True)

sys.addaudithook(note)
folder = Path(sys.argv[1])
"""
MADE = """
import numpy as np
from edgeseal.watermark.cards import Part
from edgeseal.watermark.peers import PeerWeights
from edgeseal.watermark.peers._openvino import export_openvino, quantize_nncf

weights = PeerWeights("reference", Part.DETECTOR, None, 1)
export_openvino(weights, folder / "float32.xml")
calibration = [(np.full((1, 256, 256, 3), 0.5, np.float32),)]
quantize_nncf(folder / "float32.xml", folder / "int8.xml", calibration, transformer=True)
"""
OPENED = """
from edgeseal.watermark._peer_sessions import open_openvino_model

open_openvino_model(folder / "int8.xml", 1)
"""


def test_nobody_is_told_and_no_process_forked_when_openvino_works(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "intel").mkdir()
    (tmp_path / "home" / "intel" / "openvino_telemetry").write_text("1")  # somebody agreed to it
    signs = ("CI", "TF_BUILD", "JENKINS_URL", "NNCF_CI")
    environment = {name: value for name, value in os.environ.items() if name not in signs}
    for script in (MADE, OPENED):
        done = subprocess.run(
            [sys.executable, "-c", WATCH + script, str(tmp_path)],
            env={**environment, "HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            timeout=HANG_S,
        )
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (tmp_path / "int8.bin").stat().st_size < (tmp_path / "float32.bin").stat().st_size


def test_unknown_peers_are_all_named() -> None:
    with pytest.raises(UsageError, match=r"'onxx' \(did you mean onnx\?\), '7'; known peers"):
        find_peers(["onxx", "torch", "7"])


def test_extra_is_named_when_a_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"the peer torch needs the extra \[peers\]"):
        find_peers([])


def test_random_weights_are_made_again_when_the_file_names_a_seed() -> None:
    info = ModelInfo(card="videoseal_0.0", part="embedder", recipe="x", bits=96, random_seed=4)
    assert weights_of(info, None) == PeerWeights("videoseal_0.0", Part.EMBEDDER, None, 4)
    with pytest.raises(UsageError, match="made from random weights, seed 4"):
        weights_of(info, "other.pth")


def test_other_checkpoint_is_refused_when_the_checksum_differs(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(b"x")
    info = ModelInfo(
        card="reference", part="detector", recipe="x", bits=96, checkpoint_sha256="0" * 64
    )
    with pytest.raises(UsageError, match="is not the checkpoint that the model was made from"):
        weights_of(info, str(path))


def test_calibration_differs_from_the_photographs_and_is_repeatable() -> None:
    first, again = (calibration_inputs(INFO, None, seed=3) for _ in range(2))
    assert len(first) == 48
    assert all(len(sample) == 1 for sample in first)
    np.testing.assert_array_equal(first[5][0], again[5][0])
    assert load_card("reference").image_size == first[0][0].shape[1]

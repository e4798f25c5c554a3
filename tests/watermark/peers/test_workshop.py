"""Files that peers share: made once, and never taken half-made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgeseal.errors import ConversionError, MissingExtraError, UsageError
from edgeseal.watermark.cards import Part
from edgeseal.watermark.peers import PEERS, Peer, PeerWeights, _peers, find_peers, prepare_peers
from edgeseal.watermark.peers._peer_weights import weights_of
from edgeseal.watermark.runtime import ModelInfo

WEIGHTS = PeerWeights("reference", Part.DETECTOR, None, 3)
NAMES = ("onnx", "onnx-dynamic")


class Exporter:
    """Fails half-way as often as it is told, and then writes a whole file."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.calls = 0

    def __call__(self, weights: PeerWeights, path: Path) -> None:
        assert weights == WEIGHTS
        self.calls += 1
        path.write_text("half")
        if self.failures:
            raise self.failures.pop(0)
        path.write_text("whole")


@pytest.fixture
def two_peers(monkeypatch: pytest.MonkeyPatch) -> list[Peer]:
    """Two that start from the same export."""
    monkeypatch.setattr(_peers, "quantize_dynamic_onnx", shutil.copy)
    return [PEERS[name] for name in NAMES]


def prepared(peers: list[Peer], folder: Path, said: list[str]) -> list[object]:
    return [*prepare_peers(peers, WEIGHTS, folder, calibration=[], threads=1, advance=said.append)]


def test_export_is_made_again_when_it_failed_half_way(
    two_peers: list[Peer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = Exporter(RuntimeError("no space left"))
    monkeypatch.setattr(_peers, "export_onnx", export)
    said: list[str] = []
    first, second = prepared(two_peers, tmp_path, said)
    with pytest.raises(RuntimeError, match="could not be prepared: no space left"):
        first.load()  # type: ignore[attr-defined]
    assert (first.name, first.model) == (PEERS["onnx"].summary, str(WEIGHTS))  # type: ignore[attr-defined]
    assert export.calls == 2
    assert second.size_bytes == len("whole")  # type: ignore[attr-defined]
    assert (tmp_path / "float32.onnx").read_text() == "whole"
    assert said == [f"preparing {PEERS[name].summary}" for name in NAMES]


def test_export_is_made_once_when_it_is_whole(
    two_peers: list[Peer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = Exporter()
    monkeypatch.setattr(_peers, "export_onnx", export)
    assert len(prepared(two_peers, tmp_path, [])) == 2
    assert export.calls == 1


@pytest.mark.parametrize("reason", [ConversionError("not equal"), KeyboardInterrupt()])
def test_nothing_half_made_is_left_when_all_of_it_ends(
    reason: BaseException, two_peers: list[Peer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_peers, "export_onnx", Exporter(reason))
    with pytest.raises(type(reason)):
        prepared(two_peers, tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_weights_are_named_after_where_they_come_from(tmp_path: Path) -> None:
    assert str(WEIGHTS) == "reference detector (seed 3)"
    file = PeerWeights("reference", Part.EMBEDDER, str(tmp_path / "my.pth"), None)
    assert str(file) == "reference embedder (my.pth)"


def test_checkpoint_is_refused_when_weights_were_random() -> None:
    info = ModelInfo(card="reference", part="detector", recipe="float32", bits=96, random_seed=5)
    assert weights_of(info, None) == PeerWeights("reference", Part.DETECTOR, None, 5)
    with pytest.raises(UsageError, match="made from random weights, seed 5; leave the option out"):
        weights_of(info, "my.pth")


def test_every_wrong_name_is_told_with_the_nearest_before_extras_are_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError) as caught:
        find_peers(["onx", "torch", "qqq"])
    assert "'onx' (did you mean onnx?), 'qqq'; known peers: torch, " in str(caught.value)
    with pytest.raises(MissingExtraError, match=r"the peer torch needs the extra \[peers\]"):
        find_peers(["torch"])

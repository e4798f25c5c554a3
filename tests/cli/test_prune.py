"""``edgeseal prune``."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.commands import Run, save_checkpoint
from edgeseal._extras import install_command
from edgeseal.watermark.cards import Card, Part
from edgeseal.watermark.models import read_checkpoint

pytestmark = pytest.mark.usefixtures("known_tiny")

QUICK = ["--ratio", "0.3", "--steps", "1", "--batch", "2"]


def test_checkpoint_of_both_parts_is_written_when_a_detector_is_pruned(
    run: Run, tiny_card: Card, tmp_path: Path
) -> None:
    source = save_checkpoint(tiny_card, tmp_path / "tiny.pth", args={"videoseal_step_size": 2})
    output = tmp_path / "pruned.pth"
    done = run("prune", "tiny", "--checkpoint", source, *QUICK, "-o", output, "--json")
    assert done.status == 0, done.err
    record = done.json
    assert record["schema_version"] == 1
    assert record["parameters"] < record["parameters_before"]
    assert "embedder marks" in record["summary"]
    checkpoint = read_checkpoint(output, tiny_card)
    loaded = checkpoint.load(tiny_card, Part.DETECTOR)
    assert sum(p.numel() for p in loaded.module.parameters()) == record["parameters"]
    assert loaded.card.step_size == 2
    checkpoint.load(tiny_card, Part.EMBEDDER)
    assert not output.with_name("pruned.pth.part").exists()


def test_gradient_marks_when_the_weights_are_random(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "pruned.pth"
    done = run("prune", "tiny", "--random-weights", 1, *QUICK, "-o", output)
    assert done.status == 0, done.err
    assert "weights: " in done.out
    assert "after the fit: " in done.out


def test_nothing_is_written_when_the_ratio_is_out_of_range(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "pruned.pth"
    options = ["--random-weights", 1, "--ratio", "1.5", "-o", output]
    assert "ratio: must be between 0 and 1" in run("prune", "tiny", *options).refused()
    assert list(tmp_path.glob("*.pth*")) == []


def test_missing_extra_is_named_when_torch_pruning_is_not_installed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if "pruning" in name else find(name)
    )
    options = ["--random-weights", 1, *QUICK, "-o", tmp_path / "pruned.pth"]
    assert install_command("prune") in run("prune", "tiny", *options).refused()

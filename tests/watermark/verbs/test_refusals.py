"""Jobs refuse wrong arguments before any work, all of them at once."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgeseal
from edgeseal.errors import OutputExistsError, UsageError
from pairs import Pair


def test_everything_wrong_is_said_when_a_checkpoint_to_prune_into_exists(tmp_path: Path) -> None:
    output = tmp_path / "out.pth"
    output.write_text("mine")
    with pytest.raises(UsageError) as caught:
        edgeseal.prune(
            "videoseal0", output, ratio=2, steps=-1, checkpoint="c.pth", random_weights=1
        )
    for text in (
        "did you mean videoseal_0.0?",
        "`checkpoint` and `random_weights` contradict each other",
        "exists already",
        "ratio: must be between 0 and 1, is 2",
        "steps: must be 0 or more, is -1",
    ):
        assert text in str(caught.value)
    with pytest.raises(OutputExistsError):
        edgeseal.prune("reference", output, ratio=0.5, random_weights=1)
    assert output.read_text() == "mine"


def test_everything_wrong_is_said_when_a_report_exists(
    pair96: Pair, photo: Path, tmp_path: Path
) -> None:
    (tmp_path / "report.json").write_text("{}")
    models = [pair96.detector, pair96.embedder]
    with pytest.raises(UsageError) as caught:
        edgeseal.evaluate(
            [photo], tmp_path, models, attacks="none", workers=0, max_drop=-1,
            baseline=tmp_path / "nothing.json",
        )  # fmt: skip
    for text in (
        "report.json: exists already",
        "`attacks` none: no such set",
        "`workers`: expected 1 or more, got 0",
        "`max_drop`: expected 0 or more, got -1",
        "nothing.json: cannot be read",
    ):
        assert text in str(caught.value)


def test_cards_are_listed_with_where_their_checkpoints_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESEAL_CACHE", str(tmp_path))
    known = edgeseal.models()
    assert known.is_good
    states = {one.card.name: one.state for one in known.cards}
    assert states["reference"] == "bundled"
    assert states["videoseal_0.0"] == "not downloaded"
    assert "reference: 96 bits, MIT, bundled" in str(known).splitlines()

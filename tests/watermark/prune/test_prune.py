"""Pruned detectors: smaller, close to the original, and like any other checkpoint."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest
import torch

from conversions import loaded_part
from edgeseal.errors import FileError, UsageError
from edgeseal.watermark.cards import Card, ConvNeXtSpec, Part, ViTSpec, load_card
from edgeseal.watermark.convert import convert_part
from edgeseal.watermark.models import LoadedPart, read_checkpoint
from edgeseal.watermark.prune import DistillationSettings, Pruned, prune, write_pruned
from edgeseal.watermark.runtime import ModelInfo

SETTINGS = DistillationSettings(ratio=0.4, steps=3, batch=2)
SPECS = {
    "vit": ViTSpec(
        in_channels=3,
        embed_dim=32,
        depth=3,
        num_heads=4,
        patch_size=16,
        window_size=2,
        global_attn_indexes=(1,),
        mlp_ratio=3.0,
        out_channels=32,
    ),
    "convnext": ConvNeXtSpec(in_channels=3, depths=(1, 2), dims=(16, 24)),
}


def small_card(family: str) -> Card:
    return dataclasses.replace(
        load_card("reference"),
        name="small",
        bits=16,
        image_size=64,
        detector=SPECS[family],
        detector_parameters=None,
        embedder_parameters=None,
    )


@pytest.fixture(scope="module", params=list(SPECS))
def loaded(request: pytest.FixtureRequest) -> LoadedPart:
    return loaded_part(Part.DETECTOR, card=small_card(request.param))


@pytest.fixture(scope="module")
def pruned(loaded: LoadedPart) -> Pruned:
    return prune(loaded, SETTINGS)


def test_work_of_the_blocks_shrinks_by_the_ratio_when_pruned(
    loaded: LoadedPart, pruned: Pruned
) -> None:
    assert sum(parameter.numel() for parameter in pruned.module.parameters()) == pruned.parameters
    assert pruned.parameters < pruned.parameters_before
    assert all(1 <= width.after <= width.before for width in pruned.widths)
    ratios = [width.after / width.before for width in pruned.widths]
    assert 0.4 < sum(ratios) / len(ratios) < 0.8


def test_each_stage_of_recovery_is_closer_when_pruned(pruned: Pruned) -> None:
    assert pruned.recovered.nmse_img <= pruned.refitted.nmse_img < pruned.cut.nmse_img
    assert pruned.cut.nmse_img < 1  # no better would be a detector that ignores the picture


def test_original_is_unchanged_when_pruned(loaded: LoadedPart) -> None:
    before = copy.deepcopy(loaded.module.state_dict())
    prune(loaded, dataclasses.replace(SETTINGS, steps=0))
    after = loaded.module.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not any(parameter.requires_grad for parameter in loaded.module.parameters())


def test_weights_are_the_same_when_the_run_was_interrupted(
    loaded: LoadedPart, pruned: Pruned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeseal.watermark.prune._distill._SAVE_EVERY", 1)
    state = tmp_path / "run.part"

    def stop(text: str) -> None:
        if text.startswith("distilling, step 3"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prune(loaded, SETTINGS, state=state, say=stop)
    again = prune(loaded, SETTINGS, state=state).module.state_dict()
    expected = pruned.module.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in expected.items())
    with pytest.raises(UsageError, match="other settings or weights"):
        prune(loaded, dataclasses.replace(SETTINGS, rate=1e-4), state=state)
    state.write_text("nothing")
    with pytest.raises(FileError, match="delete it"):
        prune(loaded, SETTINGS, state=state)


def test_checkpoint_loads_strictly_when_its_own_record_says_the_widths(
    loaded: LoadedPart, pruned: Pruned, tmp_path: Path
) -> None:
    path = tmp_path / "pruned.pth"
    write_pruned(pruned, path, source=None)
    found = read_checkpoint(path, loaded.card).load(loaded.card, Part.DETECTOR)
    assert found.card.detector == pruned.card.detector
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(found.module(picture), pruned.module(picture))


def test_checkpoint_has_the_same_bytes_when_its_name_is_another(
    pruned: Pruned, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("pruned.pth", "other.pt", "without an ending")]
    for path in paths:
        write_pruned(pruned, path, source=None)
    assert len({path.read_bytes() for path in paths}) == 1


def test_file_says_that_it_was_pruned_when_converted(
    loaded: LoadedPart, pruned: Pruned, tmp_path: Path
) -> None:
    path = tmp_path / "pruned.pth"
    write_pruned(pruned, path, source=None)
    info = convert_part(read_checkpoint(path, loaded.card).load(loaded.card, Part.DETECTOR)).info
    assert info.pruning == pruned.summary()
    assert info.pruning.startswith("ratio 0.4: ")
    old = ModelInfo.from_json(info.to_json().replace('"pruning"', '"later"'))
    assert old.pruning is None  # files from before that field


def test_everything_wrong_is_listed_when_settings_contradict_themselves() -> None:
    with pytest.raises(UsageError) as caught:
        DistillationSettings(ratio=1.0, steps=-1, batch=0, rate=0.0, seed=-1)
    assert [line.strip().split(":")[0] for line in str(caught.value).splitlines()] == [
        "ratio",
        "steps",
        "batch",
        "rate",
        "seed",
    ]

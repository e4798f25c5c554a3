"""``edgeseal convert`` and ``edgeseal models``."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from cli.commands import Done, Run, save_checkpoint
from edgeseal.tflite.graph import read_model
from edgeseal.watermark.cards import Card
from edgeseal.watermark.runtime import read_info

pytestmark = pytest.mark.usefixtures("known_tiny")


class _Code:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_every_part_and_recipe_is_written_when_nothing_is_chosen(converted: Path) -> None:
    names = [
        f"tiny_{part}_{recipe}.tflite"
        for part in ("detector", "embedder")
        for recipe in ("dynamic-int8", "float32")
    ]
    assert sorted(path.name for path in converted.iterdir()) == names
    for name in names:
        info = read_info(read_model(converted / name))
        assert name == f"{info.card}_{info.part}_{info.recipe}.tflite"
        assert info.checkpoint == "tiny.pth"
        assert info.checkpoint_sha256 is not None
        assert info.step_size == 2


def test_json_is_alone_on_stdout_when_the_converter_prints_too(conversion: Done) -> None:
    record = conversion.json
    assert (record["schema_version"], record["card"]) == (1, "tiny")
    for file in record["files"]:
        path = Path(file["path"])
        assert path.name == f"tiny_{file['part']}_{file['recipe']}.tflite"
        assert file["size_bytes"] == path.stat().st_size
        assert file["refusal"] is None
        difference = file["runtime_difference"]
        assert difference < 1e-4 if file["recipe"] == "float32" else difference is None
    lines = conversion.err.splitlines()
    assert lines.count("left out, as allowed: odd") == 2
    assert lines.count("as the checkpoint records: step_size: 2, the card says 4") == 1
    assert all(line.endswith((" ...", "odd", "says 4")) for line in lines)


def test_stray_tensors_are_listed_when_they_were_not_allowed(
    run: Run, tiny_card: Card, tmp_path: Path
) -> None:
    checkpoint = save_checkpoint(tiny_card, tmp_path / "c.pth", odd=torch.ones(1))
    options = ["--part", "embedder", "--checkpoint", checkpoint, "-o", tmp_path / "out"]
    error = run("convert", "tiny", *options).refused()
    assert "odd: unexpected" in error
    assert "--allow-unexpected" in error
    assert not (tmp_path / "out").exists()


def test_everything_wrong_is_listed_when_card_and_recipes_are_unknown(
    run: Run, tmp_path: Path
) -> None:
    options = ["--recipe", "int7", "--recipe", "float32", "--recipe", "int9", "-o", tmp_path / "o"]
    error = run("convert", "videosea", *options).refused()
    assert all(f"'{name}'" in error for name in ("videosea", "int7", "int9"))
    assert "reference" in error


def test_contradiction_is_refused_when_checkpoint_and_seed_are_given(
    run: Run, tmp_path: Path
) -> None:
    options = ["--checkpoint", "c.pth", "--random-weights", "1", "-o", tmp_path / "o"]
    assert "contradict" in run("convert", "tiny", *options).refused()


def test_all_existing_outputs_are_listed_when_overwriting_was_not_allowed(
    run: Run, tmp_path: Path
) -> None:
    for recipe in ("float32", "dynamic-int8"):
        (tmp_path / f"tiny_detector_{recipe}.tflite").write_text("precious")
    options = ["--part", "both", "--checkpoint", "/nowhere/c.pth", "-o", tmp_path]
    error = run("convert", "tiny", *options).refused()
    assert error.count("exists already; use --overwrite") == 2
    assert "nowhere" not in error
    assert {path.read_text() for path in tmp_path.glob("*.tflite")} == {"precious"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "no such file"),
        (b"", "is empty"),
        (b"just a text\n", "is a text file"),
        (b"\x80\x02}q\x00", "damaged"),
        ("truncated", "cut short"),
        ("foreign", "holds no embedder of tiny"),
        ("code", "wants to run code"),
    ],
)
def test_checkpoint_is_refused_when_it_is_bad(
    content: bytes | str | None, expected: str, run: Run, tiny_card: Card, tmp_path: Path
) -> None:
    path = tmp_path / "bad [1].pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "truncated":
        whole = save_checkpoint(tiny_card, path).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif content == "foreign":
        torch.save({"model": {"conv.weight": torch.ones(2)}}, path)
    elif content == "code":
        path.write_bytes(pickle.dumps({"model": _Code(tmp_path / "ran")}, protocol=2))
    options = ["--part", "embedder", "--checkpoint", path, "-o", tmp_path / "out"]
    error = run("convert", "tiny", *options).refused()
    assert error.startswith(f"Error: {path}: ")
    assert expected in error
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("address", ["ftp://host/c.pth", "https:///c.pth", "http://127.0.0.1:9/c"])
def test_address_is_named_when_it_cannot_be_fetched(address: str, run: Run, tmp_path: Path) -> None:
    options = ["--checkpoint", address, "-o", tmp_path / "out"]
    assert address in run("convert", "tiny", *options).refused()
    assert not (tmp_path / "out").exists()


def test_output_is_refused_when_a_file_is_in_its_way(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    options = ["--random-weights", "1", "-o", tmp_path / "file" / "deep"]
    assert "is no folder" in run("convert", "tiny", *options).refused()
    assert (tmp_path / "file").read_text() == "precious"


def test_output_is_refused_when_its_folder_cannot_be_written(run: Run, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    if os.access(locked, os.W_OK):
        pytest.skip("this user may write anywhere")
    options = ["--random-weights", "1", "-o", locked / "deep"]
    assert "is not writable" in run("convert", "tiny", *options).refused()


def test_models_tell_the_state_when_a_download_was_broken_off(run: Run, tmp_path: Path) -> None:
    cards = {card["name"]: card for card in run("models", "--json").json["cards"]}
    checkpoint = cards["videoseal_0.0"]["checkpoint"]
    assert checkpoint["state"] == "not downloaded"
    assert checkpoint["path"] is None
    assert cards["videoseal_0.0"]["detector_parameters"] == 24559713

    from edgeseal.watermark.cards import load_card
    from edgeseal.watermark.models import checkpoint_state

    path = checkpoint_state(load_card("videoseal_0.0")).path
    path.parent.mkdir(parents=True)
    path.with_name(path.name + ".part").write_bytes(bytes(2**20))
    done = run("models")
    assert done.status == 0
    (line,) = (
        line for line in done.out.splitlines() if line.split()[:2] == ["videoseal_0.0", "96"]
    )
    assert "partial" in line
    assert "1.00 MiB" in line
    path.write_bytes(bytes(2**21))
    cards = {card["name"]: card for card in run("models", "--json").json["cards"]}
    checkpoint = cards["videoseal_0.0"]["checkpoint"]
    assert (checkpoint["state"], checkpoint["size_bytes"]) == ("cached", 2**21)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["reference", "--part", "detector"], "is for embedders"),
        (["reference", "--part", "embedder", "--random-weights", 1], "reference: has no attenuat"),
    ],
)
def test_attenuation_is_refused_when_there_is_none(
    options: list[object], expected: str, run: Run, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert expected in run("convert", *options, "--with-attenuation", "-o", out).refused()
    assert not out.exists()

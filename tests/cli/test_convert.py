"""``edgeseal convert`` and ``edgeseal models``."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch

from cli.commands import Run
from edgeseal.cards import Card
from edgeseal.graph import read_model
from edgeseal.models import random_weights
from edgeseal.runtime import read_info

pytestmark = pytest.mark.usefixtures("known_tiny")


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/edgeseal-must-not-exist",)


def _save_checkpoint(card: Card, path: Path, **more: torch.Tensor) -> Path:
    from edgeseal.cards import Part

    state: dict[str, torch.Tensor] = dict(more)
    for part in Part:
        weights = random_weights(card, part, 4).module.state_dict()
        state |= {f"{part.value}.{name}": tensor.clone() for name, tensor in weights.items()}
    torch.save({"model": state}, path)
    return path


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
        assert info.random_seed == 1


def test_json_tells_the_files_when_converted_from_a_checkpoint(
    run: Run, tiny_card: Card, tmp_path: Path
) -> None:
    checkpoint = _save_checkpoint(tiny_card, tmp_path / "c.pth", odd=torch.ones(1))
    options = ["--part", "embedder", "--checkpoint", checkpoint, "-o", tmp_path / "out", "--json"]
    done = run("convert", "tiny", *options)
    assert (done.status, done.out) == (2, "")
    assert "--allow-unexpected" in done.err
    assert not (tmp_path / "out").exists()

    done = run("convert", "tiny", *options, "--recipe", "float32", "--allow-unexpected")
    assert done.status == 0, done.err
    assert "left out, as allowed: odd" in done.err
    (file,) = done.json["files"]
    assert done.json["schema_version"] == 1
    assert Path(file["path"]).stat().st_size == file["size_bytes"]
    assert file["part"] == "embedder"
    assert file["recipe"] == "float32"
    assert file["runtime_difference"] < 1e-4
    assert file["refusal"] is None


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
        whole = _save_checkpoint(tiny_card, path).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif content == "foreign":
        torch.save({"model": {"conv.weight": torch.ones(2)}}, path)
    elif content == "code":
        path.write_bytes(pickle.dumps({"model": _Bomb()}, protocol=2))
    options = ["--part", "embedder", "--checkpoint", path, "-o", tmp_path / "out"]
    done = run("convert", "tiny", *options)
    assert done.status == 2
    assert f"Error: {path}: " in done.err
    assert expected in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()
    assert not Path("/tmp/edgeseal-must-not-exist").exists()


@pytest.mark.parametrize("address", ["ftp://host/c.pth", "https:///c.pth", "http://127.0.0.1:9/c"])
def test_address_is_named_when_it_cannot_be_fetched(address: str, run: Run, tmp_path: Path) -> None:
    options = ["--checkpoint", address, "-o", tmp_path / "out"]
    done = run("convert", "tiny", *options)
    assert done.status == 2
    assert address in done.err
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

    from edgeseal.cards import load_card
    from edgeseal.models import checkpoint_state

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
    checkpoint = run("models", "--json").json["cards"][-1]["checkpoint"]
    assert (checkpoint["state"], checkpoint["size_bytes"]) == ("cached", 2**21)

"""No command replaces what it reads, whatever the option that names it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli.commands import Run, save_checkpoint
from edgeseal.tflite.quantization import find_recipe, recipe_to_json
from edgeseal.watermark.cards import Card

TEXTS = {
    "recipe": "recipe.json",
    "tuned": "t.recipe.json",
    "ranges": "ranges.json",
    "report": "report.json",
    "list": "list.txt",
}
QUANTIZE = ["quantize", "{model}", "--recipe", "{recipe}"]
COMMANDS: dict[str, list[str]] = {
    "checkpoint": [
        *["prune", "reference", "--checkpoint", "{checkpoint}", "--ratio", "0.3"],
        *["-o", "{checkpoint}"],
    ],
    "state": [
        *["prune", "reference", "--checkpoint", "{state}", "--ratio", "0.3"],
        *["-o", "{folder}/pruned.pth"],
    ],
    "named": ["convert", "reference", "--checkpoint", "{named}", "-o", "{folder}"],
    "recipe": [*QUANTIZE, "-o", "{recipe}"],
    "model": [*QUANTIZE, "--save-ranges", "{model}", "-o", "{folder}/q.tflite"],
    "ranges": [*QUANTIZE, "--ranges", "{ranges}", "-o", "{ranges}"],
    "picture": [*QUANTIZE, "--calibration", "{picture}", "-o", "{picture}"],
    "float": ["repair", "{model}", "--float", "{float}", "-o", "{float}"],
    "lean": ["lean", "{lean}", "-o", "{lean}"],
    "other": ["reduce", "{model}", "--float", "{other}", "-o", "{other}"],
    "candidate": ["compare", "{model}", "{candidate}.html", "--plot", "{candidate}.html"],
    "page": ["inspect", "{model}", "--float", "{page}", "--html", "{page}"],
    "report": [
        *["evaluate", "{model}", "--images", "{photos}", "-o", "{folder}"],
        *["--baseline", "{report}"],
    ],
    "tuned": [
        *["tune", "{model}", "--recipe", "{tuned}", "--max-drop", "1"],
        *["-o", "{folder}/t.tflite"],
    ],
    "plot": ["sensitivity", "{model}", "--images", "{photos}", "--plot", "{plot}"],
    "kept": ["sensitivity", "{kept}", "--state", "{kept}"],
    "embedder": [
        *["embed", "{photos}", "--model", "{embedder}", "--id", "1", "-o", "{folder}/marked"],
        *["--jsonl", "{embedder}"],
    ],
    "list": ["detect", "@{list}", "--model", "{model}", "--jsonl", "{list}"],
}


@pytest.fixture
def files(
    detector: Path, embedder: Path, photos: Path, tiny_card: Card, tmp_path: Path
) -> dict[str, Path]:
    """What the commands are given, by the names that they have above."""
    folder = tmp_path / "out"
    folder.mkdir()
    found = {"folder": folder, "photos": photos, "picture": photos / "a.png"}
    names = ("float", "lean", "other", "candidate", "page", "kept")
    found |= {name: folder / f"{name}.tflite" for name in (*names, "model")}
    for path in [found[name] for name in (*names, "model")]:
        shutil.copy(detector, path)
    shutil.copy(detector, folder / "candidate.tflite.html")
    found["embedder"] = shutil.copy(embedder, folder / "embedder.tflite")
    found["checkpoint"] = save_checkpoint(tiny_card, folder / "tiny.pth")
    found["state"] = shutil.copy(found["checkpoint"], folder / "pruned.pth.part")
    found["named"] = shutil.copy(found["checkpoint"], folder / "reference_detector_float32.tflite")
    recipe = recipe_to_json(find_recipe("hybrid-int8"))
    texts = {"recipe": recipe, "tuned": recipe, "ranges": "{}", "report": "{}"}
    for name, text in (texts | {"list": f"{photos / 'a.png'}\n"}).items():
        found[name] = folder / TEXTS[name]
        found[name].write_text(text)
    found["plot"] = shutil.copy(photos / "a.png", photos / "plot.png")
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_inputs_are_kept_when_an_output_is_one_of_them(
    name: str, run: Run, files: dict[str, Path]
) -> None:
    named = {key: str(path) for key, path in files.items()}
    before = {path: path.read_bytes() for path in files["folder"].iterdir()}
    picture = files["plot"].read_bytes()
    command = [part.format_map(named) for part in COMMANDS[name]]
    options = [] if "--state" in command else ["--overwrite"]
    error = run(*command, *options).refused()
    assert "is an input itself; choose another output" in error
    assert error.count("\n") == 1
    assert {path: path.read_bytes() for path in files["folder"].iterdir()} == before
    assert files["plot"].read_bytes() == picture


def test_outputs_are_refused_when_they_are_one_file(
    run: Run, detector: Path, tmp_path: Path
) -> None:
    both = tmp_path / "both.tflite"
    options = ["--recipe", "hybrid-int8", "--save-ranges", both, "-o", both]
    assert f"{both}: would be written twice" in run("quantize", detector, *options).refused()
    assert not both.exists()


def test_pictures_are_read_once_when_they_are_listed_on_stdin(
    run: Run, detector: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{path}\n" for path in sorted(photos.iterdir())))
    with names.open() as listed:
        monkeypatch.setattr("sys.stdin", listed)
        done = run("sensitivity", detector, "--images", "-")
    assert done.status == 0, done.err

"""``edgeseal.convert``: what it takes beyond the checkpoint, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgeseal
from edgeseal.errors import FileError, ModelError, UsageError
from edgeseal.tflite.graph import read_model
from watermark.verbs.conftest import Heard

pytestmark = pytest.mark.usefixtures("known_tiny")


def test_ranges_serve_again_when_they_were_saved(photo: Path, tmp_path: Path, heard: Heard) -> None:
    ranges = tmp_path / "ranges.json"
    options = {"part": "detector", "random_weights": 1, "recipes": ["full-int8"], "io": "uint8"}
    first = edgeseal.convert(
        "tiny", tmp_path / "a", calibration=[photo], save_ranges=ranges, progress=heard, **options
    )  # type: ignore[arg-type]
    assert first.is_good
    assert heard.notes == []
    [file] = first.files
    assert file.path == str(tmp_path / "a" / "tiny_detector_full-int8.tflite")
    assert str(first) == f"{file.path}: {file.size_bytes / 2**20:.2f} MiB"
    main = read_model(Path(file.path)).main
    assert [tensor.dtype for tensor in (*main.inputs, *main.outputs)] == ["UINT8", "UINT8"]
    again = edgeseal.convert("tiny", tmp_path / "b", ranges=ranges, **options)  # type: ignore[arg-type]
    assert Path(again.files[0].path).read_bytes() == Path(file.path).read_bytes()


def test_everything_wrong_is_said_when_files_exist_already(tmp_path: Path) -> None:
    mine = tmp_path / "tiny_detector_float32.tflite"
    mine.write_text("mine")
    with pytest.raises(UsageError) as caught:
        edgeseal.convert(
            "tiny", tmp_path, recipes=["float32", "int7"], checkpoint="c.pth", random_weights=1,
            part="both", ranges="r.json", save_ranges="s.json", io="int7",
        )  # fmt: skip
    text = str(caught.value)
    for part in (
        "`checkpoint` and `random_weights` contradict each other",
        "unknown recipe 'int7'",
        "`save_ranges` contradict it",
        "`ranges` and `save_ranges` are those of one model",
        "`io`: expected one of float32, int8, uint8, got 'int7'",
        f"{mine}: exists already",
    ):
        assert part in text
    with pytest.raises(UsageError, match=r"did you mean videoseal_0\.0"):
        edgeseal.convert("videoseal0", tmp_path)
    with pytest.raises(UsageError, match="`part`: expected one of both, detector, embedder"):
        edgeseal.convert("tiny", tmp_path / "new", part="all")
    with pytest.raises(UsageError, match=r"float32.*uses no calibration; leave out `calibration`"):
        edgeseal.convert("tiny", tmp_path / "new", recipes=["float32"], calibration=[tmp_path])
    with pytest.raises(FileError, match="exists already"):
        edgeseal.convert("tiny", tmp_path, part="detector", recipes=["float32"])
    assert mine.read_text() == "mine"


def test_integer_ends_are_refused_when_a_recipe_leaves_floats(tmp_path: Path) -> None:
    options = {"random_weights": 1, "part": "detector", "recipes": ["dynamic-int8"]}
    with pytest.raises((UsageError, ModelError), match="`io` int8 goes with recipes that make"):
        edgeseal.convert("tiny", tmp_path / "out", io="int8", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_one_name_is_no_list_of_letters(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown recipe 'int7'"):
        edgeseal.convert("tiny", tmp_path, recipes="int7")
    with pytest.raises(UsageError, match=r"float32.*uses no calibration"):
        edgeseal.convert("tiny", tmp_path / "new", recipes="float32", calibration=tmp_path)
    with pytest.raises(FileError, match="no_folder"):
        edgeseal.evaluate(str(tmp_path / "no_folder" / "*.jpg"), tmp_path / "report")

"""Whole folders are marked: trees, links, outputs among the inputs, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import edgeseal
from edgeseal._progress import SILENT
from edgeseal.errors import ImageError
from edgeseal.watermark.verbs._batch import list_sources
from edgeseal.watermark.verbs._output_names import output_names
from pairs import Pair
from watermark.verbs.conftest import Heard

MESSAGE = "0123456789abcdef01234567"


@pytest.fixture
def album(smooth: NDArray[np.uint8], tmp_path: Path) -> Path:
    """A tree of pictures and other files."""
    for name in ("a.png", "b.jfif", "sub/a.png", "sub/deep/c.tga"):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(smooth).save(path)
    for name in ("x.cr2", "notes.txt", "sub/clip.mp4", "sub/y.NEF", ".hidden"):
        (tmp_path / "album" / name).write_bytes(b"x")
    return tmp_path / "album"


def marked(pair: Pair, source: Path, out: Path, **options: object) -> list[str]:
    done = edgeseal.embed(
        source,
        model=pair.embedder,
        message=MESSAGE,
        output=out,
        **options,  # type: ignore[arg-type]
    )
    assert done.is_good, done
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())


def test_folders_are_kept_when_names_would_clash(pair96: Pair, album: Path, tmp_path: Path) -> None:
    expected = ["a.png", "b.jfif", "sub/a.png", "sub/deep/c.png"]
    assert marked(pair96, album, tmp_path / "out") == expected
    assert marked(pair96, album / "sub", tmp_path / "flat") == ["a.png", "c.png"]
    kept = marked(pair96, album / "sub", tmp_path / "kept", keep_folders=True)
    assert kept == ["a.png", "deep/c.png"]


def test_everything_that_is_left_out_is_counted_by_kind(
    pair96: Pair, album: Path, tmp_path: Path, heard: Heard
) -> None:
    done = edgeseal.embed(
        album, model=pair96.embedder, message=MESSAGE, output=tmp_path / "out", progress=heard
    )
    assert done.to_json()["left_out"] == {"RAW": 2, "unknown": 1, "video": 1}
    (note,) = heard.notes
    assert note.startswith("4 files left out: ")
    assert f"2 RAW, such as {album / 'sub' / 'y.NEF'}" in note
    assert f"1 video, such as {album / 'sub' / 'clip.mp4'}" in note
    found = edgeseal.detect(album / "sub", model=pair96.detector, raw=True)
    assert found.to_json()["left_out"] == {"RAW": 1, "video": 1}


def test_run_can_be_resumed_when_the_output_lies_in_the_input(pair96: Pair, album: Path) -> None:
    out, lines = album / "marked", album / "done.jsonl"
    first = marked(pair96, album, out, json_lines=lines)
    for _ in range(2):
        assert marked(pair96, album, out, json_lines=lines, resume=True) == first
    assert len(lines.read_text().splitlines()) == 4
    (out / "a.png").unlink()
    assert marked(pair96, album, out, json_lines=lines, resume=True) == first
    sources = [json.loads(line)["source"] for line in lines.read_text().splitlines()]
    assert sources[4:] == [str(album / "a.png")]


def test_output_is_no_source_when_a_pattern_fits_it(
    pair96: Pair, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album)
    pattern, out = Path("**/*.png"), Path("marked")
    for _ in range(2):
        assert marked(pair96, pattern, out, overwrite=True) == ["a.png", "sub/a.png"]


def test_links_to_folders_are_followed_once(pair96: Pair, album: Path, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(album / "sub")
    (album / "sub" / "loop").symlink_to(album / "sub")
    assert marked(pair96, tmp_path / "root", tmp_path / "out") == ["a.png", "c.png"]


def test_files_are_kept_as_texts_when_a_folder_is_searched(album: Path) -> None:
    found = list_sources([album], recursive=True, for_videos={}, for_pictures={}, progress=SILENT)
    names = ("a.png", "b.jfif", "sub/a.png", "sub/deep/c.tga")
    assert found.sources == [str(album / name) for name in names]


def test_old_ending_stays_when_names_would_still_clash(tmp_path: Path) -> None:
    sources = ["x/a.gif", "x/a.png", "x/b.gif"]
    names = output_names(sources, [".png"] * 3, tmp_path, keep_folders=False)
    assert names == ["a.gif.png", "a.png", "b.png"]


def test_pictures_of_several_frames_are_refused_alike(
    pair96: Pair, smooth: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / "moves.gif"
    frames = [Image.fromarray(smooth), Image.fromarray(255 - smooth)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    said = r"moves\.gif: has 2 frames, expected 1"
    for job, model, more in (
        (edgeseal.embed, pair96.embedder, {"message": MESSAGE}),
        (edgeseal.detect, pair96.detector, {}),
    ):
        (one,) = job(path, model=model, **more).results  # type: ignore[operator]
        with pytest.raises(ImageError, match=said):
            raise one.error

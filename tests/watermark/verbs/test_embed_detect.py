"""``edgeseal.embed`` and ``edgeseal.detect``: one call, whatever the pictures come as."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import edgeseal
from edgeseal.errors import FileError, OutputExistsError, UsageError
from edgeseal.watermark.payload import Payload
from pairs import Pair
from watermark.verbs.conftest import Heard

MESSAGE = "0123456789abcdef01234567"


def test_payload_comes_back_when_pictures_come_in_every_form(
    pair96: Pair, photo: Path, smooth: NDArray[np.uint8]
) -> None:
    data = photo.read_bytes()
    with photo.open("rb") as file:
        sources = [photo, str(photo.parent), data, io.BytesIO(data), file, smooth]
        marked = edgeseal.embed(sources, model=pair96.embedder, text="hello")
    assert marked.is_good
    # the folder holds the picture that was named before it
    assert [one.source for one in marked.results] == [photo, None, None, photo, None]
    pictures = [one.embedding for one in marked.results]
    expected = pictures[0].pixels  # type: ignore[union-attr]
    assert all(np.array_equal(picture.pixels, expected) for picture in pictures)  # type: ignore[union-attr]
    png = io.BytesIO()
    Image.fromarray(expected).save(png, "PNG")
    found = edgeseal.detect([expected, png.getvalue()], model=pair96.detector)
    assert found.is_good
    for one in found.results:
        assert one.detection is not None and one.detection.reading is not None
        assert one.detection.reading.payload == Payload.from_text("hello")
    assert str(found) == "picture: present hello\n" * 2 + "2 of 2 read"


def test_one_picture_needs_no_list(pair96: Pair, smooth: NDArray[np.uint8]) -> None:
    [marked] = edgeseal.embed(smooth, model=pair96.embedder, message=MESSAGE).results
    assert marked.embedding is not None and marked.facts is not None
    assert marked.embedding.pixels.shape == (32, 48, 3)
    found = edgeseal.detect(marked.embedding.image, model=pair96.detector, expect=MESSAGE)
    [read] = found.results
    assert read.detection is not None
    assert read.detection.matching_bits == 96
    assert "96 of 96 bits as expected" in str(found)


def test_files_are_named_as_their_sources_when_there_is_a_folder(
    pair96: Pair, photo: Path, smooth: NDArray[np.uint8], tmp_path: Path
) -> None:
    with photo.open("rb") as file:
        done = edgeseal.embed(
            [file, smooth], model=pair96.embedder, output=tmp_path / "out", message=MESSAGE
        )
    assert [one.path for one in done.results] == [
        tmp_path / "out" / name for name in ("a.png", "picture-2.png")
    ]
    assert all(one.embedding is None for one in done.results)  # they would fill the memory
    record = done.to_json()
    assert json.loads(json.dumps(record)) == record
    assert record["message"] == MESSAGE
    assert f"-> {tmp_path / 'out' / 'a.png'}" in str(done)


def test_failures_are_results_when_others_are_good(pair96: Pair, photo: Path, heard: Heard) -> None:
    bad = photo.with_name("bad.png")
    bad.write_text("no picture")
    found = edgeseal.detect([photo, bad, b"none"], model=pair96.detector, progress=heard)
    assert not found.is_good
    assert (found.total, found.failed) == (3, 2)
    errors = [one.error for one in found.results]
    assert errors[0] is None
    assert all(isinstance(error, FileError) for error in errors[1:])
    assert heard.notes == [f"Error: {error}" for error in errors[1:]]
    assert f"{bad}: failed: {bad}: not a picture" in str(found)


def test_everything_wrong_is_said_when_files_exist_already(
    pair96: Pair, photo: Path, tmp_path: Path
) -> None:
    out, lines = tmp_path / "out", tmp_path / "lines.jsonl"
    out.mkdir()
    (out / "a.png").write_text("mine")
    lines.write_text("mine")
    with pytest.raises(UsageError) as caught:
        edgeseal.embed(
            photo, model=pair96.embedder, output=out, text="a", number=1, workers=0,
            json_lines=lines,
        )  # fmt: skip
    text = str(caught.value)
    assert "got `text` and `number`" in text
    assert "`workers`: expected 1 or more, got 0" in text
    assert f"{out / 'a.png'}: exists already" in text
    assert f"{lines}: exists already" in text
    with pytest.raises(OutputExistsError, match=r"a\.png: exists already"):
        edgeseal.embed(photo, model=pair96.embedder, output=out, text="a")
    with pytest.raises(UsageError) as caught:
        edgeseal.detect(
            photo, model=pair96.detector, fpr=2, raw=True, threads=0, aggregation="sum",
            json_lines=lines,
        )  # fmt: skip
    text = str(caught.value)
    for part in ("leave out `raw`", "above 0 and below 1", "`threads`:", "`aggregation`:"):
        assert part in text
    assert "`aggregation`: for videos only" in text
    assert (out / "a.png").read_text() == lines.read_text() == "mine"


class Counting(edgeseal.Progress):
    """Counts the pictures."""

    def __init__(self) -> None:
        self.announced = self.done = 0

    def pictures(self, text: str, total: int) -> AbstractContextManager[Callable[[], None]]:
        self.announced = total
        return nullcontext(self._advance)

    def _advance(self) -> None:
        self.done += 1


@pytest.mark.parametrize("workers", [1, 3])
def test_progress_hears_of_every_picture(
    workers: int, pair96: Pair, smooth: NDArray[np.uint8]
) -> None:
    for job, model in ((edgeseal.detect, pair96.detector), (edgeseal.embed, pair96.embedder)):
        heard = Counting()
        more = {"message": MESSAGE} if job is edgeseal.embed else {}
        job([smooth] * 5, model=model, workers=workers, progress=heard, **more)  # type: ignore[operator]
        assert (heard.announced, heard.done) == (5, 5)


def test_lines_go_to_a_stream_and_are_not_kept(pair96: Pair, photo: Path) -> None:
    stream = io.StringIO()
    found = edgeseal.detect(photo, model=pair96.detector, json_lines=stream)
    assert (found.total, found.results) == (1, ())
    [line] = map(json.loads, stream.getvalue().splitlines())
    assert line["source"] == str(photo)
    assert line["command"] == "detect"
    with pytest.raises(UsageError, match="`resume` needs the file of an earlier run"):
        edgeseal.detect(photo, model=pair96.detector, json_lines=stream, resume=True)


def test_only_the_rest_is_done_when_resumed(
    pair96: Pair, photo: Path, tmp_path: Path, heard: Heard
) -> None:
    lines, other = tmp_path / "lines.jsonl", photo.with_name("b.png")
    options = {"model": pair96.detector, "json_lines": lines}
    assert edgeseal.detect(photo.parent, **options).total == 1  # type: ignore[arg-type]
    other.write_bytes(photo.read_bytes())
    again = edgeseal.detect(photo.parent, resume=True, progress=heard, **options)  # type: ignore[arg-type]
    assert again.total == 1
    assert heard.notes == ["1 of 2 pictures are done already"]
    sources = [json.loads(line)["source"] for line in lines.read_text().splitlines()]
    assert sources == [str(photo), str(other)]


def test_pictures_without_names_are_marked_again_when_resumed(
    pair96: Pair, smooth: NDArray[np.uint8], tmp_path: Path
) -> None:
    lines = tmp_path / "lines.jsonl"
    for resume in (False, True):
        done = edgeseal.embed(
            smooth, model=pair96.embedder, text="a", json_lines=lines, resume=resume
        )
        assert done.total == 1
    assert len(lines.read_text().splitlines()) == 2


def test_video_needs_a_folder_when_it_is_marked(pair96: Pair, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(UsageError, match="a marked video is a file; give `output`"):
        edgeseal.embed(tmp_path / "a.mp4", model=pair96.embedder, text="a")

"""``embed --verify``: what was written is read back, as the last step."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgeseal
from edgeseal.errors import UsageError
from pairs import Pair, write_pair
from watermark.verbs.conftest import Heard

MESSAGE = "0123456789abcdef01234567"


def marked(pair: Pair, source: Path, **options: object) -> edgeseal.EmbeddingResults:
    folder = source.parent.parent / "out"
    more = {"output": folder, "verify": pair.detector, **options}
    return edgeseal.embed(source, model=pair.embedder, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("what", [{"text": "hello"}, {"message": MESSAGE}])
def test_mark_is_found_when_the_file_holds_it(
    pair96: Pair, photo: Path, what: dict[str, str]
) -> None:
    done = marked(pair96, photo, **what)
    assert done.is_good
    [one] = done.results
    assert one.verification is not None
    assert one.verification.is_there
    assert one.verification.matching_bits > 80
    assert one.to_json()["verification"] == one.verification.to_json()


@pytest.mark.parametrize("what", [{"text": "hello"}, {"message": MESSAGE}])
def test_name_is_said_and_the_status_is_bad_when_the_mark_is_not_there(
    pair96: Pair, photo: Path, heard: Heard, what: dict[str, str]
) -> None:
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(photo)
    done = marked(pair96, photo, progress=heard, **what)
    [one] = done.results
    assert (done.is_good, done.failed, done.unread) == (False, 0, 1)
    assert one.path is not None
    assert one.path.exists()
    assert any(str(one.path) in note and "not read in it" in note for note in heard.notes)
    assert json.loads(json.dumps(done.to_json()))["unread"] == 1


def test_detector_is_refused_when_it_is_of_another_pair(
    pair96: Pair, photo: Path, tmp_path: Path
) -> None:
    other = write_pair(tmp_path)
    with pytest.raises(UsageError, match="reads messages of 24 bits, the embedder writes 96"):
        marked(pair96, photo, message=MESSAGE, verify=other.detector)
    assert not (photo.parent.parent / "out").exists()


def test_verifying_is_refused_when_nothing_is_written(pair96: Pair, photo: Path) -> None:
    with pytest.raises(UsageError, match="`verify` reads files back; give `output`"):
        marked(pair96, photo, message=MESSAGE, output=None)

"""Videos in the page, beside Python: their frames' logits together."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import edgeseal
from edgeseal.data import photo_paths
from edgeseal.watermark.payload import Payload
from edgeseal.watermark.video import detect_video, embed_video
from web.browsing import Page

SIDE = 320


def clip(path: Path, frames: int = 9) -> Path:
    """Write a clip that pans over a photograph, in a coding that every browser knows."""
    with Image.open(photo_paths()[0]) as opened:
        photo = np.asarray(opened.convert("RGB").resize((SIDE + 20, SIDE + 20)))
    options = {"crf": "8", "b": "0", "cpu-used": "8", "deadline": "realtime"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=12, options=options)
        stream.width = stream.height = SIDE
        for i in range(frames):
            part = np.ascontiguousarray(photo[i : i + SIDE, i : i + SIDE])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(part)))
        container.mux(stream.encode())
    return path


def test_videos_are_read_as_in_python(
    page: Page,
    embedder: edgeseal.LiteRTEmbedder,
    detector: edgeseal.LiteRTDetector,
    tmp_path: Path,
) -> None:
    """The marked one is certain after 8 of its frames; a file of another name is a video, too."""
    plain = clip(tmp_path / "plain.webm")
    marked = tmp_path / "marked.webm"
    embed_video(embedder, plain, marked, Payload.from_text("clip"))
    (tmp_path / "junk.mp4").write_bytes(bytes(4) + b"ftypisom" + bytes(40))
    (tmp_path / "nameless").write_bytes(marked.read_bytes())
    files = [marked, plain, tmp_path / "nameless", tmp_path / "junk.mp4"]
    cards = page.read(*files)
    for path, card in zip(files[:3], cards[:3], strict=True):
        expected = detect_video(detector, path, fpr=1e-6).to_json()
        found = card["record"]
        for name in ("frames", "stopped_early", "problem"):
            assert found[name] == expected[name]
        reading, wanted = found["detection"]["reading"], expected["reading"]
        assert reading["status"] == wanted["status"]
        assert reading["payload"] == wanted["payload"]
        assert reading["log10_p_value"] == pytest.approx(wanted["log10_p_value"], rel=0.1)
    assert [card["status"] for card in cards] == ["present", "absent", "present", "failed"]
    assert "8 frames were read together, enough to be certain." in cards[0]["text"]
    assert "9 frames were read together." in cards[1]["text"]
    assert "no moving pictures in it; choose a video or a picture" in cards[3]["text"]

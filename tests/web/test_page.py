"""The page in a real browser, beside Python."""

from __future__ import annotations

import io
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from selenium import webdriver

import edgeseal
from edgeseal.data import photo_paths
from edgeseal.tflite.graph import write_model
from edgeseal.watermark.payload import Payload
from pairs import make_carriers, table_detector_model, write_pair
from web.browsing import MODELS, Page, served

AXE = Path(__file__).resolve().parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
_ORIENTATION, _MAKE = 0x0112, 0x010F


def test_marks_of_python_are_read_in_the_page(
    page: Page,
    embedder: edgeseal.LiteRTEmbedder,
    detector: edgeseal.LiteRTDetector,
    tmp_path: Path,
) -> None:
    paths = []
    for index, photo in enumerate(photo_paths()[:3]):
        marked = embedder.embed(photo, Payload.from_text(f"pic {index}"))
        paths += [tmp_path / f"{index}.png", tmp_path / f"{index}.jpg"]
        marked.save(paths[-2])
        marked.save(paths[-1], quality=75)
    cards = page.read(*paths)
    agreeing = []
    for index, (path, card) in enumerate(zip(paths, cards, strict=True)):
        found = card["record"]["detection"]
        assert card["status"] == "present"
        assert found["reading"]["payload"] == {"kind": "text", "value": f"pic {index // 2}"}
        assert f"pic {index // 2}" in card["text"]
        expected = detector.detect(path, fpr=1e-6)
        agreeing.append((np.array(found["logits"]) > 0) == (expected.logits > 0))
        if path.suffix == ".png":
            assert expected.reading is not None
            p_value = found["reading"]["log10_p_value"]
            assert p_value == pytest.approx(expected.reading.log10_p_value, rel=0.05)
    print(f"dynamic-int8 on WebAssembly: {np.mean(agreeing):.4f} of the signs are those of Python")
    assert np.mean(agreeing) >= 0.995


def test_marks_of_the_page_are_read_in_python(
    page: Page,
    embedder: edgeseal.LiteRTEmbedder,
    detector: edgeseal.LiteRTDetector,
    tmp_path: Path,
) -> None:
    photo = tmp_path / "photo.png"
    with Image.open(photo_paths()[1]) as opened:
        opened.convert("RGB").save(photo)
    saved = page.write(photo, "aB-1")
    assert saved is not None, page.problem()
    assert detector.detect(saved, fpr=1e-6).reading.payload == Payload.from_text("aB-1")  # type: ignore[union-attr]
    own = embedder.embed(photo, Payload.from_text("aB-1")).pixels.astype(np.int16)
    with Image.open(io.BytesIO(saved)) as opened:
        difference = np.abs(np.asarray(opened.convert("RGB"), np.int16) - own)
    assert difference.max() <= 1
    assert (difference > 0).mean() <= 0.001


def test_what_the_source_says_of_itself_is_kept_when_a_jpeg_is_marked(
    page: Page, detector: edgeseal.LiteRTDetector, tmp_path: Path
) -> None:
    """The camera lay on its side; the profile and the camera's name are the source's."""
    photo = tmp_path / "photo.jpg"
    with Image.open(photo_paths()[1]) as opened:
        picture = opened.convert("RGB")
    exif = Image.Exif()
    exif[_ORIENTATION], exif[_MAKE] = 6, "Camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.save(photo, quality=95, exif=exif, icc_profile=profile)
    saved = page.write(photo, "aB-1")
    assert saved is not None, page.problem()
    with Image.open(io.BytesIO(saved)) as opened:
        assert (opened.format, opened.size) == ("JPEG", picture.size[::-1])
        assert opened.info["icc_profile"] == profile
        assert (opened.getexif()[_ORIENTATION], opened.getexif()[_MAKE]) == (1, "Camera")
    assert detector.detect(saved, fpr=1e-6).reading.payload == Payload.from_text("aB-1")  # type: ignore[union-attr]


@pytest.mark.skipif(not AXE.is_file(), reason="needs axe-core: `npm ci` in web/")
def test_nobody_is_kept_out(page: Page, chromium: webdriver.Chrome, tmp_path: Path) -> None:
    """No rule of axe-core is broken, in any colours, before and after pictures are read."""
    photo = tmp_path / "photo.png"
    with Image.open(photo_paths()[1]) as opened:
        opened.convert("RGB").resize((96, 96)).save(photo)
    (tmp_path / "text.png").write_bytes(b"hello")
    page.read(photo, tmp_path / "text.png")
    assert page.write(photo, "aB-1") is not None, page.problem()
    page.run(AXE.read_text())
    script = """
        const done = arguments[0];
        for (const one of document.querySelectorAll("details")) one.open = true;
        axe.run().then((found) => done(found.violations.flatMap(
          ({id, nodes}) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`))))"""
    found = []
    for scheme in ("light", "dark"):
        wishes = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", wishes)
        for tab in ("read", "write"):
            page.find(f"#tab-{tab}").click()
            found += [f"{scheme}, {tab}: {one}" for one in chromium.execute_async_script(script)]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert found == []


def test_nothing_is_found_when_a_picture_is_not_marked(page: Page) -> None:
    (card,) = page.read(photo_paths()[2])
    assert card["status"] == "absent"
    assert "No mark found" in card["text"]


def test_nothing_is_asked_of_another_origin(page: Page, chromium: webdriver.Chrome) -> None:
    script = """
        const done = arguments[0];
        fetch("http://localhost:1/").then(() => done("sent"), (error) => done(String(error)))"""
    page.requests()
    page.read(photo_paths()[0])
    assert all(url.startswith((page.url, "blob:")) for url in page.requests())
    assert "TypeError" in chromium.execute_async_script(script)


def png_of(width: int, height: int, *, depth: int = 8) -> bytes:
    """Return the head of a PNG file of any size."""
    head = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", len(head))
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
    )


def animation() -> bytes:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=50)
    return file.getvalue()


def print_picture() -> bytes:
    file = io.BytesIO()
    Image.new("CMYK", (8, 8)).save(file, "JPEG")
    return file.getvalue()


def test_a_sentence_is_said_when_files_cannot_be_read(page: Page, tmp_path: Path) -> None:
    files = {
        "text.jpg": (b"hello", "not a picture"),
        "empty.png": (b"", "empty"),
        "cut.png": (png_of(8, 8), "cut short"),
        "large.png": (png_of(10001, 10000), "101 megapixels; this page takes up to 100"),
        "tiff.tif": (b"II*\0" + bytes(40), "TIFF"),
        "photo.heic": (bytes(4) + b"ftypheic" + bytes(40), "HEIC files; save the picture as JPEG"),
    }
    for name, (content, _) in files.items():
        (tmp_path / name).write_bytes(content)
    cards = page.read(*(tmp_path / name for name in files))
    for card, (_, words) in zip(cards, files.values(), strict=True):
        assert card["status"] == "failed"
        assert words in card["text"]


@pytest.mark.parametrize(
    ("content", "kind", "typed", "words"),
    [
        (animation(), "text", "x", "animated"),
        (png_of(8, 8, depth=16), "text", "x", "16 bits"),
        (print_picture(), "text", "x", "meant for print (CMYK); save it as RGB"),
        (
            bytes(4) + b"ftypisom" + bytes(40),
            "text",
            "x",
            "is a video; only the command line marks videos",
        ),
        (b"hello", "text", "x", "not a picture"),
        (None, "text", "far too long for this model", "there is room for"),
        (None, "id", "seven", "whole number"),
        (None, "message", "12", "24 hexadecimal digits"),
    ],
    ids=[
        "animated",
        "16 bits",
        "print",
        "video",
        "no picture",
        "long text",
        "no number",
        "short message",
    ],
)
def test_a_sentence_is_said_when_nothing_can_be_marked(
    page: Page, tmp_path: Path, content: bytes | None, kind: str, typed: str, words: str
) -> None:
    path = photo_paths()[0]
    if content is not None:
        path = tmp_path / "file.png"
        path.write_bytes(content)
    assert page.write(path, typed, kind) is None
    assert words in page.problem()


def test_a_wrong_backend_is_refused_and_logits_are_those_of_python(
    chromium: webdriver.Chrome, tmp_path: Path
) -> None:
    """The graphics accelerator adds the first row of a table to every row; it says it ran."""
    pair = write_pair(tmp_path, bits=96)
    write_model(table_detector_model(make_carriers(96), bits=96), tmp_path / "table.tflite")
    edgeseal.pack([tmp_path / "table.tflite", pair.embedder], tmp_path / "pack")
    edgeseal.web(export=tmp_path / "site", models=tmp_path / "pack")
    photo = photo_paths()[0]
    with served(tmp_path / "site") as url:
        page = Page(chromium, url).open()
        (gpu, is_right, why), (nn, is_there, _), (threads, is_used, _) = page.trials()[:3]
        assert (gpu, is_right, threads) == ("webgpu", False, "wasm-threads"), page.trials()
        assert (nn, is_there, is_used) == ("webnn", False, True), page.trials()
        assert "other values" in why or "other bits" in why
        picture = tmp_path / "photo.png"
        with Image.open(photo) as opened:
            opened.convert("RGB").save(picture)
        (card,) = page.read(picture)
    expected = edgeseal.load_detector(tmp_path / "table.tflite").detect(picture).logits
    logits = np.array(card["record"]["detection"]["logits"])
    difference = np.abs(logits - expected).max() / np.abs(expected).max()
    print(f"float32 on WebAssembly: logits within {difference:.1e} of the largest of Python's")
    assert difference <= 1e-4


def test_the_page_works_offline_when_it_was_opened_before(
    chromium: webdriver.Chrome, site: Path
) -> None:
    with served(site) as url:
        page = Page(chromium, url).open()
        assert page.text("#offline") == "Works offline from now on."
    page.open()  # nobody serves it any more
    (card,) = page.read(photo_paths()[0])
    assert page.problem() == ""
    assert card["status"] == "absent"


def test_a_sentence_is_said_when_a_model_is_damaged(
    chromium: webdriver.Chrome, site: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "site"
    shutil.copytree(site, folder)
    path = folder / MODELS / "reference_detector_dynamic-int8.tflite"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with served(folder) as url:
        page = Page(chromium, url).open()
        assert "is damaged: its checksum is another one" in page.problem()

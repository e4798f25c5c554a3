"""HEIC and JPEG XL are read with plug-ins, and named where there are none."""

from __future__ import annotations

import importlib
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgeseal._extras import install_command
from edgeseal.errors import FileError, ImageError
from edgeseal.pictures import _read_image, list_pictures, picture_suffixes, read_image
from edgeseal.pictures.metadata import Metadata
from edgeseal.pictures.metadata._jxl import with_boxes
from edgeseal.watermark.runtime import Message, load_embedder
from pictures.containers import XMP


@pytest.mark.parametrize("suffix", [".heic", ".jxl"])
def test_extra_is_named_when_a_plugin_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(_read_image, "plugin_suffixes", lambda: ())
    monkeypatch.setattr(_read_image, "register_plugins", lambda: False)
    path = tmp_path / f"x{suffix}"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert install_command("formats") in str(caught.value)
    with pytest.raises(FileError, match=r"1 file left out: 1 (HEIC|JPEG XL), such as"):
        list_pictures([tmp_path], suffixes=(".png",))


def test_xmp_of_a_jpeg_xl_file_is_read_when_the_plugin_hands_out_none() -> None:
    def box(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", 8 + len(data)) + kind + data

    boxes = [(b"JXL ", b"\r\n\x87\n"), (b"ftyp", b"jxl \0\0\0\0jxl "), (b"xml ", XMP)]
    boxes += [(b"jumb", b"jumdc2pa"), (b"brob", b"Exif\x0b"), (b"jxlc", b"\xff\n")]
    file = io.BytesIO(b"".join(box(*one) for one in boxes))
    found = with_boxes(Metadata(container="JXL"), file)
    assert found.xmp == XMP
    assert found.dropped == ("C2PA manifest", "EXIF (compressed)")
    assert with_boxes(found, io.BytesIO(b"\xff\n" + XMP)) == found


@pytest.mark.parametrize(("module", "suffix"), [("pillow_heif", ".heic"), ("pillow_jxl", ".jxl")])
def test_picture_is_marked_with_its_exif_when_there_is_a_plugin(
    pair: Any, photo: NDArray[np.uint8], tmp_path: Path, module: str, suffix: str
) -> None:
    plugin = pytest.importorskip(module)
    importlib.import_module("edgeseal.pictures._plugins").register_plugins()
    assert plugin is not None
    assert suffix in picture_suffixes()
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    path = tmp_path / f"x{suffix}"
    Image.fromarray(photo).save(path, exif=exif.tobytes())
    marked = load_embedder(pair.embedder).embed(path, Message.random(24, seed=2))
    marked.save(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        assert image.size == (90, 60)
        assert image.getexif()[0x010F] == "Maker"

"""Damaged or huge metadata make no picture unreadable: it is marked, and what is lost is said."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from edgeseal.pictures.metadata._avif import avif_extras
from edgeseal.pictures.metadata._boxes import XMP_UUID
from edgeseal.pictures.metadata._exif import true_exif
from edgeseal.pictures.metadata._photoshop import true_resources
from edgeseal.pictures.metadata._webp import read_webp
from edgeseal.pictures.metadata._xmp import true_xmp
from edgeseal.watermark.runtime import Embedding, LiteRTEmbedder, Message, load_embedder
from pictures import containers as files

MESSAGE = Message.random(24, seed=2)
HUGE = files.XMP.replace(
    b"<rdf:Description ", b"<!--" + b"x" * 10_000_000 + b"--><rdf:Description "
)


@pytest.fixture(scope="module")
def embedder(pair: Any) -> LiteRTEmbedder:
    return load_embedder(pair.embedder)


def whole(photo: NDArray[np.uint8], kind: str, **options: Any) -> bytes:
    data = io.BytesIO()
    Image.fromarray(photo).save(data, kind, **options)
    return data.getvalue()


def extended(xmp: bytes) -> list[tuple[int, bytes]]:
    """Return XMP as XMP's specification, part 3, puts what is too long for a segment of JPEG."""
    name = b"0123456789ABCDEF0123456789ABCDEF"
    main = b'<x xmpNote:HasExtendedXMP="' + name + b'"/>'
    parts = [(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + main)]
    for start in range(0, len(xmp), 65000):
        head = name + struct.pack(">II", len(xmp), start)
        body = b"http://ns.adobe.com/xmp/extension/\0" + head + xmp[start : start + 65000]
        parts.append((0xE1, body))
    return parts


def test_extended_xmp_is_kept_when_it_has_ten_megabytes(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    parts = extended(HUGE)
    data = files.with_segments(whole(photo, "JPEG"), *parts)
    assert embedder.embed(data, MESSAGE).save(tmp_path / "x.jpg").dropped == ()
    found = [one for one in files.segments((tmp_path / "x.jpg").read_bytes()) if one[0] == 0xE1]
    assert found == parts


@pytest.mark.parametrize("packed", [False, True])
def test_xmp_of_png_is_kept_when_it_has_ten_megabytes(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path, packed: bool
) -> None:
    text = b"\1\0\0\0" + zlib.compress(HUGE) if packed else b"\0\0\0\0" + HUGE
    data = files.with_chunks(whole(photo, "PNG"), (b"iTXt", b"XML:com.adobe.xmp\0" + text))
    embedder.embed(data, MESSAGE).save(tmp_path / "x.png")
    found = dict(files.chunks((tmp_path / "x.png").read_bytes()))
    assert found[b"iTXt"] == b"XML:com.adobe.xmp" + bytes(5) + HUGE


@pytest.mark.parametrize("others", [(b"<small/>",), (b"<!--" + b"x" * 900_000 + b"-->",) * 12])
def test_boxes_of_jpeg_2000_are_kept_when_they_have_ten_megabytes(
    others: tuple[bytes, ...], embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    plain = whole(photo, "JPEG2000")
    given = XMP_UUID + (HUGE if len(others) == 1 else files.XMP)
    data = files.with_boxes(plain, (b"uuid", given), *((b"xml ", text) for text in others))
    marked = embedder.embed(data, MESSAGE)
    np.testing.assert_array_equal(marked.image, embedder.embed(plain, MESSAGE).image)
    assert marked.save(tmp_path / "x.jp2").dropped == ()
    found = files.boxes((tmp_path / "x.jp2").read_bytes())
    assert (b"uuid", given) in found
    assert [data for kind, data in found if kind == b"xml "] == [*others]


def test_name_is_said_when_xmp_is_too_long_for_the_format(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    text = b"XML:com.adobe.xmp" + bytes(5) + HUGE
    marked = embedder.embed(files.with_chunks(whole(photo, "PNG"), (b"iTXt", text)), MESSAGE)
    assert marked.save(tmp_path / "x.jpg").dropped == ("XMP (longer than JPEG holds)",)


def damaged(name: str) -> list[tuple[int, bytes]]:
    exif = files.exif_with_thumbnail(1, b"thumbnail")
    wrong = bytearray(exif)
    struct.pack_into(">I", wrong, 8 + 2 + 2 * 12 + 8, 0xFFFFFF)  # where the Exif directory is
    struct.pack_into(">I", wrong, 46, 7)  # and the second one
    return {
        "EXIF with wrong places": [(0xE1, b"Exif\0\0" + bytes(wrong))],
        "EXIF cut short": [(0xE1, b"Exif\0\0" + exif[:60])],
        "EXIF that is none": [(0xE1, b"Exif\0\0" + b"no exif at all")],
        "profile that is none": [(0xE2, b"ICC_PROFILE\0\1\1" + b"no profile")],
        "resources cut short": [(0xED, b"Photoshop 3.0\0" + files.IPTC[:-8])],
    }[name]


SAID = {
    "EXIF with wrong places": "EXIF: Exif points outside of the data",
    "EXIF cut short": "EXIF: ",
    "EXIF that is none": "EXIF is no TIFF structure",
    "profile that is none": "colour profile: is none",
    "resources cut short": "Photoshop resources: cut short",
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("name", SAID)
def test_picture_is_marked_and_damage_said_when_a_block_is_damaged(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path, name: str
) -> None:
    data = files.with_segments(whole(photo, "JPEG"), *damaged(name))
    marked = embedder.embed(data, MESSAGE)
    saved = marked.save(tmp_path / "x.jpg")
    assert any(SAID[name] in problem for problem in marked.metadata.problems)
    assert marked.to_json()["unread"] == list(marked.metadata.problems)
    found = files.segments((tmp_path / "x.jpg").read_bytes())
    if name == "profile that is none":
        assert saved.dropped == ("colour profile (damaged)",)
    else:
        assert damaged(name)[0][0] in dict(found), "it is copied as it was"


@pytest.mark.parametrize("size", range(0, 140, 7))
def test_exif_is_never_longer_than_it_was_when_it_is_cut(size: int) -> None:
    block = files.exif_with_thumbnail(6, b"x" * 20)[:size]
    edited, _, problems = true_exif(block, 10, 20, lambda: b"new")
    assert len(edited) <= len(block)
    assert problems or size >= 126  # all but the place of a third directory


@pytest.mark.parametrize("size", range(len(files.IPTC)))
def test_resources_stay_when_they_are_cut_short(size: int) -> None:
    data = files.IPTC[:size]
    kept, removed, problems = true_resources(data)
    assert (kept, removed) == (data, [])
    assert problems or size in (0, len(files.IPTC) - 1)


def marked(embedder: LiteRTEmbedder, data: bytes) -> Embedding:
    return embedder.embed(data, MESSAGE)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_pieces_before_damage_are_kept_when_a_file_ends_early(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], kind: str
) -> None:
    data = whole(photo, kind, xmp=files.XMP) if kind == "WEBP" else whole(photo, kind)
    if kind == "PNG":
        data = files.with_chunks(data, (b"heLo", b"hello"))
        metadata = marked(embedder, data[:-6]).metadata
        assert metadata.blocks[0].data == b"hello"
        assert metadata.problems == ("PNG chunks: cut short",)
    else:
        assert marked(embedder, data + b"XMP ").metadata.xmp == files.XMP


def test_extras_of_avif_are_named_wherever_their_boxes_are() -> None:
    def box(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", 8 + len(data)) + kind + data

    depth = box(b"pixi", b"\0\0\0\0\3\n\n\n")
    meta = box(b"meta", b"infetmap" + b"colrnclx" + struct.pack(">HH", 9, 16) + b"clli" + depth)
    signed = box(b"uuid", bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + b"c2pa")
    names = ["gain map", "content light level (clli)", "colour description (nclx 9/16)"]
    names.append("10 bits a colour (8 now)")
    for boxes in ((meta, box(b"mdat", b"x"), signed), (signed, box(b"mdat", b"x"), meta)):
        assert avif_extras(io.BytesIO(box(b"ftyp", b"avif") + b"".join(boxes))) == [
            *names, "C2PA manifest"
        ]  # fmt: skip


def test_segments_are_kept_when_they_lie_behind_rubbish(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8]
) -> None:
    data = files.with_segments(whole(photo, "JPEG"), (0xE7, b"hello"))
    found = marked(embedder, data[:20] + b"rubbish" + data[20:]).metadata
    assert [block.data for block in found.blocks if block.kind == b"\xe7"] == [b"hello"]
    assert found.problems == ()


@pytest.mark.parametrize("numbers", [(1, 2), (2, 1), (1, 1, 2), (1,)])
def test_profile_is_whole_or_named_when_its_parts_are_in_disorder(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], numbers: tuple[int, ...]
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    parts = {1: profile[:300], 2: profile[300:]}
    new = [(0xE2, b"ICC_PROFILE\0" + bytes([number, 2]) + parts[number]) for number in numbers]
    found = marked(embedder, files.with_segments(whole(photo, "JPEG"), *new)).metadata
    if 2 in numbers:
        assert (found.icc_profile, found.dropped) == (profile, ())
    else:
        assert (found.icc_profile, found.dropped) == (b"", ("colour profile (damaged)",))


def test_damage_is_said_when_webp_ends_within_a_chunk(photo: NDArray[np.uint8]) -> None:
    data = files.with_riff(whole(photo, "WEBP", xmp=files.XMP), (b"HELO", b"hello"))
    assert read_webp(io.BytesIO(data)).problems == ()
    found = read_webp(io.BytesIO(data[:-3]))
    assert (found.xmp, found.problems) == (files.XMP, ("WebP chunks: cut short",))


def test_damage_is_said_when_xmp_of_png_cannot_be_unpacked(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    chunk = (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + b"x\x9cnothing")
    found = marked(embedder, files.with_chunks(whole(photo, "PNG"), chunk))
    assert found.metadata.problems == ("XMP: cannot be unpacked, or is too long",)
    found.save(tmp_path / "x.png")
    assert chunk in files.chunks((tmp_path / "x.png").read_bytes())


def test_thumbnails_go_from_xmp_however_often_they_are_opened() -> None:
    closed = b"<a><xmp:Thumbnails x='1'>y<xmp:Thumbnails>z</xmp:Thumbnails> <xap:Thumbnails/></a>"
    assert true_xmp(closed, 1, 1, is_turned=False) == (b"<a> </a>", ["XMP thumbnail"])
    opened = 100_000 * b"<xmp:Thumbnails>"
    assert true_xmp(opened, 1, 1, is_turned=False) == (opened, [])


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_picture_stays_as_it_is_when_its_orientation_is_none(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], kind: int
) -> None:
    exif = bytearray(files.exif_with_thumbnail(9, b"")[:100] + bytes(30))
    struct.pack_into(">H", exif, 12, kind)  # bytes, a text, or a number that means nothing
    data = files.with_segments(whole(photo, "JPEG"), (0xE1, b"Exif\0\0" + bytes(exif)))
    assert marked(embedder, data).pixels.shape == photo.shape


@pytest.mark.filterwarnings("ignore:Metadata Warning")
@pytest.mark.parametrize(("kind", "count"), [(3, 2), (4, 1), (8, 1), (9, 1)])
def test_orientation_is_undone_when_it_is_a_number_of_another_type(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], kind: int, count: int
) -> None:
    exif = bytearray(files.exif_with_thumbnail(6, b"")[:100] + bytes(30))
    value = (6, 0) if kind in (3, 8) else (0, 6)
    struct.pack_into(">HIHH", exif, 12, kind, count, *value)
    data = files.with_segments(whole(photo, "JPEG"), (0xE1, b"Exif\0\0" + bytes(exif)))
    found = marked(embedder, data)
    assert found.pixels.shape == (photo.shape[1], photo.shape[0], 3)
    with Image.open(io.BytesIO(data)) as image:
        exif_after = image.getexif()
        exif_after.load(b"Exif\0\0" + found.metadata.exif)
    assert exif_after[0x0112] == 1


@pytest.mark.parametrize(
    ("kind", "data"), [(b"tEXt", b"a\0b"), (b"pHYs", b"x"), (b"gAMA", b""), (b"iCCP", b"x")]
)
def test_picture_is_marked_without_a_chunk_when_that_is_damaged(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path, kind: bytes, data: bytes
) -> None:
    source = files.with_chunks(whole(photo, "PNG"), (b"heLo", b"hello"), (kind, data))
    if kind == b"tEXt":
        source = source.replace(b"tEXta\0b", b"tEXta\0c")  # the checksum is of another text
    found = marked(embedder, source)
    name = f"chunk {kind.decode()}"
    assert found.dropped == (f"{name} (damaged)",)
    assert found.metadata.problems == (f"{name}: damaged",)
    found.save(tmp_path / "x.png")
    assert (b"heLo", b"hello") in files.chunks((tmp_path / "x.png").read_bytes())

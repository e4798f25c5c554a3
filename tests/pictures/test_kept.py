"""What is not pixels survives marking, or is named: the matrix of docs/kept.md."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from edgeseal.pictures._save import save_suffix
from edgeseal.pictures.metadata._jp2 import read_jp2
from edgeseal.pictures.metadata._tiff import read_tiff
from edgeseal.watermark.runtime import LiteRTEmbedder, Message, load_embedder
from pictures import containers as files

MESSAGE = Message.random(24, seed=2)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EXIF = files.exif_with_thumbnail(1, b"")[:100] + bytes(30)  # the directories; nothing at the second
C2PA = b"\0\0\0\x28jumb\0\0\0\x20jumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\x03c2pa\0"
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
ROOT = Path(__file__).parents[2]
SUFFIXES = {
    "JPEG": ".jpg", "PNG": ".png", "WebP": ".webp", "TIFF": ".tif", "AVIF": ".avif",
    "JPEG 2000": ".jp2", "GIF": ".gif",
}  # fmt: skip

Edit = Callable[[bytes], bytes]
Holds = Callable[[bytes], bool]


@pytest.fixture(scope="module")
def embedder(pair: Any) -> LiteRTEmbedder:
    return load_embedder(pair.embedder)


def whole(photo: NDArray[np.uint8], kind: str, **options: Any) -> bytes:
    """Return a file of the photograph."""
    data = io.BytesIO()
    name = {"WebP": "WEBP", "JPEG 2000": "JPEG2000"}.get(kind, kind)
    Image.fromarray(photo).save(data, name, **options)
    return data.getvalue()


def two_views(photo: NDArray[np.uint8]) -> bytes:
    data = io.BytesIO()
    Image.fromarray(photo).save(
        data, "MPO", save_all=True, append_images=[Image.fromarray(255 - photo)]
    )
    return data.getvalue()


def segment(kind: int, data: bytes) -> tuple[Edit, Holds]:
    return (
        lambda file: files.with_segments(file, (kind, data)),
        lambda file: (kind, data) in files.segments(file),
    )


def chunk(kind: bytes, data: bytes) -> tuple[Edit, Holds]:
    return (
        lambda file: files.with_chunks(file, (kind, data)),
        lambda file: (kind, data) in files.chunks(file),
    )


def piece(kind: bytes, data: bytes) -> tuple[Edit, Holds]:
    return (
        lambda file: files.with_riff(file, (kind, data)),
        lambda file: (kind, data) in files.riff(file),
    )


def box(kind: bytes, data: bytes) -> tuple[Edit, Holds]:
    return (
        lambda file: files.with_boxes(file, (kind, data)),
        lambda file: (kind, data) in files.boxes(file),
    )


def extension(name: bytes, content: bytes, kind: bytes, data: bytes) -> tuple[Edit, Holds]:
    """Of a GIF file, which becomes a PNG file."""
    return (
        lambda file: files.with_extension(file, name, content),
        lambda file: (kind, data) in files.chunks(file),
    )


def raw_profile(data: bytes) -> tuple[Edit, Holds]:
    """As ExifTool writes it, with two words, and as ImageMagick, with one."""
    text = b"\nIPTC profile\n%8d\n%s\n" % (len(data), data.hex().encode())
    packed = b"Raw profile type iptc\0\0" + zlib.compress(text)
    return (
        lambda file: files.with_chunks(file, (b"zTXt", packed)),
        lambda file: files.texts(file)[b"Raw profile type iptc"].split()[-1] == text.split()[-1],
    )


PUT: dict[tuple[str, str], tuple[Edit, Holds]] = {
    ("EXIF", "JPEG"): segment(0xE1, b"Exif\0\0" + EXIF),
    ("EXIF", "PNG"): chunk(b"eXIf", EXIF),
    ("EXIF", "WebP"): piece(b"EXIF", EXIF),
    ("EXIF", "JPEG 2000"): box(b"uuid", b"JpgTiffExif->JP2" + EXIF),
    ("XMP", "JPEG"): segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + files.XMP),
    ("XMP", "PNG"): chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + files.XMP),
    ("XMP", "WebP"): piece(b"XMP ", files.XMP),
    ("XMP", "JPEG 2000"): box(b"uuid", XMP_UUID + files.XMP),
    ("XMP", "GIF"): extension(
        b"XMP DataXMP",
        files.XMP + b"\1" + bytes(range(255, -1, -1)),
        b"iTXt",
        b"XML:com.adobe.xmp\0\0\0\0\0" + files.XMP,
    ),
    ("IPTC", "PNG"): raw_profile(files.IPTC),
    ("IPTC", "JPEG"): segment(0xED, b"Photoshop 3.0\0" + files.IPTC),
    ("comment", "JPEG"): segment(0xFE, b"a comment"),
    ("text", "PNG"): chunk(b"tEXt", b'prompt\0{"3": 1}'),
    ("colour chunks", "PNG"): chunk(b"cICP", b"\x09\x10\0\1"),
    ("anything else", "JPEG"): segment(0xE7, b"hello"),
    ("anything else", "PNG"): chunk(b"heLo", b"hello"),
    ("anything else", "WebP"): piece(b"HELO", b"hello"),
    ("anything else", "JPEG 2000"): box(b"xml ", b"<a/>"),
    ("C2PA manifest", "JPEG"): segment(0xEB, b"JP\0\1\0\0\0\1" + C2PA),
    ("C2PA manifest", "PNG"): chunk(b"caBX", C2PA),
    ("C2PA manifest", "WebP"): piece(b"C2PA", C2PA),
    ("C2PA manifest", "GIF"): extension(
        b"C2PA_GIF\1\0\0", bytes([len(C2PA)]) + C2PA, b"caBX", C2PA
    ),
    ("C2PA manifest", "JPEG 2000"): box(b"uuid", C2PA_UUID + C2PA),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "EXIF": {"exif": b"Exif\0\0" + EXIF},
    "XMP": {"xmp": files.XMP},
    "colour profile": {"icc_profile": PROFILE},
    "dots per inch": {"dpi": (300, 300)},
    "comment": {"comment": b"a comment"},
}
BY_PILLOW = {
    ("EXIF", "TIFF"), ("EXIF", "AVIF"), ("XMP", "AVIF"), ("comment", "GIF"),
    *(("colour profile", kind) for kind in ("JPEG", "PNG", "WebP", "TIFF", "AVIF")),
    *(("dots per inch", kind) for kind in ("JPEG", "PNG", "TIFF")),
}  # fmt: skip
TIFF_TAGS = {
    "XMP": (700, files.XMP),
    "IPTC": (33723, files.IPTC[12:-1]),
    "anything else": (65000, b"hello"),
}
ITEMS = (
    "EXIF", "XMP", "colour profile", "IPTC", "dots per inch", "comment", "text", "colour chunks",
    "further pictures", "anything else", "C2PA manifest",
)  # fmt: skip


def source_of(photo: NDArray[np.uint8], item: str, kind: str) -> bytes | None:
    """Return a file of a kind that has an item, or None where no such file is made here."""
    if (item, kind) in PUT:
        return PUT[item, kind][0](whole(photo, kind))
    if (item, kind) in BY_PILLOW:
        return whole(photo, kind, **OPTIONS[item])
    if kind == "TIFF" and item in TIFF_TAGS:
        return whole(photo, kind, tiffinfo=dict([TIFF_TAGS[item]]))
    return two_views(photo) if (item, kind) == ("further pictures", "JPEG") else None


def holds(data: bytes, item: str, kind: str) -> bool:
    """Whether a marked file has an item as the source had it."""
    if (item, kind) in PUT:
        return PUT[item, kind][1](data)
    with Image.open(io.BytesIO(data)) as image:
        if item == "further pictures":
            return getattr(image, "n_frames", 1) == 2
        if item == "comment":  # a GIF file becomes a PNG file
            return image.text["Comment"] == "a comment"  # type: ignore[attr-defined]
        if item == "EXIF":
            return image.getexif()[0x010F] == "Me!"
        if kind == "TIFF" and item in TIFF_TAGS:
            number, value = TIFF_TAGS[item]
            return files.tags(data)[number] in (value, tuple(value))
        ((name, value),) = OPTIONS[item].items()
        if name == "dpi":
            return bool(np.allclose(image.info["dpi"], value, atol=0.01))
        return bool(image.info[name] == value)


def cell(embedder: LiteRTEmbedder, photo: NDArray[np.uint8], item: str, kind: str, to: Path) -> str:
    data = source_of(photo, item, kind)
    if data is None:
        return ""
    path = to / f"{item}, {kind}{save_suffix('x' + SUFFIXES[kind])}"
    saved = embedder.embed(data, MESSAGE).save(path)
    if holds(path.read_bytes(), item, kind):
        assert saved.dropped == ()
        return "kept"
    return "said" if any(item in name for name in saved.dropped) else "lost"


def test_page_says_what_is_kept(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    head = f"| | {' | '.join(SUFFIXES)} |"
    rows = [head, "|---" * (1 + len(SUFFIXES)) + "|"]
    for item in ITEMS:
        cells = [cell(embedder, photo, item, kind, tmp_path) for kind in SUFFIXES]
        assert "lost" not in cells, (item, cells)
        rows.append(f"| {item} | {' | '.join(cells)} |".replace("  ", " "))
    table = "\n".join(rows)
    assert table in (ROOT / "docs" / "kept.md").read_text(), table


def test_depth_and_colours_that_go_are_named(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    def dropped(data: Any, suffix: str) -> tuple[str, ...]:
        return embedder.embed(data, MESSAGE).save(tmp_path / f"x{suffix}", overwrite=True).dropped

    levels = io.BytesIO()
    Image.fromarray(photo[..., 0].astype(np.float32) / 255).save(levels, "TIFF")
    assert dropped(levels.getvalue(), ".tif") == ("32 bits a colour (8 now)",)
    assert dropped(photo.astype(np.uint16) * 257, ".webp") == ("16 bits a colour (8 now)",)
    assert dropped(photo.astype(np.uint16) * 257, ".png") == ()
    inks = io.BytesIO()
    Image.fromarray(photo).convert("CMYK").save(inks, "JPEG")
    assert dropped(inks.getvalue(), ".jpg") == ("CMYK colours (RGB now)",)
    tags = b"II*\0\x08\0\0\0\2\0" + struct.pack("<HHIHHHHII", 258, 3, 1, 16, 0, 277, 3, 1, 3)
    assert read_tiff(io.BytesIO(tags + bytes(8))).dropped == ("16 bits a colour (8 now)",)
    header = struct.pack(">IIHBBBB", 60, 90, 3, 15, 7, 0, 0)
    deep = whole(photo, "JPEG 2000").replace(header[:10] + b"\x07", header[:11])
    assert read_jp2(io.BytesIO(deep)).dropped == ("16 bits a colour (8 now)",)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP"])
def test_every_piece_is_there_when_there_are_many(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path, kind: str
) -> None:
    data = whole(photo, kind, icc_profile=PROFILE)
    wanted = [put for (item, of), put in PUT.items() if of == kind and item != "C2PA manifest"]
    for edit, _ in wanted:
        data = edit(data)
    path = tmp_path / f"x{SUFFIXES[kind]}"
    assert embedder.embed(data, MESSAGE).save(path).dropped == ()
    found = path.read_bytes()
    assert all(has(found) for _, has in wanted)
    with Image.open(path) as image:
        image.load()
        assert image.info["icc_profile"] == PROFILE
        assert image.getexif()[0x010F] == "Me!"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [1, 6, 3])
def test_exif_is_true_when_the_picture_was_turned(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path, order: str, orientation: int
) -> None:
    small = io.BytesIO()
    Image.fromarray(photo).resize((45, 30)).save(small, "JPEG")
    block = files.exif_with_thumbnail(orientation, small.getvalue(), order=order)
    data = files.with_segments(whole(photo, "JPEG"), (0xE1, b"Exif\0\0" + block))
    saved = embedder.embed(data, MESSAGE).save(tmp_path / "x.jpg")
    assert saved.dropped == ()
    (found,) = [body for kind, body in files.segments((tmp_path / "x.jpg").read_bytes())
                if kind == 0xE1]  # fmt: skip
    found = found.removeprefix(b"Exif\0\0")
    assert found[92:100] == b"MAKER\1\2\3", "a maker's note has its place"
    with Image.open(tmp_path / "x.jpg") as image:
        exif = image.getexif()
        inner = exif.get_ifd(0x8769)
        assert exif[0x0112] == 1
        assert (inner[0xA002], inner[0xA003]) == image.size
        (second,) = struct.unpack_from(order + "I", found, 46)
        start, size = (struct.unpack_from(order + "I", found, second + at)[0] for at in (10, 22))
        with Image.open(io.BytesIO(found[start : start + size])) as thumbnail:
            assert thumbnail.size == image.size  # both are below 160 x 160
            difference = np.asarray(thumbnail, float) - np.asarray(image, float)
    assert np.abs(difference).mean() < 8


def test_thumbnail_is_said_when_it_is_no_jpeg(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    block = files.exif_with_thumbnail(1, b"")  # of no bytes
    resources = b"Photoshop 3.0\0" + files.PSEUDO_THUMBNAIL + files.IPTC
    data = files.with_segments(whole(photo, "JPEG"), (0xED, resources))
    marked = embedder.embed(data, MESSAGE)
    assert marked.dropped == ("Photoshop thumbnail",)
    marked.save(tmp_path / "x.jpg")
    found = dict(files.segments((tmp_path / "x.jpg").read_bytes()))
    assert found[0xED] == b"Photoshop 3.0\0" + files.IPTC
    assert block[:2] == b"MM"


def test_index_of_pictures_is_right_when_the_first_has_another_size(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    embedder.embed(two_views(photo), MESSAGE).save(tmp_path / "x.jpg", quality=30)
    data = (tmp_path / "x.jpg").read_bytes()
    second = list(files.jpegs(data))[1]
    with Image.open(tmp_path / "x.jpg") as image:
        entry = image.mpinfo[0xB002]  # type: ignore[attr-defined]
        assert entry[0]["Size"] == second
        image.seek(1)
        difference = np.asarray(image.convert("RGB"), float) - (255 - photo.astype(float))
    assert np.abs(difference).mean() < 4


def test_xmp_is_true_when_the_picture_was_turned(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    xmp = (
        b'<rdf:Description tiff:Orientation="6" tiff:ImageWidth="90" keep="6">'
        b"<tiff:ImageLength>60</tiff:ImageLength><xmp:Thumbnails>x</xmp:Thumbnails>"
        b'<a dcterms:provenance="https://manifests.example/1"/></rdf:Description>'
    )
    block = files.exif_with_thumbnail(6, b"")[:100] + bytes(30)
    data = files.with_segments(
        whole(photo, "JPEG"),
        (0xE1, b"Exif\0\0" + block),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp),
    )
    marked = embedder.embed(data, MESSAGE)
    assert marked.pixels.shape == (90, 60, 3)
    assert marked.metadata.xmp == (
        b'<rdf:Description tiff:Orientation="1" tiff:ImageWidth="60" keep="6">'
        b"<tiff:ImageLength>90</tiff:ImageLength><a/></rdf:Description>"
    )
    assert marked.dropped == ("XMP thumbnail", "address of a C2PA manifest")


def test_colours_come_before_pixels_when_written_to_png(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    colours = [
        (b"cICP", b"\x09\x10\0\1"), (b"gAMA", struct.pack(">I", 45455)), (b"cHRM", bytes(32)),
        (b"mDCV", bytes(24)), (b"cLLI", bytes(8)),
    ]  # fmt: skip
    data = files.with_chunks(whole(photo, "PNG"), *colours, (b"sBIT", b"\5\6\5"), (b"hEAD", b"x"))
    saved = embedder.embed(data, MESSAGE).save(tmp_path / "x.png")
    assert saved.dropped == ("significant bits (sBIT)", "chunk hEAD")  # not safe to copy, it says
    found = files.chunks((tmp_path / "x.png").read_bytes())
    before = found[: [kind for kind, _ in found].index(b"IDAT")]
    assert set(colours) <= set(before)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", None])
def test_tiff_keeps_its_compression_and_tags_when_saved(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path, compression: str | None
) -> None:
    tags = {270: "about", 65000: b"hello", 33550: (1.5, 2.5, 0.0)}
    data = whole(photo, "TIFF", tiffinfo=tags, compression=compression, dpi=(300, 300))
    marked = embedder.embed(data, MESSAGE)
    saved = marked.save(tmp_path / "x.tif")
    assert (saved.dropped, saved.is_exact) == ((), True)
    with Image.open(tmp_path / "x.tif") as image:
        assert image.info["compression"] == (compression or "raw")
        np.testing.assert_array_equal(np.asarray(image), marked.pixels)
    found = files.tags((tmp_path / "x.tif").read_bytes())
    assert found[270] == "about"
    assert found[33550] == (1.5, 2.5, 0.0)
    assert float(found[282]) == 300


def test_names_are_said_when_another_format_cannot_hold_them(
    embedder: LiteRTEmbedder, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    data = whole(photo, "PNG", dpi=(300, 300))
    data = files.with_chunks(data, (b"tEXt", b"prompt\0x"), (b"cICP", b"\x09\x10\0\1"))
    marked = embedder.embed(data, MESSAGE)
    assert marked.save(tmp_path / "x.png").dropped == ()
    assert marked.save(tmp_path / "x.jpg").dropped == ("text prompt", "chunk cICP")
    assert "dots per inch" in marked.save(tmp_path / "x.webp").dropped
    with Image.open(tmp_path / "x.jpg") as image:
        assert image.info["dpi"] == (300, 300)

"""What a picture's file holds besides its pixels, whatever the format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from edgeseal.pictures.metadata._exif import true_exif
from edgeseal.pictures.metadata._photoshop import true_resources
from edgeseal.pictures.metadata._xmp import true_xmp

__all__ = ["Metadata", "Piece", "lost_depth"]

_BITS = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a file that only its own format can hold.

    Attributes:
        kind: what the format calls it.
        data: as it is.
        name: what messages call it.
    """

    kind: bytes
    data: bytes
    name: str


def lost_depth(bits: int) -> tuple[str, ...]:
    """Return the name of what is lost where a picture with so many bits a colour gets 8."""
    return (f"{bits} bits a colour ({_BITS} now)",) if bits > _BITS else ()


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a file holds besides pixels.

    Attributes:
        container: Pillow's name of its format; empty for a picture without a file.
        exif: EXIF, starting with its byte order; may be empty, as the next three.
        icc_profile: colour profile, of whatever colours.
        xmp: the XMP packet.
        photoshop: Photoshop's image resources, IPTC among them.
        comments: comments without a name.
        texts: texts with a name.
        dpi: dots per inch across and down, or None.
        blocks: everything else, for the same format.
        tail: what follows the picture in its file: further pictures, for one.
        tail_place: where that was, from the place that an index of pictures counts from.
        dropped: what cannot stay true of a marked picture, or cannot be kept.
        problems: what could not be read.
    """

    container: str = ""
    exif: bytes = b""
    icc_profile: bytes = b""
    xmp: bytes = b""
    photoshop: bytes = b""
    comments: tuple[bytes, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    dpi: tuple[float, float] | None = None
    blocks: tuple[Piece, ...] = ()
    tail: bytes = b""
    tail_place: int = 0
    dropped: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def without(self, *names: str) -> Metadata:
        """Return it with more names of what is dropped, each once."""
        return replace(self, dropped=tuple(dict.fromkeys([*self.dropped, *names])))

    def fitting(self, *, is_grey: bool) -> Metadata:
        """Return it without a colour profile that is none of such colours."""
        profile = self.icc_profile
        if not profile:
            return self
        is_cut = len(profile) < max(128, int.from_bytes(profile[:4], "big"))
        if is_cut or profile[36:40] != b"acsp":
            said = replace(self, problems=(*self.problems, "colour profile: is none"))
            return replace(said.without("colour profile (damaged)"), icc_profile=b"")
        colours = profile[16:20]
        if colours == (b"GRAY" if is_grey else b"RGB "):
            return self
        name = colours.decode("ascii", "replace").strip()
        return replace(self.without(f"colour profile (of {name})"), icc_profile=b"")

    def true_of(
        self, width: int, height: int, *, is_turned: bool, thumbnail: Callable[[], bytes]
    ) -> Metadata:
        """Return what is true of an upright picture of a size.

        Args:
            width: columns.
            height: rows.
            is_turned: whether columns and rows changed places.
            thumbnail: makes one of it, a JPEG file.
        """
        exif, xmp, resources = self.exif, self.xmp, self.photoshop
        dropped: list[str] = []
        problems: list[str] = []
        if exif:
            exif, removed, found = true_exif(exif, width, height, thumbnail)
            dropped += removed
            problems += found
        if xmp:
            xmp, removed = true_xmp(xmp, width, height, is_turned=is_turned)
            dropped += removed
        if resources:
            resources, removed, found = true_resources(resources)
            dropped += removed
            problems += found
        dpi = self.dpi[::-1] if self.dpi is not None and is_turned else self.dpi
        changed = replace(self, exif=exif, xmp=xmp, photoshop=resources, dpi=dpi)
        return replace(changed, problems=(*self.problems, *problems)).without(*dropped)

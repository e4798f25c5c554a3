"""What a marked video has not of its source, for whoever marked it to say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgeseal.watermark.video._video_files import import_av, reading

__all__ = ["OWN_TAGS", "colour_share", "lost_notes", "lost_pixels", "lost_tags"]

OWN_TAGS = ("encoder", "major_brand", "minor_version", "compatible_brands", "duration")
"""What a muxer writes itself."""

_NOTES = {
    "SPHERICAL": "360-degree projection",
    "STEREO3D": "stereo arrangement",
    "DOVI_RPU_BUFFER": "Dolby Vision",
    "DOVI_METADATA": "Dolby Vision",
    "DYNAMIC_HDR_PLUS": "HDR10+",
    "DYNAMIC_HDR_VIVID": "HDR Vivid",
    "AMBIENT_VIEWING_ENVIRONMENT": "ambient viewing environment",
    "ICC_PROFILE": "colour profile",
    "A53_CC": "captions within the picture",
    "S12M_TIMECODE": "timecode within the picture",
}
_WRITTEN = {  # by FFmpeg's encoders, of the above
    "libx264": ("A53_CC", "STEREO3D"),
    "libx265": ("A53_CC",),
}
_OF_STREAMS = ("title", "language")
_NO_LANGUAGE = "und"
_FORMAT_KEYS = ("uid", "umid", "_ul", "product_", "company_name", "modification_date")


def lost_notes(kinds: Iterable[str], codec: str) -> list[str]:
    """Return the names of notes on a frame, in PyAV's words, that an encoder does not write."""
    written = _WRITTEN.get(codec, ())
    return list(dict.fromkeys(_NOTES[k] for k in kinds if k in _NOTES and k not in written))


def lost_pixels(source: Any, target: str) -> list[str]:
    """Return what another pixel format than the source's does not hold: depth, resolution."""
    made = import_av().VideoFormat(target, 64, 64)
    bits, left = (max(c.bits for c in one.components) for one in (source, made))
    found = [f"{bits} bits a colour ({left} now)"] if bits > left else []
    if colour_share(made) < colour_share(source):
        found.append(f"colour resolution of {source.name} ({target} now)")
    return found


def colour_share(form: Any) -> tuple[float, float]:
    """Return the share of a format's columns and rows that have a colour of their own."""
    if len(form.components) < 3:  # grey: no colour to lose
        return 0.0, 0.0
    return form.chroma_width(64) / 64, form.chroma_height(64) / 64


def lost_tags(source: Any, target: Path, streams: Mapping[int, int]) -> list[str]:
    """Return the names of tags and chapters that a file does not have.

    Args:
        source: PyAV's container.
        target: a file.
        streams: the number of each copied stream, by that in the source.

    Raises:
        FileError, VideoError: the file cannot be read.
    """
    with reading(target), import_av().open(str(target), metadata_errors="replace") as made:
        there = {key.lower() for key in made.metadata}
        gone = [f"tag {key}" for key in source.metadata if _is_lost(key.lower(), there)]
        if len(made.chapters()) < len(source.chapters()):
            gone.append("chapters")
        for stream in source.streams:
            if stream.index in streams:
                after = _labels(made.streams[streams[stream.index]])
                lost = [name for name in _labels(stream) if name not in after]
                gone += [f"{name} of stream {stream.index}" for name in lost]
    return gone


def _is_lost(key: str, there: set[str]) -> bool:
    return not (key in there or key in OWN_TAGS or any(word in key for word in _FORMAT_KEYS))


def _labels(stream: Any) -> dict[str, str]:
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if "name" in tags:  # as MP4 calls it
        tags.setdefault("title", tags["name"])
    if tags.get("language") == _NO_LANGUAGE:
        del tags["language"]
    return {name: tags[name] for name in _OF_STREAMS if name in tags}

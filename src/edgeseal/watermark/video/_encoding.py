"""How marked frames are compressed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgeseal.errors import UsageError
from edgeseal.watermark.video._losses import colour_share
from edgeseal.watermark.video._video_files import import_av

__all__ = ["Encoding"]

_CODEC_OF = {".webm": "libvpx-vp9", ".ogv": "libvpx"}
_DEFAULT_CODEC = "libx264"
_HEVC_CODEC = "libx265"
_HOLD_HEVC = (".mp4", ".m4v", ".mov", ".mkv", ".ts", ".m2ts", ".mts")
# (name of the quality option, its default, that of small frames, largest value): near-lossless to
# the eye, because what the encoder throws away first is what nobody sees, and that is where a
# watermark is. Frames hardly larger than the model's input hold it in their finest detail, which
# goes before anything else: docs/video.md has the figures.
_QUALITY = {
    "libx264": ("crf", 16, 12, 51),
    "libx265": ("crf", 16, 13, 51),
    "libvpx-vp9": ("crf", 18, 14, 63),
    "libsvtav1": ("crf", 10, 8, 63),
    "libvpx": ("crf", 6, 6, 63),
    "mpeg4": ("qmin", 2, 2, 31),
}
_SMALL_LINES = 400
_OWN_PARAMETERS = {
    "libx264": "x264-params",
    "libx265": "x265-params",
    "libsvtav1": "svtav1-params",
}
_PRESETS = ("libx264", "libx265", "libsvtav1")
_SAMPLING = {"420": (0.5, 0.5), "422": (0.5, 1.0), "444": (1.0, 1.0)}  # columns, rows with colour
_DEPTHS = {"12le": 10, "10le": 8, "": 0}  # for more bits than
_EVEN_ONLY = ("libx264", "libx265", "libsvtav1", "mpeg4", "wmv2")  # where chroma is halved


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """Options of the encoder; None is a good default for the file's ending.

    Attributes:
        codec: FFmpeg's name of an encoder: ``libx265`` for HEVC, ``libvpx-vp9`` for ``.webm``, else
            ``libx264``.
        crf: quality, lower is better: 16 for ``libx264`` and ``libx265``, 18 for VP9, 10 for AV1;
            8 to 14 where a frame's shorter side has less than 400 pixels.
        preset: effort, such as ``medium``, ``veryfast`` or ``slow``.
        pix_fmt: FFmpeg's name of a pixel format; the source's where the encoder takes it.
    """

    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    pix_fmt: str | None = None

    def codec_for(self, suffix: str, source: str) -> str:
        """Return the encoder for a file's ending and the name of the source's own coding.

        Raises:
            UsageError: there is no such encoder for video.
        """
        av = import_av()
        name = self.codec or _CODEC_OF.get(suffix.lower(), _DEFAULT_CODEC)
        stays = source == "hevc" and suffix.lower() in _HOLD_HEVC
        if self.codec is None and stays and _HEVC_CODEC in av.codecs_available:
            name = _HEVC_CODEC
        try:
            codec = av.codec.Codec(name, "w")
        except (av.error.FFmpegError, ValueError) as error:
            raise UsageError(
                f"codec: this FFmpeg has no encoder {name!r}; choose one such as "
                f"{', '.join(_QUALITY)}"
            ) from error
        if codec.type != "video":
            raise UsageError(f"codec: {name!r} encodes {codec.type}, expected an encoder of video")
        return name

    def options(
        self, codec: str, size: tuple[int, int], parameters: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Return FFmpeg's options for an encoder.

        Args:
            codec: its name.
            size: width and height of frames.
            parameters: of the encoder's own, beyond FFmpeg's.

        Raises:
            UsageError: the encoder has no such option, or the quality is out of range.
        """
        options: dict[str, str] = {}
        if codec in _QUALITY:
            name, large, small, largest = _QUALITY[codec]
            default = small if min(size) < _SMALL_LINES else large
            crf = default if self.crf is None else self.crf
            if not 0 <= crf <= largest:
                raise UsageError(f"crf: {codec} takes 0 to {largest}, got {crf}")
            options[name] = f"{crf:g}"
            if codec == "mpeg4":
                options["qmax"] = options[name]  # no range: one quality for all
            if codec == "libvpx-vp9":
                options |= {"b": "0", "row-mt": "1", "cpu-used": "4"}
            if codec == "libvpx":
                options |= {"b": "1000M", "cpu-used": "4"}  # the quality counts where this is more
            own = {"log-level": "error"} if codec == "libx265" else {}
            own |= parameters or {}
            if own:
                listed = ":".join(f"{name}={value}" for name, value in own.items())
                options[_OWN_PARAMETERS[codec]] = listed
        elif self.crf is not None:
            raise UsageError(f"crf: {codec} has no such option; choose from {', '.join(_QUALITY)}")
        if self.preset is not None:
            if codec not in _PRESETS:
                raise UsageError(f"preset: {codec} has none; choose from {', '.join(_PRESETS)}")
            options["preset"] = self.preset
        return options

    def pix_fmt_for(self, codec: str, frame: Any) -> str:
        """Return the pixel format to encode frames like one in.

        The source's, where the encoder takes it, else one that loses the least; but a watermark
        has colour where the source is grey, and an odd size needs colour at full resolution with
        most encoders.

        Raises:
            UsageError: the encoder does not take the format that was asked for.
        """
        av = import_av()
        known = [f.name for f in av.codec.Codec(codec, "w").video_formats or ()]
        if self.pix_fmt is not None:
            if known and self.pix_fmt not in known:
                raise UsageError(
                    f"pix_fmt: {codec} does not take {self.pix_fmt!r}; it takes {', '.join(known)}"
                )
            return self.pix_fmt
        wanted = list(_formats(frame.format, is_odd=self._needs_even(codec, frame)))
        return next((name for name in wanted if name in known), known[0] if known else wanted[0])

    @staticmethod
    def _needs_even(codec: str, frame: Any) -> bool:
        return bool(frame.width % 2 or frame.height % 2) and codec in _EVEN_ONLY


def _formats(form: Any, *, is_odd: bool) -> Iterator[str]:
    """Yield formats for frames of one, the best first: all its bits, all its colour."""
    is_grey = len(form.components) < 3
    if not is_odd and not is_grey:
        yield form.name
    bits = max(component.bits for component in form.components)
    columns, rows = colour_share(form)
    enough = [n for n, share in _SAMPLING.items() if columns <= share[0] and rows <= share[1]]
    kinds = ["444"] if is_odd else [*enough, *(n for n in reversed(_SAMPLING) if n not in enough)]
    for suffix in [depth for depth, least in _DEPTHS.items() if bits > least]:
        for kind in kinds:
            yield f"yuv{kind}p{suffix}"

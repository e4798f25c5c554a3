"""Writing messages into pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeseal.errors import ModelError
from edgeseal.runtime._image import ImageInput, Picture, read_picture
from edgeseal.runtime._info import EMBEDDER, ModelInfo
from edgeseal.runtime._message import Message, MessageInput, to_message
from edgeseal.runtime._resize import resize_plane
from edgeseal.runtime._save import save_picture
from edgeseal.runtime._session import Session, open_session

__all__ = ["Embedding", "LiteRTEmbedder", "load_embedder"]


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A marked picture.

    Attributes:
        image: RGB, or RGBA where the source has transparency; 8 bits, size of the source. Its
            ``info`` has the source's EXIF block, without orientation, and RGB colour profile.
        message: what was embedded.
        psnr_db: peak signal-to-noise ratio of the RGB channels against the source, measured after
            rounding to 8 bits; infinite if nothing changed.
    """

    image: Image.Image
    message: Message
    psnr_db: float

    def save(
        self, path: str | Path, *, overwrite: bool = False, quality: int | None = None
    ) -> None:
        """Save the picture, whole or not at all, in the format that the ending names.

        PNG, TIFF and BMP are lossless, WebP as well unless a quality is given; JPEG is written
        with quality 95 and full colour resolution (4:4:4).

        Args:
            path: the file to write.
            overwrite: whether to replace an existing file.
            quality: 1 to 100, for JPEG and WebP.

        Raises:
            UsageError: the ending names no format that can be written, or the quality is out of
                range.
            OutputExistsError: the file exists and ``overwrite`` is False.
            FileError: it cannot be written, or the format cannot hold the picture.
        """
        save_picture(self.image, Path(path), overwrite=overwrite, quality=quality)

    def to_json(self) -> dict[str, Any]:
        """Return what can be said in JSON; an infinite PSNR becomes null."""
        return {
            "message": self.message.hex,
            "bits": len(self.message),
            "width": self.image.width,
            "height": self.image.height,
            "psnr_db": self.psnr_db if math.isfinite(self.psnr_db) else None,
        }


class LiteRTEmbedder:
    """An embedder that runs in LiteRT; made by :func:`load_embedder`, safe to share by threads."""

    def __init__(self, session: Session) -> None:
        """Wrap an open session of an embedder.

        Raises:
            ModelError: the model needs an attenuation map, which this version does not have.
        """
        if session.info.attenuation is not None:
            raise ModelError(
                f"{session.path}: {session.info.card} multiplies its watermark with the map "
                f"{session.info.attenuation!r}, which this version of edgeseal cannot compute; use "
                "a card without attenuation, such as videoseal_0.0"
            )
        self._session = session

    @property
    def info(self) -> ModelInfo:
        """What the file says about itself."""
        return self._session.info

    def embed(self, image: ImageInput, message: MessageInput) -> Embedding:
        """Mark a picture of any size, at that size.

        The watermark is computed at the model's size, resized to the picture's with the same
        bilinear filter, and added: ``scaling_i * image + scaling_w * delta``, clamped to 0..1 and
        rounded to 8 bits, halves to even. Grey pictures become RGB, since the watermark has
        colour; transparency is kept as it is.

        Args:
            image: a path, PIL image or array; see :data:`edgeseal.runtime.ImageInput`. A source of
                16 bits gives a picture of 8; see :meth:`embed_array`.
            message: hexadecimal text, a :class:`Message` or bits, of the model's length.

        Raises:
            UsageError: the message cannot be parsed or has another length.
            FileError, ImageError: the picture cannot be read, or has several frames.
            RuntimeRefusalError: LiteRT fails while running.
        """
        parsed = to_message(message, self.info.bits)
        picture = read_picture(image, one_frame=True)
        marked, squared_error = self._mark(picture, parsed, np.dtype(np.uint8))
        return Embedding(_to_pil(marked, picture), parsed, _psnr_db(squared_error))

    def embed_array(self, image: ImageInput, message: MessageInput) -> NDArray[Any]:
        """Mark a picture and keep its precision.

        Args:
            image: as for :meth:`embed`.
            message: as for :meth:`embed`.

        Returns:
            [H, W, 3], or [H, W, 4] where the source has transparency, RGB, in the type of the
            source: uint8 0..255 (also for bool), uint16 0..65535, both rounded halves to even, or
            float32 0..1, not rounded, for every floating point source.

        Raises:
            UsageError, FileError, ImageError, RuntimeRefusalError: as :meth:`embed`.
        """
        parsed = to_message(message, self.info.bits)
        picture = read_picture(image, one_frame=True)
        marked, _ = self._mark(picture, parsed, picture.pixels.dtype)
        if picture.alpha is None:
            return marked
        return np.concatenate([marked, picture.alpha[..., None]], axis=2)

    def delta(self, image: NDArray[np.float32], message: Message) -> NDArray[np.float32]:
        """Return the watermark at the model's size.

        Args:
            image: float32 [image_size, image_size, 3], RGB, 0..1.
            message: of the model's length.

        Returns:
            float32 [image_size, image_size, 3], -1..1, or [image_size, image_size, 1] for what is
            added to red, green and blue alike.

        Raises:
            RuntimeRefusalError: LiteRT fails while running.
        """
        inputs = {"image": image[None], "message": message.array()[None]}
        delta: NDArray[np.float32] = self._session.run(inputs)["delta"][0]
        return delta

    def _mark(
        self, picture: Picture, message: Message, dtype: np.dtype[Any]
    ) -> tuple[NDArray[Any], float]:
        """Return the marked picture in a type, and its mean squared error on the scale 0..1."""
        delta = self.delta(picture.resized(self.info.image_size), message)
        scaling_i, scaling_w = np.float32(self.info.scaling_i), np.float32(self.info.scaling_w)
        peak = np.float32(1 if dtype.kind == "f" else np.iinfo(dtype).max)
        marked = np.empty((picture.height, picture.width, 3), dtype)
        squared_error = 0.0
        for channel in range(3):  # one at a time: a large picture needs little more than itself
            plane = picture.plane(channel)
            pattern = delta[..., channel % delta.shape[2]]
            watermark = resize_plane(pattern, picture.height, picture.width)
            values = np.clip(scaling_i * plane + scaling_w * watermark, 0, 1)
            marked[..., channel] = values if dtype.kind == "f" else np.rint(values * peak)
            difference = marked[..., channel].astype(np.float32) / peak - plane
            squared_error += float(np.square(difference).mean(dtype=np.float64)) / 3
        return marked, squared_error


def load_embedder(path: str | Path, *, threads: int = 1) -> LiteRTEmbedder:
    """Load an embedder from a ``.tflite`` file written by Edgeseal; nothing else is needed.

    Args:
        path: the file.
        threads: threads per picture.

    Raises:
        UsageError: ``threads`` is below 1.
        FileError: the file cannot be read.
        ModelError: it is no model, was not written by Edgeseal, is no embedder, or needs an
            attenuation map.
        RuntimeRefusalError: LiteRT cannot prepare it; the message has LiteRT's own words.
    """
    return LiteRTEmbedder(open_session(path, EMBEDDER, threads=threads))


def _to_pil(marked: NDArray[np.uint8], picture: Picture) -> Image.Image:
    image = Image.fromarray(marked)
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(_eight_bits(picture.alpha)))
    if picture.exif:
        image.info["exif"] = picture.exif
    if picture.icc_profile:
        image.info["icc_profile"] = picture.icc_profile
    return image


def _eight_bits(plane: NDArray[Any]) -> NDArray[np.uint8]:
    if plane.dtype == np.uint8:
        return np.ascontiguousarray(plane)
    peak = np.float32(1 if plane.dtype.kind == "f" else np.iinfo(plane.dtype).max)
    scaled: NDArray[np.float32] = plane.astype(np.float32) / peak * np.float32(255)
    return np.rint(scaled).astype(np.uint8)


def _psnr_db(squared_error: float) -> float:
    return math.inf if squared_error == 0 else -10 * math.log10(squared_error)

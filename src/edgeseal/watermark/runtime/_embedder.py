"""Writing messages into pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgeseal.errors import ModelError
from edgeseal.pictures._coding import AUTO, Coding, Quality
from edgeseal.pictures._psnr import psnr_db
from edgeseal.pictures._read_image import ImageInput, read_picture
from edgeseal.pictures._save import Saved, save_picture, to_eight_bits, to_pil
from edgeseal.pictures._thumbnail import thumbnail_of
from edgeseal.pictures.metadata import Metadata
from edgeseal.watermark.runtime._attenuation_map import find_attenuation
from edgeseal.watermark.runtime._blend import blend
from edgeseal.watermark.runtime._doubt import doubt_of
from edgeseal.watermark.runtime._frame import Stamp
from edgeseal.watermark.runtime._message import Message, MessageInput, to_message
from edgeseal.watermark.runtime._model_info import EMBEDDER, ModelInfo
from edgeseal.watermark.runtime._session import Session, open_session

__all__ = ["Embedding", "LiteRTEmbedder", "load_embedder"]


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A marked picture.

    Attributes:
        pixels: [H, W, C] of the source's size, uint16 for a source of 16 bits, else uint8. C is 3
            (RGB), or 1 for a grey source whose watermark has no colour, and one more for
            transparency where the source has it.
        message: what was embedded.
        psnr_db: peak signal-to-noise ratio of the colour channels against the source, measured
            after rounding; infinite if nothing changed.
        metadata: what else the source's file has, true of the marked picture.
        coding: how the source's file is compressed.
        doubt: why the mark may not be read: too small, too narrow, too flat a picture; else None.
    """

    pixels: NDArray[Any]
    message: Message
    psnr_db: float
    metadata: Metadata = field(default_factory=Metadata)
    coding: Coding = field(default_factory=Coding)
    doubt: str | None = None

    @property
    def dropped(self) -> tuple[str, ...]:
        """What the source's file has and cannot stay true, such as a C2PA manifest."""
        return self.metadata.dropped

    @property
    def image(self) -> Image.Image:
        """The picture for Pillow: L, LA, RGB or RGBA of 8 bits, with ``info`` for saving."""
        return to_pil(self.pixels, self.metadata)

    def save(
        self,
        path: str | Path,
        *,
        overwrite: bool = False,
        quality: Quality = AUTO,
        lossless: bool = False,
    ) -> Saved:
        """Save the picture, whole or not at all, in the format that the ending names.

        What the source's file had besides pixels goes along. PNG, BMP and JPEG 2000 are lossless,
        WebP and TIFF where the source was. JPEG has the source's tables, colour resolution and
        mode, but no coarser tables than what keeps a mark; of a source that was none quality 95
        and full colour resolution (4:4:4). PNG keeps 16 bits, and TIFF those of an opaque grey
        picture; everything else is rounded to 8.

        Args:
            path: the file to write.
            overwrite: whether to replace an existing file.
            quality: of files that lose something: 1 to 100, ``keep`` for the source's own,
                or ``auto`` for that, but no coarser than what keeps a mark.
            lossless: whether nothing may be lost.

        Returns:
            What the source's file has and this one has not, and whether it has the very pixels.

        Raises:
            UsageError: the ending names no format that can be written, or one that always loses
                something where nothing may be lost; or the quality is none.
            OutputExistsError: the file exists and ``overwrite`` is False.
            FileError: it cannot be written, or the format cannot hold the picture.
        """
        return save_picture(
            self.pixels,
            Path(path),
            metadata=self.metadata,
            coding=self.coding,
            overwrite=overwrite,
            quality=quality,
            lossless=lossless,
        )

    def to_json(self) -> dict[str, Any]:
        """Return what can be said in JSON; an infinite PSNR becomes null."""
        return {
            "message": self.message.hex,
            "bits": len(self.message),
            "width": int(self.pixels.shape[1]),
            "height": int(self.pixels.shape[0]),
            "psnr_db": self.psnr_db if math.isfinite(self.psnr_db) else None,
            "dropped": list(self.dropped),
            "unread": list(self.metadata.problems),
            "doubt": self.doubt,
        }


class LiteRTEmbedder:
    """An embedder that runs in LiteRT; made by :func:`load_embedder`, safe to share by threads."""

    def __init__(self, session: Session) -> None:
        """Wrap an open session of an embedder.

        Raises:
            ModelError: the model needs an attenuation map that this version does not have.
        """
        try:
            self._attenuation = find_attenuation(session.info.attenuation)
        except ModelError as error:
            raise ModelError(f"{session.path}: {session.info.card} {error}") from error
        self._session = session

    @property
    def info(self) -> ModelInfo:
        """What the file says about itself."""
        return self._session.info

    def embed(self, image: ImageInput, message: MessageInput) -> Embedding:
        """Mark a picture of any size, at that size.

        The watermark is computed at the model's size, resized to the picture's with the same
        bilinear filter, multiplied with the picture's own attenuation map where the model has one,
        and added: ``scaling_i * image + scaling_w * map * delta``, clamped to 0..1 and rounded,
        halves to even. It goes strip by strip, so that a large picture needs little memory more
        than itself. A grey picture stays grey if the watermark has no colour, else it becomes RGB;
        transparency and 16 bits are kept.

        Args:
            image: a path, bytes or an array, for some; see :data:`edgeseal.pictures.ImageInput`. A
                floating point source gives a picture of 8 bits; see :meth:`embed_array`.
            message: hexadecimal text, a :class:`Message` or bits, of the model's length, or a
                :class:`~edgeseal.watermark.payload.Payload`.

        Raises:
            UsageError: the message cannot be parsed or has another length.
            FileError, ImageError: the picture cannot be read, or has several frames.
            RuntimeRefusalError: LiteRT fails while running.
        """
        parsed = to_message(message, self.info.bits)
        picture = read_picture(image, one_frame=True, whole_file=True)
        delta = self.delta(picture.resized(self.info.image_size), parsed)
        channels = 1 if picture.is_grey and self._has_no_colour(delta) else 3
        dtype = np.dtype(np.uint16 if picture.pixels.dtype == np.uint16 else np.uint8)
        marked, squared_error = blend(
            picture, delta, self.info, self._attenuation, dtype=dtype, channels=channels
        )
        if picture.alpha is not None:
            alpha = picture.alpha if dtype == np.uint16 else to_eight_bits(picture.alpha)
            marked = np.dstack([marked, alpha])
        metadata = picture.metadata.fitting(is_grey=channels == 1).true_of(
            picture.width,
            picture.height,
            is_turned=picture.orientation >= 5,
            thumbnail=lambda: thumbnail_of(marked),
        )
        ratio = psnr_db(squared_error)
        doubt = doubt_of(marked, ratio, self.info.image_size)
        return Embedding(marked, parsed, ratio, metadata, picture.coding, doubt)

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
        delta = self.delta(picture.resized(self.info.image_size), parsed)
        marked, _ = blend(picture, delta, self.info, self._attenuation, dtype=picture.pixels.dtype)
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

    def stamp(self, delta: NDArray[np.float32], height: int, width: int) -> Stamp:
        """Return what adds a watermark to many frames of a size.

        Args:
            delta: as :meth:`delta` returns it; transposed or mirrored if the frames are.
            height: rows of the frames.
            width: columns of the frames.
        """
        return Stamp(delta, self.info, self._attenuation, (height, width))

    def _has_no_colour(self, delta: NDArray[np.float32]) -> bool:
        """Whether a grey picture is changed in red, green and blue alike."""
        is_grey = self._attenuation is None or self._attenuation.is_grey
        return delta.shape[2] == 1 and is_grey


def load_embedder(path: str | Path, *, threads: int = 1) -> LiteRTEmbedder:
    """Load an embedder from a ``.tflite`` file written by Edgeseal; nothing else is needed.

    Args:
        path: the file.
        threads: threads per picture.

    Raises:
        UsageError: ``threads`` is below 1.
        FileError: the file cannot be read.
        ModelError: it is no model, was not written by Edgeseal, is no embedder, or needs an
            attenuation map that is not known.
        RuntimeRefusalError: LiteRT cannot prepare it; the message has LiteRT's own words.
    """
    return LiteRTEmbedder(open_session(path, EMBEDDER, threads=threads))

"""What is known of one picture after it was evaluated."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PictureRecord"]


@dataclass(frozen=True, slots=True)
class PictureRecord:
    """A picture or clip, what was done to it, and what every detector read.

    Attributes:
        name: file name of the picture.
        sha256: checksum of the file: it chooses the message and the draws of the attacks.
        width: columns as evaluated, 0 if it could not be read.
        height: rows as evaluated.
        message: what was embedded, in hexadecimal form; empty in a picture that stays unmarked.
        psnr_db: of the marked picture; None if unmarked or unchanged.
        ssim: of the marked picture; None if unmarked or smaller than the measure's window.
        matching: bits read as sent, by model, after each attack in order; empty if unmarked.
        unmarked: what each model reads in the picture without a mark, in hexadecimal form.
        frames: number of frames; 1 for a picture.
        error: why it could not be evaluated; empty if it was.
    """

    name: str
    sha256: str
    width: int = 0
    height: int = 0
    message: str = ""
    psnr_db: float | None = None
    ssim: float | None = None
    matching: dict[str, tuple[int, ...]] | None = None
    unmarked: dict[str, str] | None = None
    frames: int = 1
    error: str = ""

    @property
    def is_marked(self) -> bool:
        """Whether it was marked and attacked."""
        return self.matching is not None

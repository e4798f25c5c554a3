"""The model card."""

from __future__ import annotations

import enum
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from edgeseal._documents import DocumentError, parse_json
from edgeseal.errors import UsageError
from edgeseal.watermark.cards._read_fields import plain, read_fields
from edgeseal.watermark.cards._specs import CheckpointSource, DetectorSpec, EmbedderSpec

__all__ = ["SCHEMA_VERSION", "Card", "Part"]

SCHEMA_VERSION = 1

_LARGEST = 65_536  # of any size of a network


class Part(enum.Enum):
    """The two networks of a watermark model; the value is the prefix of its checkpoint keys."""

    DETECTOR = "detector"
    EMBEDDER = "embedder"

    @property
    def other(self) -> Part:
        """The other part."""
        return Part.EMBEDDER if self is Part.DETECTOR else Part.DETECTOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What has to be known of a watermark model to build, load and run it.

    Attributes:
        name: what the command line calls it; also the first part of the names of converted files.
        title: name for people.
        bits: message length.
        image_size: side in pixels of the square picture that both parts work on.
        scaling_w: factor on the watermark before it is added.
        scaling_i: factor on the picture before the watermark is added.
        attenuation: perceptual map that weights the watermark (``jnd_1_1``); None for none.
        step_size: frames of a video that share the watermark of one key frame.
        licence: of the weights.
        checkpoint: where the weights are.
        detector: architecture of the detector.
        embedder: architecture of the embedder.
        detector_parameters: number of values in its weights, without the statistics of batch
            normalisation; None if not known.
        embedder_parameters: likewise.

    Raises:
        UsageError: values that contradict each other, all listed.
    """

    name: str
    title: str
    bits: int
    image_size: int
    scaling_w: float
    scaling_i: float
    attenuation: str | None
    step_size: int
    licence: str
    checkpoint: CheckpointSource
    detector: DetectorSpec
    embedder: EmbedderSpec
    detector_parameters: int | None = None
    embedder_parameters: int | None = None

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise _invalid(self.name, problems)

    @classmethod
    def from_json(cls, text: str, *, origin: str = "card") -> Card:
        """Read a card from JSON.

        Args:
            text: the JSON text.
            origin: what to call it in an error, for example a file name.

        Raises:
            UsageError: no JSON, of another schema version, or with missing, unknown or wrong
                fields, all listed.
        """
        try:
            data: object = parse_json(text)
        except DocumentError as error:
            raise UsageError(f"{origin}: is not JSON ({error})") from error
        if not isinstance(data, dict):
            raise UsageError(f"{origin}: a card is a JSON object, this is {type(data).__name__}")
        version = data.pop("schema_version", None)
        if version != SCHEMA_VERSION or isinstance(version, bool):
            raise UsageError(
                f"{origin}: schema_version must be {SCHEMA_VERSION}, is {version!r}; "
                "a newer Edgeseal may read it"
            )
        problems: list[str] = []
        values = read_fields(cls, data, "", problems)
        if problems:
            raise _invalid(origin, problems)
        return cls(**values)

    def to_json(self) -> str:
        """Return the card as JSON text that :meth:`from_json` reads back to an equal card."""
        data: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
        data |= {field.name: plain(getattr(self, field.name)) for field in fields(self)}
        return json.dumps(data, indent=2) + "\n"

    def spec(self, part: Part) -> DetectorSpec | EmbedderSpec:
        """Return the architecture of a part."""
        return self.detector if part is Part.DETECTOR else self.embedder

    def parameters(self, part: Part) -> int | None:
        """Return the number of values in the weights of a part; None if the card does not say."""
        detector = part is Part.DETECTOR
        return self.detector_parameters if detector else self.embedder_parameters

    def _problems(self) -> Iterator[str]:
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", self.name):
            yield f"name: must be lower-case letters, digits, '.', '_' and '-', is {self.name!r}"
        sizes = ("bits", "image_size", "step_size", "scaling_w", "scaling_i")
        for name in sizes:
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                yield f"{name}: must be positive, is {value}"
            elif value > _LARGEST:
                yield f"{name}: must be {_LARGEST} or less, is {value}"
        yield from (f"checkpoint.{problem}" for problem in self.checkpoint.problems())
        for part in Part:
            large = [f.name for f in fields(self.spec(part)) if _is_large(self.spec(part), f.name)]
            yield from (f"{part.value}.{name}: must be {_LARGEST} or less" for name in large)
            found = self.spec(part).problems(self.bits, self.image_size)
            yield from (f"{part.value}.{problem}" for problem in found)


def _is_large(spec: DetectorSpec | EmbedderSpec, name: str) -> bool:
    """Whether a size is one that no network has; it would be made before anybody looks."""
    value = getattr(spec, name)
    sizes = value if isinstance(value, tuple) else (value,)
    return any(isinstance(size, int | float) and size > _LARGEST for size in sizes)


def _invalid(origin: str, problems: list[str]) -> UsageError:
    count = f"{len(problems)} problem" + ("s" if len(problems) > 1 else "")
    return UsageError("\n  ".join([f"{origin}: no valid card, {count}:", *problems]))

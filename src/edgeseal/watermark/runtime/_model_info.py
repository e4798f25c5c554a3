"""What a ``.tflite`` file written by Edgeseal says about itself."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from edgeseal.errors import ModelError
from edgeseal.tflite.graph import DESCRIPTION, Model, parse_description

__all__ = ["DETECTOR", "EMBEDDER", "ModelInfo", "attach_info", "has_info", "read_info"]

DETECTOR: Final = "detector"
EMBEDDER: Final = "embedder"

_SCHEMA_VERSION = 1
_ADDED = ("included_attenuation", "pruning")  # fields that files of this version may lack


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """The description that travels inside a model file, as JSON.

    Attributes:
        card: name of the model card, such as ``videoseal_0.0``.
        part: ``detector`` or ``embedder``.
        recipe: how it was quantized, such as ``float32`` or ``dynamic-int8``.
        bits: length of the message.
        image_size: rows and columns of the picture that the model takes.
        scaling_w: factor of the watermark when it is added to the picture.
        scaling_i: factor of the picture when the watermark is added.
        attenuation: name of the perceptual map that the watermark is yet to be multiplied with, or
            None.
        included_attenuation: name of the map that the model itself multiplies it with, that of the
            picture at the model's size, or None.
        step_size: frames of a video that share one watermark.
        checkpoint: where the weights came from (path, URL or ``reference``), or None.
        checkpoint_sha256: checksum of that file as 64 hexadecimal digits, or None.
        random_seed: seed of random weights where there was no checkpoint, or None.
        pruning: what was cut out of it before it was converted, or None.
        input_range: smallest and largest value of a picture's pixels.
        layout: order of the picture's dimensions.
        tools: versions of what made the file, by package name.
    """

    card: str
    part: str
    recipe: str
    bits: int
    image_size: int = 256
    scaling_w: float = 1.0
    scaling_i: float = 1.0
    attenuation: str | None = None
    included_attenuation: str | None = None
    step_size: int = 1
    checkpoint: str | None = None
    checkpoint_sha256: str | None = None
    random_seed: int | None = None
    pruning: str | None = None
    input_range: tuple[float, float] = (0.0, 1.0)
    layout: str = "NHWC"
    tools: dict[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ModelError: a field cannot be used; all such fields are named.
        """
        problems = list(_problems(self))
        if problems:
            raise ModelError("the description of the model is wrong: " + "; ".join(problems))

    def to_json(self) -> str:
        """Return the JSON text that :meth:`from_json` reads."""
        record = {"schema_version": _SCHEMA_VERSION, **dataclasses.asdict(self)}
        return json.dumps(record, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelInfo:
        """Read what :meth:`to_json` wrote; fields that this version does not know are ignored.

        Raises:
            ModelError: the text is no JSON, has another schema version, or a field is missing or
                cannot be used.
        """
        record = parse_description(text)
        _check_version(record.pop("schema_version", None))
        known = {f.name: record[f.name] for f in dataclasses.fields(cls) if f.name in record}
        missing = [f.name for f in dataclasses.fields(cls) if f.name not in (*known, *_ADDED)]
        if missing:
            raise ModelError(f"the description of the model lacks {', '.join(missing)}")
        if isinstance(known["input_range"], list):
            known["input_range"] = tuple(known["input_range"])
        return cls(**known)


def read_info(model: Model, *, source: str = "the model") -> ModelInfo:
    """Return the description inside a model.

    Args:
        model: as :func:`edgeseal.tflite.graph.read_model` returns it.
        source: what error messages call it, such as the file's path.

    Raises:
        ModelError: the file was not written by Edgeseal, or its description is damaged.
    """
    blob = model.metadata.get(DESCRIPTION)
    if blob is None:
        raise ModelError(
            f"{source}: was not written by edgeseal: it lacks the metadata entry "
            f"{DESCRIPTION!r} that says what the model takes and returns; make one with "
            "`edgeseal convert CARD --part detector|embedder -o DIR`"
        )
    try:
        return ModelInfo.from_json(blob)
    except ModelError as error:
        raise ModelError(f"{source}: {error}; convert it again") from error


def has_info(model: Model) -> bool:
    """Say whether a model carries a description, readable or not."""
    return DESCRIPTION in model.metadata


def attach_info(model: Model, info: ModelInfo) -> None:
    """Put a description into a model, in the place of the one that it may have."""
    model.metadata[DESCRIPTION] = info.to_json().encode()


def _check_version(version: object) -> None:
    if version != _SCHEMA_VERSION:
        raise ModelError(
            f"the description of the model has schema version {version!r}, expected "
            f"{_SCHEMA_VERSION}; install the edgeseal that wrote the file, or a newer one"
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_factor(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_seed(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _is_versions(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(item, str) for pair in value.items() for item in pair
    )


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "card": (_is_text, "a name"),
    "part": (lambda v: v in (DETECTOR, EMBEDDER), f"{DETECTOR!r} or {EMBEDDER!r}"),
    "recipe": (_is_text, "a name"),
    "bits": (_is_count, "an integer of 1 or more"),
    "image_size": (_is_count, "an integer of 1 or more"),
    "scaling_w": (_is_factor, "a finite number"),
    "scaling_i": (_is_factor, "a finite number"),
    "attenuation": (lambda v: v is None or _is_text(v), "a name or null"),
    "included_attenuation": (lambda v: v is None or _is_text(v), "a name or null"),
    "step_size": (_is_count, "an integer of 1 or more"),
    "pruning": (lambda v: v is None or _is_text(v), "a text or null"),
    "checkpoint": (lambda v: v is None or _is_text(v), "a path, URL or null"),
    "checkpoint_sha256": (lambda v: v is None or _is_sha256(v), "64 hexadecimal digits or null"),
    "random_seed": (lambda v: v is None or _is_seed(v), "an integer of 0 or more, or null"),
    "input_range": (lambda v: v == (0.0, 1.0), "0 and 1"),
    "layout": (lambda v: v == "NHWC", "'NHWC'"),
    "tools": (_is_versions, "an object of texts"),
}


def _problems(info: ModelInfo) -> Iterator[str]:
    for name, (is_valid, requirement) in _RULES.items():
        value = getattr(info, name)
        if not is_valid(value):
            yield f"{name} must be {requirement}, got {value!r}"

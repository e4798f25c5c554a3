"""What a checkpoint records of its own training, and what of it a card has to take over.

A card says how its published weights were trained. A checkpoint that somebody else trained may have
another message length or strength, and upstream's training writes that down beside the weights, so
the checkpoint's word counts and what it changes is said.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseal._documents import DocumentError, check_bounds, parse_yaml
from edgeseal.errors import CheckpointError, MissingExtraError, UsageError
from edgeseal.watermark.cards import Card, Part, UNetSpec

__all__ = ["Adapted", "adapt", "read_record"]

# The picture size that upstream's `setup_model` goes by is the first of these that is recorded.
_SIZE_NAMES = ("img_size_proc", "img_size_extractor", "img_size")
_STEP_NAMES = ("videoseal_step_size", "videowam_step_size")
_CONSTANT_SCHEDULES = ("none", "constant")


@dataclass(frozen=True, slots=True)
class Adapted:
    """A card after a checkpoint's own record.

    Attributes:
        card: the card, with what the checkpoint records.
        adopted: what that changed, one line each.
        problems: what the record says and cannot be followed, one line each.
    """

    card: Card
    adopted: tuple[str, ...]
    problems: tuple[str, ...]


def read_record(value: object, path: Path) -> dict[str, object]:
    """Return the entry ``args`` of a checkpoint: a dictionary, YAML text of one, or nothing.

    Raises:
        CheckpointError: it is something else.
        MissingExtraError: it is YAML, and PyYAML is not installed.
    """
    if value is None:
        return {}
    found = _parse_yaml(value, path) if isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise CheckpointError(
            f"{path}: its entry 'args', the record of the training, holds a "
            f"{type(found).__name__}; expected a dictionary, or YAML text of one"
        )
    try:
        check_bounds(found)
    except DocumentError as error:
        raise CheckpointError(
            f"{path}: its entry 'args', the record of the training, {error}"
        ) from error
    return {str(name): entry for name, entry in found.items()}


def adapt(card: Card, record: Mapping[str, object], part: Part) -> Adapted:
    """Take over what a checkpoint records where it differs from a card.

    Args:
        card: what the checkpoint is loaded as.
        record: its entry ``args``.
        part: the network that is wanted; of the other only what both share is taken over.
    """
    problems: list[str] = []
    adopted: list[str] = []
    original, data = json.loads(card.to_json()), json.loads(card.to_json())
    for field, value in _recorded(original, record, part, problems):
        owner, _, name = field.rpartition(".")
        holder = data[owner] if owner else data
        if holder[name] != value:
            adopted.append(f"{field}: {_text(value)}, the card says {_text(holder[name])}")
            holder[name] = value
    if any(data[name] != original[name] for name in ("bits", part.value)):
        data |= {f"{one.value}_parameters": None for one in Part}
    if adopted:
        try:
            card = Card.from_json(json.dumps(data, default=repr), origin="args")
        except UsageError as error:
            problems += [f"args: {line.strip()}" for line in str(error).splitlines()[1:]]
    return Adapted(card, tuple(adopted), tuple(problems))


def _recorded(
    card: dict[str, Any], record: Mapping[str, object], part: Part, problems: list[str]
) -> Iterator[tuple[str, object]]:
    """Yield the fields of a card, as JSON, that a record speaks of, and their values."""
    named = {"bits": ("nbits",), "image_size": _SIZE_NAMES, "step_size": _STEP_NAMES}
    for field, names in named.items():
        name = next((name for name in names if name in record), None)
        if name is not None:
            yield field, record[name]
    yield from _recorded_strength(record, problems)
    if part is Part.EMBEDDER:
        yield from _recorded_hidden_size(card, record, problems)
        blending = record.get("blending_method", "additive")
        if blending != "additive":
            problems.append(f"args.blending_method: 'additive' expected, {blending!r} found")
    own = record.get(part.value)
    if isinstance(own, Mapping):  # our own checkpoints record the architecture
        yield from ((name, own[name]) for name in ("bits", "image_size") if name in own)
        known = card[part.value].keys() - {"family"}
        yield from ((f"{part.value}.{name}", _plain(own[name])) for name in own if name in known)


def _recorded_strength(
    record: Mapping[str, object], problems: list[str]
) -> Iterator[tuple[str, object]]:
    """Yield the strength at the end of the training, and the attenuation."""
    schedule = record.get("scaling_w_schedule")
    name, _, options = str(schedule or "none").replace(" ", "").partition(",")
    if name.lower() not in _CONSTANT_SCHEDULES:
        # scaling_w is where the training began; the weights are those of its end
        final = _number(dict(re.findall("([^,=]+)=([^,=]+)", options)).get("scaling_min"))
        if final is None:
            problems.append(f"args.scaling_w_schedule: no scaling_min in {schedule!r}")
        else:
            yield "scaling_w", final
    elif "scaling_w" in record:
        yield "scaling_w", record["scaling_w"]
    if "scaling_i" in record:
        yield "scaling_i", record["scaling_i"]
    if "attenuation" in record:
        attenuation = str(record["attenuation"])
        yield "attenuation", attenuation if attenuation.lower().startswith("jnd") else None


def _recorded_hidden_size(
    card: dict[str, Any], record: Mapping[str, object], problems: list[str]
) -> Iterator[tuple[str, object]]:
    """Yield the width of the message embedding, which upstream records relative to the bits."""
    embedder = card["embedder"]
    bits = _number(record.get("nbits", card["bits"]))
    if embedder["family"] != UNetSpec.family or bits is None:
        return
    ratio = record.get("hidden_size_multiplier", embedder["hidden_size"] / card["bits"])
    factor = _number(ratio)
    if factor is None:
        problems.append(f"args.hidden_size_multiplier: a number expected, {ratio!r} found")
    else:
        size = bits * factor
        yield "embedder.hidden_size", int(size) if math.isfinite(size) else size


def _number(value: object) -> float | None:
    """Return a finite number, or None for anything else."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _text(value: object) -> str:
    return "none" if value is None else str(value)


def _parse_yaml(text: str, path: Path) -> object:
    try:
        return parse_yaml(text)
    except ModuleNotFoundError as error:
        raise MissingExtraError("reading a checkpoint's training record", "convert") from error
    except DocumentError as error:
        raise CheckpointError(
            f"{path}: its entry 'args', the record of the training, is no YAML: {error}"
        ) from error

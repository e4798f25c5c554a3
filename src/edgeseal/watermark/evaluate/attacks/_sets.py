"""Named sets of attacks, and sets of a user's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgeseal._documents import DocumentError, parse_json, read_document
from edgeseal.errors import UsageError
from edgeseal.watermark.evaluate.attacks._attack import Attack, AttackStep, sweep

__all__ = ["ATTACK_SETS", "attacks_from_json", "attacks_to_json", "find_attacks"]

_SCHEMA_VERSION = 1
_LARGEST_BYTES = 1 << 20
_SIDES = (0.32, 0.45, 0.55, 0.63, 0.71, 0.77, 0.84, 0.89, 0.95, 1.0)  # tenths of the area
_RATES = (23, 30, 40, 50)  # constant rate factors
_FACTORS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
_IDENTITY = Attack((AttackStep("identity"),))
_FLIP = Attack((AttackStep("flip"),))
_GRAYSCALE = Attack((AttackStep("grayscale"),))


def _combined(quality: int) -> Attack:
    return Attack(
        (AttackStep("jpeg", quality), AttackStep("crop", 0.71), AttackStep("brightness", 0.5))
    )


ATTACK_SETS: dict[str, tuple[Attack, ...]] = {
    "quick": (
        _IDENTITY,
        _FLIP,
        *sweep("rotate", (10,)),
        *sweep("resize", (0.55,)),
        *sweep("crop", (0.71,)),
        *sweep("perspective", (0.3,)),
        *sweep("brightness", (0.5,)),
        *sweep("contrast", (1.5,)),
        *sweep("hue", (0.1,)),
        *sweep("jpeg", (40, 60, 80)),
        *sweep("blur", (5,)),
        *sweep("noise", (0.05,)),
        *sweep("overlay", (0.1,)),
        _combined(60),
    ),
    "full": (
        _IDENTITY,
        _FLIP,
        *sweep("rotate", (5, 10, 30, 45, 90)),
        *sweep("resize", _SIDES),
        *sweep("crop", _SIDES),
        *sweep("perspective", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)),
        *sweep("brightness", _FACTORS),
        *sweep("contrast", _FACTORS),
        *sweep("saturation", (0.5, 1.5)),
        *sweep("hue", (-0.4, -0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        _GRAYSCALE,
        *sweep("jpeg", (40, 50, 60, 70, 80, 90)),
        *sweep("blur", (3, 5, 9, 13, 17)),
        *sweep("median", (3, 5, 9)),
        *sweep("noise", (0.02, 0.05, 0.1, 0.15, 0.2)),
        *sweep("overlay", (0.05, 0.1, 0.2, 0.3, 0.5)),
        *map(_combined, (40, 60, 80)),
    ),
    "video": (
        _IDENTITY,
        _FLIP,
        *sweep("rotate", (10, 90)),
        *sweep("resize", (0.55, 0.71)),
        *sweep("crop", (0.55, 0.71)),
        *sweep("perspective", (0.5,)),
        *sweep("brightness", (0.5, 1.5)),
        *sweep("contrast", (0.5, 1.5)),
        *sweep("saturation", (0.5, 1.5)),
        *sweep("hue", (0.25,)),
        _GRAYSCALE,
        *sweep("jpeg", (40,)),
        *sweep("blur", (9,)),
        *sweep("h264", _RATES),
        *sweep("h264rgb", _RATES),
        *sweep("h265", _RATES),
        *sweep("vp9", _RATES),
        *(
            Attack(
                (AttackStep("h264", rate), AttackStep("crop", 0.71), AttackStep("brightness", 0.5))
            )
            for rate in _RATES
        ),
    ),
}
"""``full`` is upstream's validation list for pictures with its strengths; to it come its
saturation (from its list for videos), its median filter and its noise (which it trains with), and
overlays, which it lacks. ``quick`` is one strength of most. ``video`` is upstream's list for
videos, with VP9 at the other encoders' rate factors."""


def find_attacks(choice: str) -> tuple[Attack, ...]:
    """Return the attacks of a set's name, or of a JSON file.

    Raises:
        UsageError: there is no such set, or the file's content means nothing; all that is wrong
            with it is listed.
        FileError: the file cannot be read.
    """
    if choice in ATTACK_SETS:
        return ATTACK_SETS[choice]
    if not choice.lower().endswith(".json"):
        raise UsageError(
            f"`attacks` {choice}: no such set; choose {', '.join(ATTACK_SETS)}, or give a .json "
            "file"
        )
    text = read_document(Path(choice), limit_bytes=_LARGEST_BYTES)
    try:
        return attacks_from_json(text)
    except UsageError as error:
        raise UsageError(f"{choice}: {error}") from error


def attacks_to_json(attacks: tuple[Attack, ...]) -> list[list[dict[str, Any]]]:
    """Return attacks for ``json.dumps``, as :func:`attacks_from_json` reads them."""
    return [
        [{"family": step.family, "strength": step.strength} for step in attack.steps]
        for attack in attacks
    ]


def attacks_from_json(text: str | bytes) -> tuple[Attack, ...]:
    """Read attacks: ``{"schema_version": 1, "attacks": [...]}``.

    An attack is a list of steps, one after the other; a step is ``{"family": NAME, "strength":
    NUMBER}``. A step alone with ``"strengths": [...]`` stands for one attack each.

    Raises:
        UsageError: the text is no JSON, or means nothing; all that is wrong is listed.
    """
    try:
        record = parse_json(text)
    except DocumentError as error:
        raise UsageError(f"no JSON: {error}") from error
    version = record.get("schema_version") if isinstance(record, dict) else None
    if version != _SCHEMA_VERSION or not isinstance(record.get("attacks"), list):
        raise UsageError(
            f'expected {{"schema_version": {_SCHEMA_VERSION}, "attacks": [...]}}, got '
            f"schema_version {version!r}"
        )
    problems: list[str] = []
    attacks: list[Attack] = []
    for number, entry in enumerate(record["attacks"], 1):
        try:
            attacks += _read_entry(entry)
        except UsageError as error:
            problems.append(f"attack {number}: {error}")
    names = [attack.name for attack in attacks]
    problems += [
        f"{name}: is there twice" for name in dict.fromkeys(names) if names.count(name) > 1
    ]
    if not problems and not attacks:
        problems.append("there is no attack in it")
    if problems:
        raise UsageError("\n  ".join(problems))
    return tuple(attacks)


def _read_entry(entry: object) -> Iterator[Attack]:
    steps: list[Any] = entry if isinstance(entry, list) else [entry]
    if not all(isinstance(step, dict) for step in steps):
        raise UsageError(f"expected a step or a list of steps, got {entry!r}")
    if len(steps) == 1 and "strengths" in steps[0]:
        strengths = steps[0]["strengths"]
        if not isinstance(strengths, list) or not strengths:
            raise UsageError(f"strengths: expected a list of numbers, got {strengths!r}")
        for strength in strengths:
            yield Attack((_read_step({"family": steps[0].get("family"), "strength": strength}),))
        return
    yield Attack(tuple(_read_step(step) for step in steps))


def _read_step(step: dict[str, Any]) -> AttackStep:
    unknown = sorted(set(step) - {"family", "strength"})
    if unknown:
        raise UsageError(f"a step has family and strength, got also {', '.join(unknown)}")
    family, strength = step.get("family"), step.get("strength")
    is_number = isinstance(strength, int | float) and not isinstance(strength, bool)
    if not isinstance(family, str) or not (strength is None or is_number):
        raise UsageError(f"expected the name of a family and a number, got {step!r}")
    return AttackStep(family, strength)

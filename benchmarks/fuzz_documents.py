r"""Damaged JSON and YAML: does every reader end with a document or one clear line?

::

    python benchmarks/fuzz_documents.py [--count 20000] [--seed 0] [--only 1234]

Takes sound documents of every kind that the package reads, damages one for each number (its text,
or a value in it) and reads it. Counts as a fault: an exception that is no EdgesealError, and no end
within seconds. ``--only`` shows one number. Exits with 1 if there are faults.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import random
import signal
import sys
import tempfile
import time
import traceback
import types
import typing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import yaml

from edgeseal import tflite
from edgeseal.data import recipe_paths
from edgeseal.errors import EdgesealError
from edgeseal.tflite.calibration import TensorStatistics
from edgeseal.tflite.quantization import recipe_from_json
from edgeseal.watermark.cards import Card, Part, card_names, load_card
from edgeseal.watermark.evaluate import EvaluationReport
from edgeseal.watermark.evaluate.attacks import ATTACK_SETS, attacks_from_json, attacks_to_json
from edgeseal.watermark.models._cache import read_record as read_cache_record
from edgeseal.watermark.models._training_record import adapt, read_record
from edgeseal.watermark.runtime import ModelInfo
from edgeseal.watermark.verbs._json_lines import Lines

_LIMIT_S = 10
_HEAD = {"schema_version": 1, "command": "detect", "model": "m", "model_sha256": "0" * 64}
_PATH = Path(tempfile.gettempdir()) / f"edgeseal-fuzz-{random.SystemRandom().getrandbits(32):08x}"

Read = Callable[[bytes], object]


def main() -> None:
    arguments = _parse()
    kinds = _kinds()
    signal.signal(signal.SIGALRM, _too_long)
    try:
        if arguments.only is not None:
            _show(kinds, arguments.seed, arguments.only)
        else:
            sys.exit(_run(kinds, arguments))
    finally:
        _PATH.unlink(missing_ok=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    arguments: argparse.Namespace = parser.parse_args()
    return arguments


def _run(kinds: dict[str, tuple[Read, list[Any]]], arguments: argparse.Namespace) -> int:
    started, faults = time.perf_counter(), 0
    counts: Counter[tuple[str, str]] = Counter()
    for number in range(arguments.count):
        kind, change, content = _damaged(kinds, arguments.seed, number)
        verdict, detail = _judge(kinds[kind][0], content)
        counts[kind, verdict] += 1
        if verdict == "fault":
            faults += 1
            print(f"{number}: {kind}, {change}: {detail}")
    print(f"Python {platform.python_version()}, seed {arguments.seed}")
    print(f"{arguments.count} documents in {time.perf_counter() - started:.0f} s, {faults} faults")
    for kind in kinds:
        verdicts = (f"{counts[kind, name]} {name}" for name in ("read", "refused", "fault"))
        print(f"{kind:12} {', '.join(verdicts)}")
    return faults > 0


def _show(kinds: dict[str, tuple[Read, list[Any]]], seed: int, number: int) -> None:
    kind, change, content = _damaged(kinds, seed, number)
    print(f"{number}: {kind}, {change}, {len(content)} bytes: {content[:2000]!r}")
    signal.alarm(_LIMIT_S)
    print(kinds[kind][0](content))


def _judge(read: Read, content: bytes) -> tuple[str, str]:
    signal.alarm(_LIMIT_S)
    try:
        read(content)
        return "read", ""
    except EdgesealError as refusal:
        return "refused", str(refusal)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return "fault", f"{type(error).__name__}: {error} ({frame.filename}:{frame.lineno})"[:300]
    finally:
        signal.alarm(0)


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"no end within {_LIMIT_S} s")


# ---------------------------------------------------------------------------------- documents


def _kinds() -> dict[str, tuple[Read, list[Any]]]:
    """Return what reads each kind of document, and sound ones of it."""
    card = load_card(card_names()[0])
    info = ModelInfo(card="a", part="detector", recipe="float32", bits=16, checkpoint="file")
    attacks = [{"schema_version": 1, "attacks": attacks_to_json(a)} for a in ATTACK_SETS.values()]
    report = {"schema_version": 1, **_example(EvaluationReport)}
    statistics = TensorStatistics()
    statistics.add(np.linspace(0, 1, 8, dtype=np.float32).reshape(1, 4, 2))
    inputs = {"count": 2, "pictures": 2, "digest": "0" * 64, "is_bundled": False}
    graph = {"done": 2, "tensors": {"a": statistics.to_record()}}
    ranges = {"schema_version": 1, "kind": "edgeseal ranges", "model": "a", "inputs": inputs}
    line = {**_HEAD, "source": "a.png", "error": None, "detection": {"message": "00", "bits": 8}}
    args = {"nbits": 32, "img_size": 64, "scaling_w": 0.2, "attenuation": "jnd_1_1", "a": [1, {}]}
    args |= {"scaling_w_schedule": "Cosine,scaling_min=0.2,epochs=1", "lr": None, "b": "text"}
    args |= {"detector": {"bits": 32, "image_size": 64, "widths": [8, 16]}}
    return {
        "recipe": (_recipe, [json.loads(path.read_bytes()) for path in recipe_paths()]),
        "attacks": (attacks_from_json, attacks),
        "card": (_card, [json.loads(load_card(name).to_json()) for name in card_names()]),
        "description": (
            lambda text: ModelInfo.from_json(text).to_json(),
            [json.loads(info.to_json())],
        ),
        "report": (lambda text: EvaluationReport.from_json(text).to_json(), [report]),
        "ranges": (
            _from_file(lambda path: tflite.ranges(path).to_json()),
            [{**ranges, "graphs": {"a": graph}}],
        ),
        "lines": (_from_file(_lines), [line]),
        "download": (_download_record, [{"schema_version": 1, "url": "u", "sha256": "0" * 64}]),
        "args": (lambda text: _adapted(card, text), [args]),
    }


def _recipe(text: bytes) -> object:
    return str(recipe_from_json(text))


def _description(text: bytes) -> object:
    return ModelInfo.from_json(text).to_json()


def _ranges(path: Path) -> object:
    return tflite.ranges(path).to_json()


def _card(text: bytes) -> object:
    return Card.from_json(text.decode(errors="surrogateescape")).to_json()


def _from_file(read: Callable[[Path], object]) -> Read:
    def written(text: bytes) -> object:
        _PATH.write_bytes(text)
        return read(_PATH)

    return written


def _lines(path: Path) -> object:
    with path.open("ab") as file:
        file.write(b"\n")
    return Lines(path, True, False).done(_HEAD)


def _download_record(text: bytes) -> object:
    beside = _PATH.with_name(_PATH.name + ".json")
    beside.write_bytes(text)
    try:
        return read_cache_record(_PATH)
    finally:
        beside.unlink()


def _adapted(card: Card, text: bytes) -> object:
    record = read_record(text.decode(errors="replace"), Path("checkpoint.pth"))
    return [adapt(card, record, part) for part in Part]


def _example(kind: Any) -> Any:
    """Return what JSON would have of some value of a type."""
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return {field.name: _example(hints[field.name]) for field in dataclasses.fields(kind)}
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _example(arguments[0])
    if origin is tuple:
        return [_example(arguments[0])]
    if origin is dict:
        return {"a": _example(arguments[1])}
    return {int: 1, float: 0.5, bool: True, str: "a"}[kind]


# ---------------------------------------------------------------------------------- damage


def _damaged(
    kinds: dict[str, tuple[Read, list[Any]]], seed: int, number: int
) -> tuple[str, str, bytes]:
    generator = random.Random(f"{seed} {number}")
    kind = generator.choice(sorted(kinds))
    document = json.loads(json.dumps(generator.choice(kinds[kind][1])))
    changes: list[str] = []
    for _ in range(generator.choice([0, 1, 1, 3])):
        document = _with_odd_value(document, generator)
        changes.append("value")
    as_yaml = kind == "args" and generator.random() < 0.5
    dumped = yaml.safe_dump(document) if as_yaml else json.dumps(document)
    text = dumped.encode("utf-8", "surrogatepass")
    for number_mark in range(1000, 1000 + len(_TEXTS)):  # values that no dump writes
        text = text.replace(str(number_mark + _MARK).encode(), _TEXTS[number_mark - 1000])
    for _ in range(generator.choice([0, 0, 1, 2]) if changes else 1):
        change = generator.choice([_flip, _cut, _repeat, _insert])
        text = change(text, generator)
        changes.append(change.__name__)
    return kind, "+".join(changes), text


_MARK = 771_000_000
_DEEP = 100_000
_TEXTS = (
    b"1" * 6000,
    b"1e400",
    b"-1e400",
    b"1" + b"0" * 400,
    b"NaN",
    b"-Infinity",
    b"[" * _DEEP + b"]" * _DEEP,
    b'{"a":' * 1200 + b"1" + b"}" * 1200,
    b"[" * 900 + b"]" * 900,
    b'"\\ud800"',
    b"&a [*a, *a]",
    b"&a [1, 2]",
    b"[" + b"*a, " * 9 + b"*a]",
    b"{<<: [*a, *a]}",
    b"2001-99-99",
    b"!!python/object/apply:os.system [ls]",
    b"0x" + b"f" * 5000,
    b"1:" * 500 + b"1",
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 2**64, 10**9, 0.5, -0.0, 1e308, 1e-320),
    *("", "a", "\0", "\x1b[31m", "\ud800", "x" * 10_000, "../../etc", "{}", "%s", "nan", "1e999"),
    *([], {}, [[]], [None], {"a": {}}, [1] * 1000, {"": ""}),
)


def _with_odd_value(document: Any, generator: random.Random) -> Any:
    places = list(_places(document))
    if not places:
        return document
    holder, key = generator.choice(places)
    choice = generator.random()
    if choice < 0.1:
        del holder[key]
    elif choice < 0.2 and isinstance(holder, dict):
        holder[generator.choice(["", "a", "x" * 5000, "schema_version", "__class__"])] = 1
    elif choice < 0.5:
        holder[key] = _MARK + 1000 + generator.randrange(len(_TEXTS))
    elif choice < 0.6:
        holder[key] = holder[generator.choice(list(holder))] if isinstance(holder, dict) else []
    else:
        holder[key] = json.loads(json.dumps(generator.choice(_VALUES)))
    return document


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(value, Mapping):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    for key, found in items:
        yield value, key
        yield from _places(found)


def _flip(text: bytes, generator: random.Random) -> bytes:
    changed = bytearray(text or b" ")
    for _ in range(generator.choice([1, 4])):
        changed[generator.randrange(len(changed))] = generator.randrange(256)
    return bytes(changed)


def _cut(text: bytes, generator: random.Random) -> bytes:
    start = generator.randrange(len(text) + 1)
    return text[:start] + text[start + generator.choice([1, 8, len(text)]) :]


def _repeat(text: bytes, generator: random.Random) -> bytes:
    start = generator.randrange(len(text) + 1)
    part = text[start : start + generator.choice([1, 16, 200])]
    return text[:start] + part * generator.choice([2, 50]) + text[start:]


def _insert(text: bytes, generator: random.Random) -> bytes:
    start = generator.randrange(len(text) + 1)
    odd = (b"\xff", b"\0", b"\xef\xbb\xbf", b"[", b"{", b'"', b"}", b"]", b",", b":", b"&a ", b"*a")
    return text[:start] + generator.choice((*odd, *_TEXTS)) + text[start:]


if __name__ == "__main__":
    main()

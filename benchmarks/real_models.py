r"""Real models, whatever wrote them: does Edgeseal keep what LiteRT makes of them?

::

    python benchmarks/real_models.py roundtrip FOLDER [--timeout-s 120] [--jobs 2]
    python benchmarks/real_models.py check FOLDER [--timeout-s 120]

``roundtrip`` reads every ``.tflite`` file below FOLDER (whatever its name ends with), writes it,
and lets LiteRT load and run both files on the same random inputs, each in a process of its own
since native code may crash. Nothing may differ: refusals word for word, signatures, tensors with
names, types, shapes and quantization, operators, metadata, archives behind the model, records of
the schema, and outputs to the last bit. Exits with 1 if something does.

``check`` compares what ``edgeseal check`` finds with what LiteRT does with the file in a process of
its own: a file whose tensors it allocates has no finding that it cannot be prepared, one that it
refuses has an error. A crash or a failure when it *runs* is no contradiction.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from rich.console import Console

from edgeseal.errors import EdgesealError
from edgeseal.tflite.diagnosis import Level, check
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.probe import Prober

_SEED = 0
_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16
_LARGEST_INDEX = 2  # below which random integers stay: many are indices
_WHEN_RUN = {"ES002", "ES003", "ES004", "ES012"}  # errors of a file that prepares
_CONSOLE = Console(width=160)

Array = NDArray[Any]
Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of one file; ``verdict`` is "same", "refused" by us, or "DIFFERS"."""

    path: Path
    verdict: str
    detail: str = ""


def main() -> None:
    arguments = _parse()
    if arguments.command == "observe":
        print(json.dumps(observe(arguments.file)))
        return
    if arguments.command == "allocate":
        Interpreter(str(arguments.file)).allocate_tensors()
        return
    names = ("ai-edge-litert", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    _CONSOLE.print(f"{versions}, Python {platform.python_version()}, {os.cpu_count()} cores")
    sys.exit(_roundtrip(arguments) if arguments.command == "roundtrip" else _check(arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    roundtrip = commands.add_parser("roundtrip")
    roundtrip.add_argument("folder", type=Path)
    roundtrip.add_argument("--timeout-s", type=float, default=120, help="for one file")
    roundtrip.add_argument("--jobs", type=int, default=2, help="files at a time")
    checking = commands.add_parser("check")
    checking.add_argument("folder", type=Path)
    checking.add_argument("--timeout-s", type=float, default=120, help="for one trial")
    allocate = commands.add_parser("allocate", help="let LiteRT allocate the tensors of one file")
    allocate.add_argument("file", type=Path)
    observe = commands.add_parser("observe", help="what LiteRT makes of one file, as JSON")
    observe.add_argument("file", type=Path)
    return parser.parse_args()


def _roundtrip(arguments: argparse.Namespace) -> int:
    paths = list(model_files(arguments.folder))
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for result in pool.map(lambda path: _compare(path, arguments.timeout_s), paths):
            counts[result.verdict] += 1
            if result.verdict != "same":
                _CONSOLE.print(f"{result.verdict}: {result.path}: {result.detail}", markup=False)
    _CONSOLE.print(f"{len(paths)} files: {dict(counts)}")
    return 1 if counts["DIFFERS"] else 0


def _check(arguments: argparse.Namespace) -> int:
    paths = list(model_files(arguments.folder))
    counts: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    with Prober(timeout_s=arguments.timeout_s) as prober:
        for path in paths:
            verdict, found = _agreement(path, prober, arguments.timeout_s)
            counts[verdict] += 1
            codes.update(found)
            if "DISAGREES" in verdict:
                _CONSOLE.print(f"{verdict}: {path}: {', '.join(found)}", markup=False)
    _CONSOLE.print(f"{len(paths)} files: {dict(counts)}")
    _CONSOLE.print(f"files with each code: {dict(sorted(codes.items()))}")
    return 1 if any("DISAGREES" in verdict for verdict in counts) else 0


def _agreement(path: Path, prober: Prober, timeout_s: float) -> tuple[str, set[str]]:
    command = [sys.executable, __file__, "allocate", str(path)]
    process = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
    truth = "refused by LiteRT" if process.returncode else "allocated by LiteRT"
    try:
        report = check(read_model(path), path, prober)
    except EdgesealError:
        return f"{truth}, {'not read' if process.returncode else 'DISAGREES: not read'}", set()
    errors = {f.code for f in report.findings if f.level is Level.ERROR}
    has_error = bool(errors - (_WHEN_RUN if report.prepares else set()))
    agrees = has_error == bool(process.returncode)
    found = {finding.code for finding in report.findings}
    return f"{truth}, {'agrees' if agrees else 'DISAGREES'}", found


def model_files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that carry the mark of a model, in order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                if file.read(8)[4:] == _IDENTIFIER:
                    yield path


def _compare(path: Path, timeout_s: float) -> Comparison:
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "written.tflite"
        try:
            write_model(read_model(path), written)
        except EdgesealError as error:
            return Comparison(path, "refused", str(error).removeprefix(f"{path}: "))
        before, after = (_observed(file, timeout_s) for file in (path, written))
    if "misaligned" in before:
        before["misaligned"] = []  # other writers may have their constants anywhere
    differing = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
    if differing == ["outputs"] and _observed(path, timeout_s).get("outputs") != before["outputs"]:
        return Comparison(path, "random outputs")
    if not differing:
        return Comparison(path, "same")
    detail = f"{', '.join(differing)}: {_first_difference(before, after, differing[0])}"
    return Comparison(path, "DIFFERS", detail)


def _first_difference(before: Facts, after: Facts, key: str) -> str:
    old, new = before.get(key), after.get(key)
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        old, new = next((a, b) for a, b in zip(old, new, strict=True) if a != b)
    return f"{str(old)[:300]} became {str(new)[:300]}"


def _observed(path: Path, timeout_s: float) -> Facts:
    """Return what a process of its own says of a file, or how it ended."""
    command = [sys.executable, __file__, "observe", str(path)]
    try:
        process = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return {"crash": f"no answer within {timeout_s:g} s"}
    if process.returncode:  # which signal a corrupted heap ends in is chance
        return {"crash": "in native code"}
    facts: Facts = json.loads(process.stdout)
    return facts


def observe(path: Path) -> Facts:
    """Return what the records of a file say, and what LiteRT makes of it."""
    content = path.read_bytes()
    record = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    facts: Facts = {"archive": _archive(path), "misaligned": _misaligned(record, content)}
    facts["records"] = _records(record, content)
    try:
        interpreter = Interpreter(str(path))
        facts["signatures"] = interpreter.get_signature_list()
        facts["operators"] = [repr(operator) for operator in interpreter._get_ops_details()]
        interpreter.allocate_tensors()
        facts["tensors"] = [repr(details) for details in interpreter.get_tensor_details()]
        facts["outputs"] = [_run(interpreter)]
        facts["outputs"] += [_run_signature(path, key) for key in facts["signatures"]]
    except (RuntimeError, ValueError) as error:
        facts["refusal"] = str(error)
    return facts


def _run(interpreter: Any) -> list[str]:
    """Return digests of what the main subgraph makes of random inputs."""
    rng = np.random.default_rng(_SEED)
    for details in interpreter.get_input_details():
        values = _random(rng, tuple(details["shape"]), np.dtype(details["dtype"]))
        interpreter.set_tensor(details["index"], values)
    interpreter.invoke()
    outputs = [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
    return [_digest(np.asarray(output)) for output in outputs]


def _run_signature(path: Path, key: str) -> dict[str, str]:
    """Return digests of what an entry point makes of random inputs."""
    rng = np.random.default_rng(_SEED)
    runner = Interpreter(str(path)).get_signature_runner(key)
    inputs = {
        name: _random(rng, tuple(details["shape"]), np.dtype(details["dtype"]))
        for name, details in sorted(runner.get_input_details().items())
    }
    return {name: _digest(np.asarray(values)) for name, values in runner(**inputs).items()}


def _random(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    if dtype.kind in "fc":
        return np.asarray(rng.normal(size=shape), dtype)
    if dtype.kind in "biu" and dtype.itemsize == 1:
        return np.asarray(rng.integers(0, 128, shape), dtype)
    if dtype.kind in "iu":
        return np.asarray(rng.integers(0, _LARGEST_INDEX, shape), dtype)
    return np.full(shape, b"text", object)


def _digest(values: Array) -> str:
    data = repr(values.tolist()).encode() if values.dtype == object else values.tobytes()
    return f"{values.dtype}{values.shape} {hashlib.sha256(data).hexdigest()[:16]}"


def _archive(path: Path) -> dict[str, int] | None:
    """Return names and checksums of the files in the archive behind a model."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: zlib.crc32(archive.read(entry)) for entry in archive.infolist()}


def _misaligned(record: Any, content: bytes) -> list[int]:
    """Return the buffers whose data is not aligned as the schema demands."""
    start = np.frombuffer(content, np.uint8).ctypes.data
    found = []
    for index, buffer in enumerate(record.buffers or []):
        if buffer.data is not None and len(buffer.data):
            place = buffer.data.ctypes.data - start
        else:
            place = buffer.offset
        if place % _ALIGNMENT:
            found.append(index)
    return found


def _records(record: Any, content: bytes) -> list[str]:
    """Return all that the records say, with data in place of references to it."""
    data = [_data(buffer, content) for buffer in record.buffers or []]
    codes = [
        (max(code.builtinCode, code.deprecatedBuiltinCode), code.version, code.customCode)
        for code in record.operatorCodes or []
    ]
    for entry in record.metadata or []:
        entry.buffer = data[entry.buffer]
    if record.metadataBuffer is not None:
        record.metadataBuffer = [data[index] for index in record.metadataBuffer]
    for subgraph in record.subgraphs or []:
        for tensor in subgraph.tensors or []:
            tensor.buffer = data[tensor.buffer] if tensor.buffer else None
        for operator in subgraph.operators or []:
            operator.opcodeIndex = codes[operator.opcodeIndex]
            operator.customOptions = _options(operator, content)
            operator.largeCustomOptionsOffset = operator.largeCustomOptionsSize = 0
    record.buffers = sorted({digest for digest in data[1:] if digest not in (None, _NOTHING)})
    record.operatorCodes = list(dict.fromkeys(codes))
    return [f"{name}: {_plain(value)!r}" for name, value in sorted(vars(record).items())]


_NOTHING = _digest(np.empty(0, np.uint8))


def _data(buffer: Any, content: bytes) -> str | None:
    if buffer.data is not None:
        return _digest(np.asarray(buffer.data, np.uint8))
    if buffer.offset > 1:
        data = content[buffer.offset : buffer.offset + buffer.size]
        return _digest(np.frombuffer(data, np.uint8))
    return None


def _options(operator: Any, content: bytes) -> str | None:
    offset = operator.largeCustomOptionsOffset
    if offset > 1 and operator.customOptions is None:
        data = content[offset : offset + operator.largeCustomOptionsSize]
        return _digest(np.frombuffer(data, np.uint8))
    options = operator.customOptions
    return None if options is None else _digest(np.asarray(options, np.uint8))


def _plain(value: Any) -> Any:
    """Return records as dictionaries; an empty list is as good as none."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(item) for item in value] or None
    if hasattr(value, "Pack"):
        return type(value).__name__, {key: _plain(item) for key, item in vars(value).items()}
    return value or None if isinstance(value, bytes) else value


if __name__ == "__main__":
    main()

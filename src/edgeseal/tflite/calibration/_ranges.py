"""Observations as a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edgeseal._documents import DocumentError, parse_json, read_document
from edgeseal._files import write_text
from edgeseal.errors import ModelError
from edgeseal.tflite.calibration._calibration_inputs import CalibrationInputs
from edgeseal.tflite.calibration._tensor_statistics import TensorStatistics

__all__ = ["GraphRanges", "InputsRecord", "Ranges", "read_ranges", "write_ranges"]

_SCHEMA_VERSION = 1
_KIND = "edgeseal ranges"


@dataclass(frozen=True, slots=True)
class InputsRecord:
    """What graphs were run on.

    Attributes:
        count: number of inputs.
        pictures: number of pictures.
        is_bundled: whether these are the package's own.
        digest: tells the inputs from others.
    """

    count: int
    pictures: int
    is_bundled: bool
    digest: str

    @classmethod
    def of(cls, inputs: CalibrationInputs) -> InputsRecord:
        """Describe inputs."""
        digest = inputs.digest(len(inputs))
        return cls(len(inputs), len(inputs.pictures), inputs.is_bundled, digest)


@dataclass(slots=True)
class GraphRanges:
    """What was seen of a graph.

    Attributes:
        tensors: by the tensor's key.
        done: inputs that were run.
    """

    tensors: dict[str, TensorStatistics] = field(default_factory=dict)
    done: int = 0


@dataclass(slots=True)
class Ranges:
    """What was seen of a model.

    Attributes:
        source: fingerprint of the model.
        inputs: what graphs were run on.
        graphs: by their fingerprint: the model's own, and those that recipes made of it.
    """

    source: str
    inputs: InputsRecord
    graphs: dict[str, GraphRanges]


def write_ranges(ranges: Ranges, path: Path, *, overwrite: bool = False) -> None:
    """Write what :func:`read_ranges` reads.

    Raises:
        OutputExistsError, FileError: the file cannot be written.
    """
    graphs = {
        name: {
            "done": graph.done,
            "tensors": {
                # one that was interrupted at its first input has nothing to tell
                key: seen.to_record()
                for key, seen in graph.tensors.items()
                if seen.pictures
            },
        }
        for name, graph in ranges.graphs.items()
    }
    record = {
        "schema_version": _SCHEMA_VERSION,
        "kind": _KIND,
        "model": ranges.source,
        "inputs": asdict(ranges.inputs),
        "graphs": graphs,
    }
    text = json.dumps(record, allow_nan=False, separators=(",", ":"))
    write_text(path, text, overwrite=overwrite)


def read_ranges(path: Path) -> Ranges:
    """Read ranges.

    Raises:
        FileError: the file cannot be read.
        ModelError: it is something else, damaged, or of another schema version.
    """
    record = _read_json(path)
    try:
        return Ranges(
            source=str(record["model"]),
            inputs=InputsRecord(**record["inputs"]),
            graphs={name: _graph(graph) for name, graph in record["graphs"].items()},
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ModelError(f"{path}: damaged ranges file ({error}); calibrate again") from error


def _graph(record: Any) -> GraphRanges:
    tensors = {key: TensorStatistics.from_record(seen) for key, seen in record["tensors"].items()}
    return GraphRanges(tensors, int(record["done"]))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        record = parse_json(read_document(path))
    except DocumentError as error:
        raise ModelError(f"{path}: not a ranges file: {error}") from error
    if not isinstance(record, dict) or record.get("kind") != _KIND:
        raise ModelError(
            f"{path}: not a ranges file; make one with `edgeseal quantize` --save-ranges"
        )
    version = record.get("schema_version")
    if version != _SCHEMA_VERSION:
        raise ModelError(
            f"{path}: ranges of schema version {version!r}, expected {_SCHEMA_VERSION}; calibrate "
            "again"
        )
    return record

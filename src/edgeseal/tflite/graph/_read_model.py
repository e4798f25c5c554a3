"""Reading of ``.tflite`` files: indices become references between objects."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

from edgeseal._files import open_regular
from edgeseal.errors import FileError, ModelError
from edgeseal.tflite.graph._appended import find_appended
from edgeseal.tflite.graph._control import read_control_metadata
from edgeseal.tflite.graph._flatbuffer import FileSource, damaged
from edgeseal.tflite.graph._model import Model, OperatorCode, Signature, Subgraph
from edgeseal.tflite.graph._read_subgraph import (
    Pool,
    Pools,
    data_outside,
    fill_subgraph,
    text,
    unknown,
)
from edgeseal.tflite.graph._schema import OPERATOR_NAMES, schema
from edgeseal.tflite.graph._tensor import Buffer, ExternalBuffer, Tensor

__all__ = ["deserialize", "read_model"]

_IDENTIFIER = b"TFL3"
_SMALLEST = 8  # bytes: the place of the root table, and the identifier


def read_model(path: str | Path) -> Model:
    """Read a ``.tflite`` file; constants stay in the mapped file until they are replaced.

    Raises:
        FileError: there is no such file, or it cannot be read.
        ModelError: the file is no ``.tflite`` model, or a damaged one.
    """
    path = Path(path)
    data = _map(path)
    try:
        return deserialize(data)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def deserialize(content: bytes | memoryview) -> Model:
    """Read a model from the bytes of a ``.tflite`` file; constants are views into them.

    Raises:
        ModelError: this is no ``.tflite`` model, or a damaged one.
    """
    data = memoryview(content).toreadonly()
    if len(data) < _SMALLEST or data[4:8] != _IDENTIFIER:
        raise ModelError(
            f"not a .tflite model: expected the mark {_IDENTIFIER.decode()} at byte 4, found "
            f"{bytes(data[4:8])!r}; give a file written by a LiteRT converter"
        )
    source = FileSource(data)
    root = schema.Model()
    root.Init(source, source.root())
    return _Reader(schema.ModelT.InitFromObj(root), source).model()


def _map(path: Path) -> memoryview:
    try:
        with open_regular(path) as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError as error:
        raise ModelError(f"{path}: the file is empty; fetch or convert it again") from error
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error


class _Reader:
    """Turns the generated record of a file, with its indices, into objects."""

    def __init__(self, record: Any, source: FileSource) -> None:
        self._record = record
        self._pools = Pools(
            source=source,
            buffers=Pool("buffer", _buffers(record, source)),
            codes=Pool("operator code", map(_operator_code, record.operatorCodes or [])),
            subgraphs=Pool("subgraph", [Subgraph("", [], [], []) for _ in record.subgraphs or []]),
            external=_external_buffers(record),
        )
        self._blobs: dict[int, bytes] = {}

    def model(self) -> Model:
        record, pools = self._record, self._pools
        if not record.subgraphs:
            raise ModelError("holds no subgraph; fetch or convert it again")
        tensors = [
            fill_subgraph(subgraph, table, pools, f"subgraph {number}")
            for number, (subgraph, table) in enumerate(
                zip(pools.subgraphs.items, record.subgraphs, strict=True)
            )
        ]
        model = Model(
            subgraphs=pools.subgraphs.items,
            signatures=[self._signature(table, tensors) for table in record.signatureDefs or []],
            description=text(record.description),
            version=record.version,
            nameless_metadata=self._nameless_metadata(),
            extra_codes=pools.codes.unused(),
            code_order=pools.codes.items,
            external_buffers=list(pools.external.values()),
        )
        self._add_metadata(model)
        read_control_metadata(model)
        model.extra_buffers = [b for b in pools.buffers.unused() if b is not None and b.data.size]
        model.appended = find_appended(
            pools.source,
            has_custom_operators=any(operator.is_custom for operator in model.operators()),
        )
        return model

    def _add_metadata(self, model: Model) -> None:
        for entry in self._record.metadata or []:
            name, blob = text(entry.name), self._blob(entry.buffer)
            if name in model.metadata:
                model.extra_metadata.append((name, blob))
            else:
                model.metadata[name] = blob

    def _nameless_metadata(self) -> list[bytes]:
        indices = self._record.metadataBuffer
        return [] if indices is None else [self._blob(index) for index in indices.tolist()]

    def _blob(self, index: int) -> bytes:
        """Return a buffer's bytes, one copy however many entries refer to it."""
        if index not in self._blobs:
            buffer = self._pools.buffers.pick(index, "metadata")
            self._blobs[index] = b"" if buffer is None else buffer.data.tobytes()
        return self._blobs[index]

    def _signature(self, record: Any, tensors: list[Pool[Tensor]]) -> Signature:
        if record.signatureKey is None:
            raise damaged("a signature has no name")
        key = text(record.signatureKey)
        user = f"the signature {key!r}"
        subgraph = self._pools.subgraphs.pick(record.subgraphIndex, user)
        pool = tensors[record.subgraphIndex]
        inputs, outputs = (
            {text(entry.name): pool.pick(entry.tensorIndex, user) for entry in side or []}
            for side in (record.inputs, record.outputs)
        )
        return Signature(key, subgraph, inputs, outputs)


def _buffers(record: Any, source: FileSource) -> list[Buffer | None]:
    """Return the constant data; None for the first buffer, which stands for "no data"."""
    if record.buffers is None:
        raise damaged("it has no list of buffers")
    outside: dict[tuple[int, int], Buffer] = {}
    found: list[Buffer | None] = [None]
    for table in record.buffers[1:]:
        place = (table.offset, table.size)
        if table.data is not None:
            found.append(Buffer(table.data))
        elif place in outside:  # what tensors share is stored once there
            found.append(outside[place])
        else:
            data = data_outside(source, *place)
            found.append(None if data is None else outside.setdefault(place, Buffer(data)))
    return found


def _operator_code(record: Any) -> OperatorCode:
    code = max(record.builtinCode, record.deprecatedBuiltinCode)
    if code not in OPERATOR_NAMES:
        raise unknown(f"an operator of code {code}")
    is_custom = code == schema.BuiltinOperator.CUSTOM
    kind = text(record.customCode) if is_custom else OPERATOR_NAMES[code]
    return OperatorCode(kind, record.version, is_custom)


def _external_buffers(record: Any) -> dict[int, ExternalBuffer]:
    """Return the references to constants in other files, by the number that tensors use."""
    groups = Pool("group", record.externalBufferGroups or [])
    return {
        table.id: ExternalBuffer(
            id=table.id,
            group=text(groups.pick(table.group, f"the external buffer {table.id}").name),
            offset=table.offset,
            size_bytes=table.length,
            packing=text(table.packing),
        )
        for table in record.externalBuffers or []
    }

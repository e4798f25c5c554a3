"""Writing of ``.tflite`` files: references between objects become indices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edgeseal._files import replacing
from edgeseal.errors import ModelError
from edgeseal.tflite.graph._control import CONTROL_METADATA, control_metadata
from edgeseal.tflite.graph._layout import Constant, FileBuilder, Layout
from edgeseal.tflite.graph._model import Model, OperatorCode, Signature
from edgeseal.tflite.graph._schema import OPERATOR_CODES, schema
from edgeseal.tflite.graph._tensor import Buffer
from edgeseal.tflite.graph._write_subgraph import Places, encoded, subgraph_record

__all__ = ["serialize", "write_model"]

_IDENTIFIER = b"TFL3"
_LARGEST_FLATBUFFER = 2**31 - 2**24  # bytes; its offsets end at 2 GiB
_LEAST_OUTSIDE = 2**10  # bytes; what is smaller stays in the flatbuffer
_NO_DATA = 0  # the first buffer of a file is empty
_PLACEHOLDER_CODE = 127  # codes above do not fit the schema's first, 8-bit field


def write_model(model: Model, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a model to a ``.tflite`` file, whole or not at all.

    Constants that do not fit a flatbuffer (2 GiB) go behind it, where LiteRT finds them.

    Raises:
        FileError: the file cannot be written, or exists and ``overwrite`` is False.
        ModelError: something refers to what the model does not have, or what must be in the
            flatbuffer does not fit.
    """
    try:
        pieces = _pieces(model)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    with replacing(Path(path), overwrite=overwrite) as temporary, temporary.open("wb") as file:
        file.writelines(pieces)


def serialize(model: Model) -> bytes:
    """Return the bytes of the ``.tflite`` file that :func:`write_model` writes.

    Raises:
        ModelError: as :func:`write_model`.
    """
    return b"".join(_pieces(model))


def _pieces(model: Model) -> list[Any]:
    """Return the parts of the file, in order; constant data is not copied."""
    writer = _Writer(model)
    record = writer.record()
    is_large = writer.size_bytes() > _LARGEST_FLATBUFFER
    if is_large:
        writer.put_outside()
    tables = _pack(record)
    layout = Layout(tables, model.appended)
    for constant in writer.inside():
        layout.add(constant)
    if layout.size > _LARGEST_FLATBUFFER:
        raise ModelError(
            f"{layout.size / 2**30:.1f} GiB of metadata and small constants do not fit one "
            "flatbuffer (2 GiB); remove metadata, or join constants"
        )
    if is_large:
        writer.place_outside(layout)
        tables[:] = _pack(record)  # with the places outside; the size is the same
    for constant in writer.inside():
        constant.link(tables, layout.start)
    return layout.finish()


def _pack(record: Any) -> bytearray:
    builder = FileBuilder()
    builder.Finish(record.Pack(builder), file_identifier=_IDENTIFIER)
    tables: bytearray = builder.Bytes[builder.Head() :]
    return tables


class _Writer:
    """Hands out indices for the objects of a model."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._constants: list[Constant] = []
        self._movable: list[Constant] = []  # of those, what may go behind the flatbuffer
        self._options: list[tuple[Any, Constant]] = []
        self._buffers: dict[Buffer, int] = {}
        self._blobs: dict[bytes, int] = {}
        self._places = Places(
            codes={code: index for index, code in enumerate(_codes(model))},
            subgraphs={subgraph: index for index, subgraph in enumerate(model.subgraphs)},
            tensors=[{t: i for i, t in enumerate(s.tensors())} for s in model.subgraphs],
            buffer=self._buffer,
        )

    def record(self) -> Any:
        """Return the generated record of the model."""
        model, places = self._model, self._places
        record = schema.ModelT(version=model.version, description=encoded(model.description))
        record.operatorCodes = [_operator_code(code) for code in places.codes]
        record.subgraphs = [subgraph_record(subgraph, places) for subgraph in model.subgraphs]
        for buffer in model.extra_buffers:
            self._buffer(buffer)
        self._add_metadata(record)
        record.signatureDefs = [self._signature(signature) for signature in model.signatures]
        _add_external_buffers(record, model)
        record.buffers = [schema.BufferT(), *self._constants]
        self._options = [
            (table, Constant(table.customOptions))
            for subgraph in record.subgraphs
            for table in subgraph.operators
            if table.customOptions is not None
        ]
        return record

    def size_bytes(self) -> int:
        """Return the size of all constant data and custom options."""
        options = [constant for _, constant in self._options]
        return sum(constant.data.size for constant in [*self._constants, *options])

    def put_outside(self) -> None:
        """Let what is large go behind the flatbuffer."""
        for constant in self._movable:
            constant.is_outside = constant.data.size >= _LEAST_OUTSIDE
        for table, constant in self._options:
            if constant.data.size >= _LEAST_OUTSIDE:
                constant.is_outside = True
                table.customOptions = None
                table.largeCustomOptionsOffset = constant.offset
                table.largeCustomOptionsSize = constant.data.size

    def inside(self) -> list[Constant]:
        """Return the constants in the flatbuffer."""
        return [constant for constant in self._constants if not constant.is_outside]

    def place_outside(self, layout: Layout) -> None:
        """Give what goes behind the flatbuffer its place."""
        for constant in self._movable:
            if constant.is_outside:
                layout.add(constant)
        for table, constant in self._options:
            if constant.is_outside:
                layout.add(constant)
                table.largeCustomOptionsOffset = constant.offset

    def _buffer(self, buffer: Buffer | None) -> int:
        if buffer is None:
            return _NO_DATA
        if buffer not in self._buffers:
            self._buffers[buffer] = self._add(Constant(buffer.data))
            self._movable.append(self._constants[-1])
        return self._buffers[buffer]

    def _add(self, constant: Constant) -> int:
        self._constants.append(constant)
        return len(self._constants)  # one more than its place in the list: see _NO_DATA

    def _add_metadata(self, record: Any) -> None:
        model = self._model
        entries = [*model.metadata.items(), *model.extra_metadata]
        control = control_metadata(model)
        if control is not None:
            entries.append((CONTROL_METADATA, control))
        record.metadata = [
            schema.MetadataT(name=encoded(name, b""), buffer=self._blob(blob))
            for name, blob in entries
        ]
        if model.nameless_metadata:
            blobs = [self._blob(blob) for blob in model.nameless_metadata]
            record.metadataBuffer = np.asarray(blobs, np.int32)

    def _blob(self, blob: bytes) -> int:
        if blob not in self._blobs:
            self._blobs[blob] = self._add(Constant(np.frombuffer(blob, np.uint8)))
        return self._blobs[blob]

    def _signature(self, signature: Signature) -> Any:
        user = f"the signature {signature.key!r}"
        index = self._places.subgraph(signature.subgraph, user)
        inputs, outputs = (
            [
                schema.TensorMapT(
                    name=encoded(name), tensorIndex=self._places.tensor(tensor, index, user)
                )
                for name, tensor in side.items()
            ]
            for side in (signature.inputs, signature.outputs)
        )
        return schema.SignatureDefT(
            signatureKey=encoded(signature.key, b""),
            subgraphIndex=index,
            inputs=inputs,
            outputs=outputs,
        )


def _codes(model: Model) -> list[OperatorCode]:
    """Return what operators use and what is declared beyond it, in the file's order."""
    needed = dict.fromkeys(operator.code for operator in model.operators())
    needed |= dict.fromkeys(model.extra_codes)
    return list({code: None for code in model.code_order if code in needed} | needed)


def _operator_code(code: OperatorCode) -> Any:
    number = schema.BuiltinOperator.CUSTOM if code.is_custom else OPERATOR_CODES[code.kind]
    record = schema.OperatorCodeT(version=code.version, builtinCode=number)
    record.deprecatedBuiltinCode = min(number, _PLACEHOLDER_CODE)
    if code.is_custom:
        record.customCode = encoded(code.kind)
    return record


def _add_external_buffers(record: Any, model: Model) -> None:
    known = dict.fromkeys(model.external_buffers)
    for tensors in (subgraph.tensors() for subgraph in model.subgraphs):
        known |= {tensor.external: None for tensor in tensors if tensor.external is not None}
    if not known:
        return
    groups = {name: index for index, name in enumerate(dict.fromkeys(b.group for b in known))}
    record.externalBufferGroups = [schema.ExternalBufferGroupT(name=encoded(g)) for g in groups]
    record.externalBuffers = [
        schema.ExternalBufferT(
            id=buffer.id,
            group=groups[buffer.group],
            offset=buffer.offset,
            length=buffer.size_bytes,
            packing=encoded(buffer.packing),
        )
        for buffer in known
    ]

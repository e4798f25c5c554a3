"""Reading and writing of ``.tflite`` files: the only module that touches the schema.

The schema ships with the LiteRT runtime, so it always fits the version in use.
"""

from __future__ import annotations

import copy
import mmap
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgeseal._files import replacing
from edgeseal.errors import FileError, ModelError
from edgeseal.graph._model import (
    Buffer,
    Model,
    Operator,
    Quantization,
    Signature,
    Subgraph,
    Tensor,
)

__all__ = ["new_operator", "read_model", "write_model"]

_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16  # of constant data within the file: the schema's force_align


def _names(enum: type) -> dict[int, str]:
    # without the underscored attributes that Python adds to classes (3.13: __firstlineno__)
    return {
        value: name
        for name, value in vars(enum).items()
        if isinstance(value, int) and not name.startswith("_")
    }


_OPERATOR_NAMES = _names(schema.BuiltinOperator)
_TYPE_NAMES = _names(schema.TensorType)
_OPTION_CODES = {name: code for code, name in _names(schema.BuiltinOptions).items()}
_OPTION_TABLES = {
    name.removesuffix("Options").lower(): getattr(schema, f"{name}T")
    for name in _OPTION_CODES
    if name != "NONE"
}
_PLACEHOLDER_CODE = 127  # codes above do not fit the schema's first, 8-bit field


def new_operator(
    kind: str,
    inputs: list[Tensor | None],
    outputs: list[Tensor],
    *,
    version: int = 1,
    **options: object,
) -> Operator:
    """Build an operator.

    Args:
        kind: the schema's name, such as ``DEQUANTIZE``.
        inputs: operands, None for an absent optional one.
        outputs: results.
        version: version of the operator's contract.
        options: fields of the schema's option table of this operator, by the schema's names.
    """
    table = None
    if options:
        table = _OPTION_TABLES[kind.replace("_", "").lower()]()
        for field, value in options.items():
            if not hasattr(table, field):
                raise AttributeError(f"{type(table).__name__} has no field {field}")
            setattr(table, field, value)
    return Operator(kind, inputs, outputs, version=version, options=table)


def read_model(path: str | Path) -> Model:
    """Read a ``.tflite`` file; constants stay in the mapped file until they are replaced.

    Raises:
        FileError: there is no such file, or it cannot be read.
        ModelError: the file is no ``.tflite`` model, or a damaged one.
    """
    path = Path(path)
    data = _map(path)
    if bytes(data[4:8]) != _IDENTIFIER:
        raise ModelError(
            f"{path}: not a .tflite model: expected the mark {_IDENTIFIER.decode()} at byte 4, "
            f"found {bytes(data[4:8])!r}; give a file written by a LiteRT converter"
        )
    try:
        record = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
        return _Reader(record, data).model()
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except Exception as error:  # the generated reader raises whatever damaged offsets lead it to
        raise ModelError(
            f"{path}: a damaged .tflite model ({type(error).__name__}: {error}); fetch or convert "
            "it again"
        ) from error


def write_model(model: Model, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a model to a ``.tflite`` file, whole or not at all.

    Raises:
        FileError: the file cannot be written, or exists and ``overwrite`` is False.
        ModelError: the model would not fit a flatbuffer (2 GiB).
    """
    record = _Writer(model).record()
    size = sum(len(buffer.data) for buffer in record.buffers if buffer.data is not None)
    if size >= 2**31 - 2**24:
        raise ModelError(
            f"{path}: {size / 2**30:.1f} GiB of constants do not fit one flatbuffer (2 GiB); "
            "quantize the model first"
        )
    builder = _Builder(size + size // 64 + 2**20)
    builder.Finish(record.Pack(builder), file_identifier=_IDENTIFIER)
    with replacing(Path(path), overwrite=overwrite) as temporary:
        temporary.write_bytes(memoryview(builder.Bytes)[builder.Head() :])


def _map(path: Path) -> memoryview:
    try:
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError as error:
        raise ModelError(f"{path}: the file is empty; fetch or convert it again") from error
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({error.strerror})") from error


def _text(raw: bytes | str | None) -> str:
    if isinstance(raw, bytes):
        return raw.decode("utf-8", "surrogateescape")
    return raw or ""


def _ints(values: Any) -> list[int]:
    return [] if values is None else [int(value) for value in values]


class _Reader:
    """Turns the generated record of a file, with its indices, into objects."""

    def __init__(self, record: Any, data: memoryview) -> None:
        self._record = record
        self._data = data
        self._buffers = [self._buffer(buffer) for buffer in record.buffers or []]
        self._tensors: list[list[Tensor]] = []

    def model(self) -> Model:
        record = self._record
        if record.externalBuffers or record.externalBufferGroups:
            raise ModelError(
                "keeps constants in other files, which this version cannot read; merge them into "
                "one file first"
            )
        subgraphs = [self._subgraph(subgraph) for subgraph in record.subgraphs or []]
        if not subgraphs:
            raise ModelError("holds no subgraph; fetch or convert it again")
        metadata: dict[str, bytes] = {}
        for entry in record.metadata or []:
            buffer = self._buffers[entry.buffer]
            metadata[_text(entry.name)] = b"" if buffer is None else buffer.data.tobytes()
        return Model(
            subgraphs=subgraphs,
            signatures=[self._signature(s, subgraphs) for s in record.signatureDefs or []],
            metadata=metadata,
            description=_text(record.description),
            version=record.version,
        )

    def _buffer(self, record: Any) -> Buffer | None:
        if record.offset > 1:  # kept behind the flatbuffer, at an offset from the file's start
            end = record.offset + record.size
            if end > len(self._data):
                raise ModelError(
                    f"cut short: a constant ends at byte {end}, the file at {len(self._data)}; "
                    "fetch or convert it again"
                )
            return Buffer(np.frombuffer(self._data[record.offset : end], np.uint8))
        if record.data is None or len(record.data) == 0:
            return None
        return Buffer(np.asarray(record.data))

    def _subgraph(self, record: Any) -> Subgraph:
        tensors = [self._tensor(tensor) for tensor in record.tensors or []]
        self._tensors.append(tensors)
        operators = [self._operator(operator, tensors) for operator in record.operators or []]
        subgraph = Subgraph(
            name=_text(record.name),
            inputs=[tensors[i] for i in _ints(record.inputs)],
            outputs=[tensors[i] for i in _ints(record.outputs)],
            operators=operators,
            raw=record,
        )
        mentioned = {id(tensor) for tensor in subgraph.tensors()}
        subgraph.extra_tensors = [t for t in tensors if id(t) not in mentioned]
        return subgraph

    def _tensor(self, record: Any) -> Tensor:
        return Tensor(
            name=_text(record.name),
            shape=tuple(_ints(record.shape)),
            dtype=_TYPE_NAMES[record.type],
            buffer=self._buffers[record.buffer],
            quantization=_read_quantization(record.quantization),
            raw=record,
        )

    def _operator(self, record: Any, tensors: list[Tensor]) -> Operator:
        if record.largeCustomOptionsOffset > 1:
            raise ModelError(
                "keeps an operator's options outside the flatbuffer, which this version cannot read"
            )
        code = self._record.operatorCodes[record.opcodeIndex]
        builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
        is_custom = builtin == schema.BuiltinOperator.CUSTOM
        kind = _text(code.customCode) if is_custom else _OPERATOR_NAMES.get(builtin)
        if kind is None:
            raise ModelError(
                f"has an operator of code {builtin}, which the installed LiteRT does not know; "
                "install a newer ai-edge-litert"
            )
        return Operator(
            kind=kind,
            inputs=[tensors[i] if i >= 0 else None for i in _ints(record.inputs)],
            outputs=[tensors[i] for i in _ints(record.outputs)],
            version=code.version,
            is_custom=is_custom,
            options=record.builtinOptions,
            intermediates=[tensors[i] for i in _ints(record.intermediates)],
            raw=record,
        )

    def _signature(self, record: Any, subgraphs: list[Subgraph]) -> Signature:
        tensors = self._tensors[record.subgraphIndex]
        return Signature(
            key=_text(record.signatureKey),
            subgraph=subgraphs[record.subgraphIndex],
            inputs={_text(m.name): tensors[m.tensorIndex] for m in record.inputs or []},
            outputs={_text(m.name): tensors[m.tensorIndex] for m in record.outputs or []},
        )


def _read_quantization(record: Any) -> Quantization | None:
    if record is None or record.scale is None or len(record.scale) == 0:
        return None
    scale = np.asarray(record.scale, np.float32)
    zero_point = np.zeros(1, np.int64) if record.zeroPoint is None else record.zeroPoint
    return Quantization(
        scale=scale,
        zero_point=np.asarray(zero_point, np.int64),
        axis=record.quantizedDimension,
        raw=record,
    )


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]
    """Packs constant data at the alignment that the schema asks for.

    The generated ``BufferT`` ignores ``force_align``; the runtime then refuses or copies.
    """

    def Pack(self, builder: Any) -> Any:
        """Write the buffer and return its offset."""
        vector = None
        if self.data is not None and len(self.data):
            size = len(self.data)
            builder.StartVector(1, size, _ALIGNMENT)
            head = builder.head - size
            builder.Bytes[head : builder.head] = memoryview(self.data)
            builder.head = head
            vector = builder.EndVector()
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """Stores equal vectors once: shapes, and the zero points of every per-channel tensor."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes)
        self._offsets: dict[tuple[str, bytes], Any] = {}

    def CreateNumpyVector(self, x: NDArray[Any]) -> Any:
        """Write a vector unless an equal one is there, and return its offset."""
        key = (x.dtype.str, x.tobytes())
        if key not in self._offsets:
            self._offsets[key] = super().CreateNumpyVector(x)
        return self._offsets[key]


class _Writer:
    """Hands out indices for the objects of a model."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._buffers: list[Any] = [schema.BufferT()]  # index 0 stands for "no data"
        self._buffer_index: dict[int, int] = {}
        self._codes: dict[tuple[str, bool, int], int] = {}
        self._tensor_index: dict[int, int] = {}

    def record(self) -> Any:
        model = self._model
        record = schema.ModelT(version=model.version, description=model.description)
        record.subgraphs = [self._subgraph(subgraph) for subgraph in model.subgraphs]
        record.signatureDefs = [self._signature(signature) for signature in model.signatures]
        record.metadata = [
            schema.MetadataT(name=name, buffer=self._add_buffer(np.frombuffer(blob, np.uint8)))
            for name, blob in model.metadata.items()
        ]
        record.operatorCodes = [self._code(*key) for key in self._codes]
        record.buffers = self._buffers
        return record

    def _add_buffer(self, data: NDArray[np.uint8]) -> int:
        self._buffers.append(_AlignedBuffer(data=np.ascontiguousarray(data)))
        return len(self._buffers) - 1

    def _subgraph(self, subgraph: Subgraph) -> Any:
        record = copy.copy(subgraph.raw) or schema.SubGraphT()
        tensors = subgraph.tensors()
        self._tensor_index.update({id(tensor): i for i, tensor in enumerate(tensors)})
        record.name = subgraph.name
        record.tensors = [self._tensor(tensor) for tensor in tensors]
        record.inputs = self._indices(subgraph.inputs)
        record.outputs = self._indices(subgraph.outputs)
        record.operators = [self._operator(operator) for operator in subgraph.operators]
        return record

    def _indices(self, tensors: list[Tensor] | list[Tensor | None]) -> NDArray[np.int32]:
        indices = [-1 if tensor is None else self._tensor_index[id(tensor)] for tensor in tensors]
        return np.asarray(indices, np.int32)

    def _tensor(self, tensor: Tensor) -> Any:
        record = copy.copy(tensor.raw) or schema.TensorT(hasRank=True)
        record.name = tensor.name
        record.shape = np.asarray(tensor.shape, np.int32)
        record.type = getattr(schema.TensorType, tensor.dtype)
        record.buffer = self._buffer(tensor.buffer)
        record.quantization = _write_quantization(tensor)
        return record

    def _buffer(self, buffer: Buffer | None) -> int:
        if buffer is None:
            return 0
        if id(buffer) not in self._buffer_index:
            self._buffer_index[id(buffer)] = self._add_buffer(buffer.data)
        return self._buffer_index[id(buffer)]

    def _operator(self, operator: Operator) -> Any:
        record = copy.copy(operator.raw) or schema.OperatorT()
        key = (operator.kind, operator.is_custom, operator.version)
        record.opcodeIndex = self._codes.setdefault(key, len(self._codes))
        record.inputs = self._indices(operator.inputs)
        record.outputs = self._indices(operator.outputs)
        record.intermediates = self._indices(operator.intermediates)
        record.builtinOptions = operator.options
        if operator.options is None:
            record.builtinOptionsType = 0
        else:
            record.builtinOptionsType = _OPTION_CODES[type(operator.options).__name__[:-1]]
        return record

    @staticmethod
    def _code(kind: str, is_custom: bool, version: int) -> Any:
        record = schema.OperatorCodeT(version=version)
        code = schema.BuiltinOperator.CUSTOM if is_custom else getattr(schema.BuiltinOperator, kind)
        record.builtinCode = code
        record.deprecatedBuiltinCode = min(code, _PLACEHOLDER_CODE)
        record.customCode = kind if is_custom else None
        return record

    def _signature(self, signature: Signature) -> Any:
        return schema.SignatureDefT(
            signatureKey=signature.key,
            subgraphIndex=[id(s) for s in self._model.subgraphs].index(id(signature.subgraph)),
            inputs=self._tensor_map(signature.inputs),
            outputs=self._tensor_map(signature.outputs),
        )

    def _tensor_map(self, tensors: dict[str, Tensor]) -> list[Any]:
        return [
            schema.TensorMapT(name=name, tensorIndex=self._tensor_index[id(tensor)])
            for name, tensor in tensors.items()
        ]


def _write_quantization(tensor: Tensor) -> Any:
    quantization = tensor.quantization
    if quantization is None:
        # a record without scales may still carry min and max, or blockwise details
        raw = None if tensor.raw is None else tensor.raw.quantization
        return raw if raw is not None and (raw.scale is None or len(raw.scale) == 0) else None
    record = copy.copy(quantization.raw) or schema.QuantizationParametersT()
    record.scale = np.asarray(quantization.scale, np.float32)
    record.zeroPoint = np.asarray(quantization.zero_point, np.int64)
    record.quantizedDimension = quantization.axis
    return record

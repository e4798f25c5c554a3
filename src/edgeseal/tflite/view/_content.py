"""What the page knows of a model: everything but the weights."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgeseal.tflite.graph import (
    Model,
    Modules,
    Operator,
    Subgraph,
    Tensor,
    describe_options,
    find_modules,
)
from edgeseal.tflite.view._families import OperatorFamily, family_of
from edgeseal.tflite.view._overlay import FindingNote, Measure, Overlay
from edgeseal.tflite.view._tree import ModuleGroup, build_tree, initially_open

__all__ = ["page_content"]

_FAMILIES = list(OperatorFamily)
_SHOWN_VALUES = 8  # shapes, axes and permutations are shown, weights are not
_SHOWN_TYPES = {"BOOL": np.bool_, "INT32": np.int32, "INT64": np.int64}

Record = dict[str, Any]


def page_content(model: Model, path: Path, overlay: Overlay) -> Record:
    """Return the data of the page, ready for JSON."""
    modules = find_modules(model)
    places = {
        operator: (number, index)
        for number, subgraph in enumerate(model.subgraphs)
        for index, operator in enumerate(subgraph.operators)
    }
    return {
        "file": _file(model, path),
        "families": [family.value for family in _FAMILIES],
        "separator": modules.separator,
        "subgraphs": [_subgraph(subgraph, model, modules) for subgraph in model.subgraphs],
        "findings": _findings(overlay, places),
        "measures": [_measure(measure, model) for measure in overlay.measures],
    }


def _file(model: Model, path: Path) -> Record:
    return {
        "name": path.name,
        "size": path.stat().st_size,
        "version": model.version,
        "description": model.description,
        "metadata": sorted(model.metadata),
        "signatures": [signature.key for signature in model.signatures],
    }


def _subgraph(subgraph: Subgraph, model: Model, modules: Modules) -> Record:
    tensors = subgraph.tensors()
    index = {tensor: i for i, tensor in enumerate(tensors)}
    functions = {function: i for i, function in enumerate(model.subgraphs)}
    root = build_tree(subgraph, modules)
    place = {operator: i for i, operator in enumerate(subgraph.operators)}
    return {
        "name": subgraph.name,
        "tensors": [_tensor(tensor) for tensor in tensors],
        "inputs": [index[tensor] for tensor in subgraph.inputs],
        "outputs": [index[tensor] for tensor in subgraph.outputs],
        "labels": {
            str(index[tensor]): name
            for tensor, name in _signature_names(model, subgraph).items()
            if tensor in index
        },
        "operators": [
            _operator(operator, index)
            | ({"m": path} if (path := modules.display_name(operator)) else {})
            | ({"g": [functions[f] for f in operator.subgraphs]} if operator.subgraphs else {})
            for operator in subgraph.operators
        ],
        "tree": _tree(root, place, initially_open(root)),
    }


def _signature_names(model: Model, subgraph: Subgraph) -> dict[Tensor, str]:
    return {
        tensor: name
        for signature in model.signatures
        if signature.subgraph is subgraph
        for side in (signature.inputs, signature.outputs)
        for name, tensor in side.items()
    }


def _tree(group: ModuleGroup, place: Mapping[Operator, int], opened: set[ModuleGroup]) -> Record:
    record: Record = {
        "id": group.identity,
        "label": group.label,
        "in": [
            _tree(child, place, opened) if isinstance(child, ModuleGroup) else place[child]
            for child in group.children
        ],
    }
    if group.class_name:
        record["class"] = group.class_name
    if group in opened:
        record["open"] = 1
    return record


def _operator(operator: Operator, index: Mapping[Tensor, int]) -> Record:
    record: Record = {
        "k": operator.kind,
        "f": _FAMILIES.index(family_of(operator)),
        "i": [-1 if tensor is None else index[tensor] for tensor in operator.inputs],
        "o": [index[tensor] for tensor in operator.outputs],
    }
    options = [[option.name, option.text] for option in describe_options(operator)]
    if operator.intermediates:
        record["n"] = [index[tensor] for tensor in operator.intermediates]
    if operator.version != 1:
        record["v"] = operator.version
    if options:
        record["p"] = options
    return record


def _tensor(tensor: Tensor) -> Record:
    record: Record = {"n": tensor.name, "t": tensor.dtype, "s": list(tensor.shape)}
    if tensor.external is not None:
        record["c"] = tensor.external.size_bytes
    elif tensor.is_constant:
        record["c"] = tensor.size_bytes
        record |= {"x": values} if (values := _values(tensor)) else {}
    quantization = _quantization(tensor)
    marks = [mark for mark, is_so in _marks(tensor) if is_so]
    if quantization:
        record["q"] = quantization
    if marks:
        record["a"] = marks
    return record


def _marks(tensor: Tensor) -> Iterator[tuple[str, bool]]:
    yield "variable", tensor.is_variable
    yield "sparse", tensor.is_sparse
    yield "dynamic shape", tensor.is_dynamic
    yield "in another file", tensor.is_external


def _values(tensor: Tensor) -> str:
    """Return a small constant of whole numbers as text; empty for any other."""
    kind = _SHOWN_TYPES.get(tensor.dtype)
    if kind is None or tensor.buffer is None or tensor.is_sparse:
        return ""
    count = math.prod(tensor.shape)
    if count > _SHOWN_VALUES or tensor.size_bytes != count * np.dtype(kind).itemsize:
        return ""
    return ", ".join(map(str, tensor.buffer.data.view(kind).tolist()))


def _quantization(tensor: Tensor) -> str:
    if tensor.blockwise is not None:
        return f"a scale for every {tensor.blockwise.block_size} values"
    if tensor.quantization is None:
        return ""
    scale, zero_point = tensor.quantization.scale, tensor.quantization.zero_point
    scales = f"{len(scale)} scales along axis {tensor.quantization.axis},"
    return (
        f"{scales if len(scale) > 1 else 'scale'} {_range(scale)}; zero point {_range(zero_point)}"
    )


def _range(values: Any) -> str:
    if len(values) == 0:
        return "none"
    low, high = f"{values.min():.6g}", f"{values.max():.6g}"
    return low if low == high else f"{low} to {high}"


def _findings(overlay: Overlay, places: Mapping[Operator, tuple[int, int]]) -> list[Record]:
    """Return each different finding once, with the operators that have it."""
    where: defaultdict[FindingNote, list[tuple[int, int]]] = defaultdict(list)
    for note in overlay.model_findings:
        where[note] = []
    for operator, notes in overlay.findings.items():
        for note in notes:
            where[note].append(places[operator])
    return [
        {
            "code": note.code,
            "level": note.level.value,
            "title": note.title,
            "text": note.text,
            "on": sorted(on),
        }
        for note, on in where.items()
    ]


def _measure(measure: Measure, model: Model) -> Record:
    return {
        "name": measure.name,
        "unit": measure.unit,
        "combine": measure.combine.value,
        "values": [
            [_number(measure.values.get(operator)) for operator in subgraph.operators]
            for subgraph in model.subgraphs
        ],
    }


def _number(value: float | None) -> float | str | None:
    """Return a number as JSON can hold it: what is not finite as JavaScript reads it."""
    if value is None or math.isfinite(value):
        return value if value is None else float(f"{value:.6g}")
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")

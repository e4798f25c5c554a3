"""From PyTorch's own export to a graph, one operator at a time."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import fx, nn
from torch.export.graph_signature import InputKind

from edgeseal.errors import ConversionError
from edgeseal.tflite.graph import Model, Signature, Subgraph, Tensor
from edgeseal.watermark.convert.lowering._elementwise_forms import ELEMENTWISE
from edgeseal.watermark.convert.lowering._layer_forms import LAYERS
from edgeseal.watermark.convert.lowering._lowering_builder import LoweringBuilder, Value
from edgeseal.watermark.convert.lowering._shape_forms import SHAPES
from edgeseal.watermark.convert.lowering._tidy import fuse_relu

__all__ = ["lower"]

_LOWERINGS = {**ELEMENTWISE, **LAYERS, **SHAPES}


def lower(module: nn.Module, sample: Sequence[torch.Tensor]) -> Model:
    """Return a module as a float graph.

    What depends on weights alone is computed now. Constants share the module's memory wherever
    LiteRT stores them as PyTorch does; those of another layout are in mapped files if large.

    Args:
        module: takes and returns float tensors of fixed shapes.
        sample: arguments of those shapes.

    Raises:
        ConversionError: the module uses operators that have no form here; all are listed.
    """
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.export.export(module, tuple(sample))
        return _Lowering(program).model()


class _Lowering:
    """One program on its way."""

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        self._program = program
        self._builder = LoweringBuilder()
        self._values: dict[fx.Node, Any] = {}  # Value, constant tensor, or a tuple of such
        self._folded: dict[Any, Any] = {}
        self._inputs: list[Tensor] = []
        self._outputs: list[Tensor] = []

    def model(self) -> Model:
        """Return the graph."""
        self._read_inputs()
        missing = sorted(set(self._missing()))
        if missing:
            raise ConversionError(
                f"PyTorch's {', '.join(missing)}: no form in LiteRT is known here; express the "
                "module in other operators"
            )
        for node in self._program.graph.nodes:
            if node.op == "call_function":
                self._values[node] = self._run(node)
            elif node.op == "output":
                found = self._resolved(node.args[0])
                self._outputs = [self._builder.plain(value) for value in found]
        main = Subgraph("main", self._inputs, self._outputs, self._builder.operators)
        main.remove_unread()
        fuse_relu(main)
        inputs = {tensor.name: tensor for tensor in main.inputs}
        outputs = {f"output_{place}": tensor for place, tensor in enumerate(main.outputs)}
        return Model([main], [Signature("serving_default", main, inputs, outputs)])

    def _read_inputs(self) -> None:
        program = self._program
        nodes = [node for node in program.graph.nodes if node.op == "placeholder"]
        for node, spec in zip(nodes, program.graph_signature.input_specs, strict=True):
            if spec.kind is InputKind.USER_INPUT:
                tensor = Tensor(node.name, _shape(node.meta["val"]), "FLOAT32")
                self._inputs.append(tensor)
                self._values[node] = Value.of(tensor)
            else:
                found = program.state_dict.get(str(spec.target))
                known = program.constants[str(spec.target)] if found is None else found
                self._values[node] = known

    def _missing(self) -> Iterator[str]:
        """Yield the operators on values that are unknown; constants are PyTorch's business."""
        values = {node for node, value in self._values.items() if isinstance(value, Value)}
        for node in self._program.graph.nodes:
            if node.op == "call_function" and not values.isdisjoint(node.all_input_nodes):
                values.add(node)
                if node.target is not operator.getitem and _name(node) not in _LOWERINGS:
                    yield _name(node)

    def _run(self, node: fx.Node) -> Any:
        args, kwargs = self._resolved(list(node.args)), self._resolved(dict(node.kwargs))
        target: Any = node.target
        if target is operator.getitem:
            return args[0][args[1]]
        if not _has_values([*args, *kwargs.values()]):
            return self._fold(target, args, kwargs)
        self._builder.scope = _scope(node)
        made = node.meta["val"]
        shape = _shape(made) if isinstance(made, torch.Tensor) else None
        arguments = _arguments(target, args, kwargs)
        return _LOWERINGS[_name(node)](self._builder, shape, *arguments)

    def _fold(self, target: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Compute on constants, once for the same constants."""
        key = target, _identity(args), _identity(kwargs)
        if key not in self._folded:
            self._folded[key] = target(*args, **kwargs)
        return self._folded[key]

    def _resolved(self, argument: Any) -> Any:
        """Return what an argument stands for."""
        return fx.map_arg(argument, lambda node: self._values[node])


def _identity(argument: Any) -> Any:
    """Return what tells arguments of constants apart."""
    if isinstance(argument, list | tuple):
        return tuple(map(_identity, argument))
    if isinstance(argument, dict):
        return tuple((name, _identity(value)) for name, value in argument.items())
    return id(argument) if isinstance(argument, torch.Tensor) else argument


def _has_values(argument: Any) -> bool:
    if isinstance(argument, list | tuple):
        return any(map(_has_values, argument))
    return isinstance(argument, Value)


def _name(node: fx.Node) -> str:
    schema = getattr(node.target, "_schema", None)
    return str(node.target) if schema is None else str(schema.name).removeprefix("aten::")


def _arguments(target: Any, args: list[Any], kwargs: dict[str, Any]) -> list[Any]:
    """Return all arguments in the schema's order, up to the last that is given."""
    found = list(args)
    names = [argument.name for argument in target._schema.arguments]
    last = max((names.index(name) for name in kwargs), default=-1)
    for argument in target._schema.arguments[len(args) : last + 1]:
        found.append(kwargs.get(argument.name, argument.default_value))
    return found


def _scope(node: fx.Node) -> str:
    """Return the modules around a node, as litert-torch spells them in tensor names."""
    stack = node.meta.get("nn_module_stack") or {}
    return "/".join(_segment(path, kind) for path, kind in stack.values()) + ";"


def _segment(path: str, kind: Any) -> str:
    name = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"
    return f"{name}_{path.rpartition('.')[2]}" if path else name


def _shape(value: torch.Tensor) -> tuple[int, ...]:
    return tuple(int(size) for size in value.shape)

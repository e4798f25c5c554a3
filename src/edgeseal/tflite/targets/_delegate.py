"""The CPU: what the accelerated delegate of the installed LiteRT (XNNPACK) takes of a model."""

from __future__ import annotations

import importlib.metadata
from dataclasses import replace

from edgeseal.tflite.diagnosis import Node
from edgeseal.tflite.graph import Model, Operator, Tensor, find_modules
from edgeseal.tflite.probe import Prober, cut, cut_function, float_twin
from edgeseal.tflite.targets._target_report import Basis, Fallback, Target, TargetReport

__all__ = ["assess_delegate"]


def assess_delegate(model: Model, prober: Prober) -> TargetReport:
    """Prepare the model as a whole and see which operators its delegate replaces.

    Why an operator stays is found by trial: the delegate may take the same operator in float.
    """
    main = model.main
    outcome = prober.prepare(cut_function(main).model)
    taken = set(outcome.delegated_nodes)
    modules = find_modules(model)
    explain = _Explainer(prober)
    fallbacks = tuple(
        Fallback(
            Node(operator, main, number, modules.display_name(operator)), explain.reason(operator)
        )
        for number, operator in enumerate(main.operators)
        if number not in taken
    )
    return TargetReport(
        target=Target.CPU,
        basis=Basis.TRIED,
        source=f"LiteRT {importlib.metadata.version('ai-edge-litert')}",
        operators=len(main.operators),
        fallbacks=fallbacks,
        partitions=outcome.delegated,
        refusal="" if outcome.is_prepared else outcome.message,
    )


class _Explainer:
    """Tries variants of an operator to say why the delegate does not take it."""

    def __init__(self, prober: Prober) -> None:
        self._prober = prober
        self._known: dict[object, str] = {}

    def reason(self, operator: Operator) -> str:
        """Return why the delegate does not take an operator."""
        key = _signature(operator)
        if key not in self._known:
            self._known[key] = self._found(operator)
        return self._known[key]

    def _found(self, operator: Operator) -> str:
        if operator.subgraphs or operator.is_custom or not operator.outputs:
            return f"no {operator.kind} in the delegate"
        if any(tensor.is_dynamic for tensor in operator.outputs):
            return "the result's shape is known only while running"
        if self._is_taken(operator):
            return "takes it alone, but not in this place of the model"
        types = "/".join(dict.fromkeys(_types(operator)))
        twin = float_twin(operator)
        if any(t is not o for t, o in zip(_tensors(twin), _tensors(operator), strict=True)):
            if self._is_taken(twin):
                return f"takes it in FLOAT32, but not in {types}"
            if (narrow := _one_scale(operator)) is not None and self._is_taken(narrow):
                return "takes it with one scale per constant, but not with one per channel"
        return f"does not take this form of it, whether in {types} or in FLOAT32"

    def _is_taken(self, operator: Operator) -> bool:
        return bool(self._prober.prepare(cut([operator]).model).delegated)


def _one_scale(operator: Operator) -> Operator | None:
    """Return the operator with one scale for every constant; None if it has no other."""

    def narrowed(tensor: Tensor | None) -> Tensor | None:
        if tensor is None or tensor.quantization is None or tensor.quantization.scale.size < 2:
            return tensor
        scales, zeros = tensor.quantization.scale[:1], tensor.quantization.zero_point[:1]
        return replace(
            tensor, quantization=replace(tensor.quantization, scale=scales, zero_point=zeros)
        )

    inputs = [narrowed(tensor) for tensor in operator.inputs]
    return None if inputs == operator.inputs else replace(operator, inputs=inputs)


def _tensors(operator: Operator) -> list[Tensor]:
    return [tensor for tensor in [*operator.inputs, *operator.outputs] if tensor is not None]


def _types(operator: Operator) -> list[str]:
    values = [t for t in _tensors(operator) if t.quantization is not None or not t.is_constant]
    return [tensor.dtype for tensor in values]


def _signature(operator: Operator) -> object:
    """Return what operators that the delegate treats alike have in common."""
    options = "" if operator.options is None else repr(sorted(vars(operator.options).items()))
    tensors = tuple(
        (
            t.dtype,
            t.shape,
            t.is_constant,
            0 if t.quantization is None else t.quantization.scale.size,
        )
        for t in _tensors(operator)
    )
    return operator.kind, operator.version, options, tensors

"""A recipe applied to a graph: what each layer and each operator gets, by name."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.graph import Model, Modules, Operator, find_modules
from edgeseal.tflite.quantization._weighted_layers import (
    WeightedLayer,
    input_layers,
    output_layers,
    weighted_layers,
)
from edgeseal.tflite.quantization.recipe._kernel_support import refusal, unquantizable
from edgeseal.tflite.quantization.recipe._recipe import (
    Activations,
    Place,
    Precision,
    Recipe,
    Rule,
    WeightType,
)

__all__ = ["LayerPlan", "PlannedOperator", "make_plan", "named_operators", "refuse_quantized"]

_SHOWN = 20  # problems
_FLOAT = Precision(WeightType.FLOAT32, Activations.FLOAT)  # of what nothing can quantize


@dataclass(frozen=True, slots=True, eq=False)
class PlannedOperator:
    """What an operator gets.

    Attributes:
        name: unique in the model. A layer has that of its module in the program that the model
            was made from, such as ``blocks.0.attn.proj``, or of its result where names tell no
            module; of several of one name the second has ``#2`` behind it. Other operators have
            their kind behind it, as in ``blocks.0.attn:SOFTMAX``.
        operator: the operator.
        layer: its weights, or None.
        precision: what it gets; None if no rule speaks of it, which is fine without weights.
        places: where in the model a layer is.
    """

    name: str
    operator: Operator
    layer: WeightedLayer | None
    precision: Precision | None = None
    places: frozenset[Place] = frozenset()


@dataclass(slots=True)
class LayerPlan:
    """What a recipe gives to every operator of a model.

    A stage that adds operators says what they get (:meth:`adopt`).

    Attributes:
        entries: by operator, in execution order; what was adopted comes last.
        whole: activations of every operator, if the recipe fixes the ranges of whole graphs.
        notes: which layers stay float32 because nothing can quantize them, one sentence each.
    """

    entries: dict[Operator, PlannedOperator] = field(default_factory=dict)
    whole: Activations | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def layers(self) -> list[PlannedOperator]:
        """The operators with weights."""
        return [entry for entry in self.entries.values() if entry.layer is not None]

    @property
    def is_integer(self) -> bool:
        """Whether every operator gets fixed ranges, so that no float is left inside."""
        given = [entry.precision for entry in self.entries.values()]
        return all(precision is not None and precision.is_static for precision in given)

    def precision(self, operator: Operator) -> Precision | None:
        """Return what an operator gets; None where neither a rule nor a stage speaks of it."""
        entry = self.entries.get(operator)
        return None if entry is None else entry.precision

    def adopt(
        self,
        operator: Operator,
        *,
        like: Operator,
        suffix: str,
        layer: WeightedLayer | None = None,
        precision: Precision | None = None,
    ) -> None:
        """Take in an operator that a stage adds.

        Args:
            operator: the new operator.
            like: one of the plan, whose name it gets with ``/suffix`` behind it.
            suffix: says what it is for.
            layer: its weights, if it has some.
            precision: what it gets; default: what ``like`` gets.
        """
        source = self.entries[like]
        self.entries[operator] = PlannedOperator(
            f"{source.name}/{suffix}",
            operator,
            layer,
            precision or source.precision,
            source.places,
        )


def make_plan(model: Model, recipe: Recipe) -> LayerPlan:
    """Find out what a recipe gives to every operator of a float model; changes nothing.

    Raises:
        UsageError: a layer would be left as it is without a rule that says so, or cannot get
            what its rule says, or a rule matches nothing; all such problems are listed.
        ModelError: the model is quantized already, or has no layer with constant float weights.
    """
    refuse_quantized(model)
    operators = named_operators(model)
    if not recipe.is_float32 and not any(entry.layer is not None for entry in operators):
        raise ModelError("has nothing to quantize: no layer has constant float32 weights")
    matches: Counter[int] = Counter()
    plan = LayerPlan()
    problems = []
    for entry in operators:
        matching = [index for index, rule in enumerate(recipe.rules) if _matches(rule, entry)]
        matches.update(matching)
        precision = recipe.rules[matching[-1]].precision if matching else None
        planned = replace(entry, precision=precision)
        plan.entries[entry.operator] = planned
    plan.whole = _whole(plan, recipe)
    _spare(plan, set(model.main.operators))
    for planned in plan.entries.values():
        problem = _problem(planned, plan.whole)
        if problem is not None:
            problems.append(f"{planned.name!r} ({planned.operator.kind}): {problem}")
    for index, rule in enumerate(recipe.rules):
        if not matches[index] and not rule.optional:
            problems.append(f"rules[{index}] matches nothing{_nearest(rule, operators)}")
    _raise(recipe, problems)
    return plan


def _whole(plan: LayerPlan, recipe: Recipe) -> Activations | None:
    """Return what every operator gets, if the recipe fixes the ranges of whole graphs."""
    static = [e for e in plan.entries.values() if e.precision is not None and e.precision.is_static]
    every = [r.precision for r in recipe.rules if r.kinds == ("*",) and r.precision.is_static]
    for entry in static:
        given = entry.precision
        # layers alone have kernels for INT8 only
        if given is not None and (
            entry.layer is None or given.activations is Activations.INT16 or given in every
        ):
            return given.activations
    return None


def _spare(plan: LayerPlan, main: set[Operator]) -> None:
    """Let layers that nothing can quantize stay float, with a note.

    Raises:
        ModelError: nothing else is left to quantize.
    """
    whole, spared = plan.whole, {}
    for planned in plan.entries.values():
        layer, precision = planned.layer, planned.precision
        if precision is None or precision.weights is WeightType.FLOAT32:
            continue
        reason = None if layer is None else unquantizable(layer)
        if (precision.is_static or whole is not None) and planned.operator not in main:
            reason = "it is in another function than the main one, which calibration does not see"
        if reason is None:
            continue
        if layer is not None:
            spared[planned] = reason
        plan.entries[planned.operator] = replace(planned, precision=_FLOAT)
    if spared and len(spared) == len(plan.layers):
        reasons = "; ".join(f"{one.name!r}: {reason}" for one, reason in spared.items())
        raise ModelError(f"has nothing to quantize: {reasons}")
    plan.notes += [f"{one.name} stays float32: {reason}" for one, reason in spared.items()]


def named_operators(model: Model) -> list[PlannedOperator]:
    """Return every operator with its name, in execution order, without precisions."""
    modules = find_modules(model)
    places = _places(model)
    seen: Counter[str] = Counter()
    found = []
    for subgraph in model.subgraphs:
        layers = {layer.operator: layer for layer in weighted_layers(subgraph)}
        for operator in subgraph.operators:
            layer = layers.get(operator)
            name = _name(operator, modules, is_layer=layer is not None)
            seen[name] += 1
            unique = name if seen[name] == 1 else f"{name}#{seen[name]}"
            where = places.get(operator, frozenset())
            found.append(PlannedOperator(unique, operator, layer, places=where))
    return found


def _places(model: Model) -> dict[Operator, frozenset[Place]]:
    """Return where in the main function layers are, for those at its ends."""
    ends = ((Place.INPUT, input_layers(model.main)), (Place.OUTPUT, output_layers(model.main)))
    found: dict[Operator, frozenset[Place]] = {}
    for place, layers in ends:
        for layer in layers:
            found[layer.operator] = found.get(layer.operator, frozenset()) | {place}
    return found


def _name(operator: Operator, modules: Modules, *, is_layer: bool) -> str:
    place = modules.display_name(operator)
    if not place and operator.outputs:
        place = operator.outputs[0].name
    return place if is_layer and place else f"{place}:{operator.kind}"


def _matches(rule: Rule, entry: PlannedOperator) -> bool:
    if not rule.kinds and entry.layer is None:
        return False
    if rule.places and not entry.places.intersection(rule.places):
        return False
    by_kind = not rule.kinds or any(fnmatchcase(entry.operator.kind, kind) for kind in rule.kinds)
    return by_kind and (not rule.names or any(fnmatchcase(entry.name, n) for n in rule.names))


def _problem(planned: PlannedOperator, whole: Activations | None) -> str | None:
    """Say why an operator cannot get what it is to get; None if it can."""
    precision = planned.precision
    if planned.layer is not None and precision is None:
        return (
            "no rule speaks of it, so it would stay float32 in silence; add a rule for it, with "
            "weights float32 if that is what you want"
        )
    if precision is _FLOAT:
        return None
    if whole is not None and (precision is None or precision.activations is not whole):
        return (
            f"the recipe fixes the ranges of whole graphs, so every operator takes activations "
            f"{whole.value}; this one gets {precision or 'none'}"
        )
    if planned.layer is None or precision is None:
        return None
    return refusal(planned.layer, precision, is_whole=whole is not None)


def _nearest(rule: Rule, operators: list[PlannedOperator]) -> str:
    """Say which names there are instead."""
    names = [entry.name for entry in operators if rule.kinds or entry.layer is not None]
    patterns = [*rule.kinds, *rule.names]
    close = [hit for name in rule.names for hit in difflib.get_close_matches(name, names, n=2)]
    example = f"; names near it: {', '.join(map(repr, close))}" if close else ""
    return f" ({', '.join(map(repr, patterns)) or 'any layer'}){example}"


def _raise(recipe: Recipe, problems: list[str]) -> None:
    if not problems:
        return
    shown: Iterator[str] = iter(problems[:_SHOWN])
    more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
    what = f"recipe {recipe.name!r} does not fit this model:"
    raise UsageError("\n  ".join([what, *shown, *more]))


def refuse_quantized(model: Model) -> None:
    """Raise if a model is quantized already.

    Raises:
        ModelError: it is.
    """
    quantized = [
        tensor.name
        for subgraph in model.subgraphs
        for tensor in subgraph.tensors()
        if tensor.buffer is not None
        and (tensor.quantization is not None or tensor.dtype in ("FLOAT16", "INT4"))
    ]
    if quantized:
        raise ModelError(
            f"is quantized already ({len(quantized)} constants, such as {quantized[0]!r}); give "
            "the float32 file that it was made from"
        )

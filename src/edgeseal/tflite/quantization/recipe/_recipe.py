"""A recipe: what each layer of a float model becomes, as versioned data.

Rules say which precision a layer gets; of several that match, the last one counts, so the general
rule comes first and exceptions follow. Methods say how that precision is reached.
"""

from __future__ import annotations

import enum
import glob
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from edgeseal.errors import UsageError
from edgeseal.tflite.calibration import Method

__all__ = [
    "Activations",
    "Methods",
    "Place",
    "Precision",
    "Recipe",
    "Rounding",
    "Rule",
    "WeightType",
]


class WeightType(enum.Enum):
    """How a layer's weights are stored."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"
    INT4 = "int4"


class Activations(enum.Enum):
    """What a kernel computes with."""

    FLOAT = "float"  # weights are widened to FLOAT32 first
    DYNAMIC = "dynamic"  # INT8, scaled while running by what the values are
    INT8 = "int8"  # fixed scales, from calibration
    INT16 = "int16"  # fixed scales, from calibration


class Rounding(enum.Enum):
    """How weights are put on their grid."""

    NEAREST = "nearest"
    GPTQ = "gptq"


class Place(enum.Enum):
    """Where in a model a layer is."""

    INPUT = "input"  # reads a picture: no other layer lies before it
    OUTPUT = "output"  # makes a result: no other layer lies behind it


@dataclass(frozen=True, slots=True)
class Precision:
    """What an operator gets; without weights it takes the activations alone.

    Raises:
        UsageError: no kernel knows the combination.
    """

    weights: WeightType
    activations: Activations

    def __post_init__(self) -> None:
        is_float = self.weights in (WeightType.FLOAT32, WeightType.FLOAT16)
        if is_float and self.activations is not Activations.FLOAT:
            raise UsageError(
                f"weights {self.weights.value} go with activations 'float' alone, got "
                f"{self.activations.value!r}"
            )

    def __str__(self) -> str:
        return f"{self.weights.value}/{self.activations.value}"

    @property
    def is_static(self) -> bool:
        """Whether activations have fixed scales."""
        return self.activations in (Activations.INT8, Activations.INT16)


@dataclass(frozen=True, slots=True)
class Rule:
    """What the operators that it matches get.

    Attributes:
        precision: what they get.
        kinds: patterns for the schema's operator names, such as ``CONV_2D`` or ``*``; empty for
            every kind of layer, that is operators with constant weights. With kinds, operators
            without weights match too.
        names: patterns for layer names, as :class:`LayerPlan` gives them (``*``,
            ``?``, ``[...]``); empty for every name.
        optional: whether it is fine that nothing matches.
        places: where in the model; empty for everywhere. Operators without weights have no place.
    """

    precision: Precision
    kinds: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    optional: bool = False
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Methods:
    """How a precision is reached. Each can be switched on its own.

    Attributes:
        input_terms: terms of integer weights for layers that read a picture, 1 or 2: a second
            one holds what rounding the first cut off.
        split_diagonals: whether a dominant diagonal is taken out of a layer and stays float.
        fast_floats: whether layers that would be quantized while running, but are faster in float
            and have few weights, stay float: depthwise and thin ones.
        equalize: whether activations' channels are brought to like ranges, which weights make up
            for; exact in float. With calibration data all that pays, without only what weights
            give away.
        ranges: how fixed ranges are chosen from what calibration saw.
        correct_bias: whether biases make up for the mean error of rounded weights; takes
            calibration data.
        half_constants: whether larger float operands of plain arithmetic become FLOAT16.
        rounding: how weights are put on their grid; without calibration data it is ``nearest``.
        damping: share of the mean variance of a layer's inputs that ``gptq`` adds to each, between
            0 and 1.
        int4_spared: share of the weights that rules make INT4 which become INT8 after all: those
            of the layers whose results INT4 disturbs most for their size, 0 to 1.
    """

    input_terms: int = 1
    split_diagonals: bool = False
    fast_floats: bool = False
    half_constants: bool = False
    equalize: bool = False
    ranges: Method = Method.MIN_MAX
    correct_bias: bool = False
    rounding: Rounding = Rounding.NEAREST
    damping: float = 0.01
    int4_spared: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: listing every value out of range.
        """
        problems = list(self._problems())
        if problems:
            raise UsageError("; ".join(problems))

    def _problems(self) -> Iterator[str]:
        if self.input_terms not in (1, 2):
            yield f"methods.input_terms must be 1 or 2, got {self.input_terms}"
        if not 0 < self.damping < 1:
            yield f"methods.damping must lie between 0 and 1, got {self.damping:g}"
        if not 0 <= self.int4_spared <= 1:
            yield f"methods.int4_spared must lie between 0 and 1, got {self.int4_spared:g}"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A way to quantize.

    Attributes:
        name: what the command line and file names call it.
        summary: one line for people.
        rules: in order; of those that match an operator the last one counts.
        methods: how the precisions are reached.
    """

    name: str
    summary: str
    rules: tuple[Rule, ...]
    methods: Methods = field(default_factory=Methods)

    @property
    def is_float32(self) -> bool:
        """Whether it leaves every model as it is."""
        return all(rule.precision.weights is WeightType.FLOAT32 for rule in self.rules)

    @property
    def uses_calibration(self) -> bool:
        """Whether calibration data makes a difference to it."""
        learns = self.methods.rounding is not Rounding.NEAREST
        return self.needs_calibration or self.methods.equalize or learns

    @property
    def needs_calibration(self) -> bool:
        """Whether it cannot do without calibration data."""
        learns = self.methods.rounding is not Rounding.NEAREST
        return self.methods.correct_bias or any(
            rule.precision.is_static or (learns and rule.precision.weights is WeightType.INT4)
            for rule in self.rules
        )

    def with_layers(self, layers: Mapping[str, Precision], *, name: str) -> Recipe:
        """Return this recipe with exceptions for single layers.

        Args:
            layers: precision by layer name, as :class:`LayerPlan` gives it.
            name: of the new recipe.
        """
        named: dict[Precision, list[str]] = {}
        for layer, precision in layers.items():
            named.setdefault(precision, []).append(glob.escape(layer))
        rules = [Rule(precision, names=tuple(names)) for precision, names in named.items()]
        return replace(self, name=name, rules=(*self.rules, *rules))

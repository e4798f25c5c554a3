"""What may be laid over a graph: findings and numbers of its operators."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edgeseal.tflite.diagnosis import Level
from edgeseal.tflite.graph import Operator

__all__ = ["Combine", "FindingNote", "Measure", "Overlay"]


class Combine(str, enum.Enum):
    """What a folded module shows of its operators' numbers."""

    SUM = "sum"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class FindingNote:
    """A finding in words.

    Attributes:
        code: such as ``ES010``.
        level: how bad it is.
        text: what is wrong and what to do, in a sentence or a few lines.
        title: what is wrong in a few words; may be empty.
    """

    code: str
    level: Level
    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number per operator that the graph can be coloured by.

    Attributes:
        name: such as ``error (own)`` or ``time``.
        values: finite or not; operators without one stay grey.
        unit: such as ``ms`` or ``%``; may be empty.
        combine: how a folded module sums its operators up.
    """

    name: str
    values: Mapping[Operator, float]
    unit: str = ""
    combine: Combine = Combine.MAX


@dataclass(frozen=True, slots=True)
class Overlay:
    """Everything laid over one model's graph.

    Attributes:
        findings: of operators.
        model_findings: of the model as a whole.
        measures: numbers, each under its own name.
    """

    findings: Mapping[Operator, Sequence[FindingNote]] = field(default_factory=dict)
    model_findings: Sequence[FindingNote] = ()
    measures: Sequence[Measure] = ()

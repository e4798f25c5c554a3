"""Asks the judge of each target."""

from __future__ import annotations

from edgeseal.tflite.graph import Model
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.targets._delegate import assess_delegate
from edgeseal.tflite.targets._rules import assess_rules, rules_of
from edgeseal.tflite.targets._target_report import Target, TargetReport
from edgeseal.tflite.targets._vela import assess_ethos_u85

__all__ = ["assess"]


def assess(
    model: Model,
    target: Target,
    *,
    macs: int = 256,
    timeout_s: float = 600.0,
    memory_limit_bytes: int | None = None,
) -> TargetReport:
    """Find out which operators of a model a target takes.

    Args:
        model: any model; only its main subgraph is looked at.
        target: what it is to run on.
        macs: size of an Ethos-U85, in multiply-accumulates per cycle.
        timeout_s: longest time for a trial or a compilation.
        memory_limit_bytes: for the process that tries a model on the CPU; default: half of the
            machine's memory.

    Raises:
        MissingExtraError: the target's compiler is not installed.
        UsageError: there is no Ethos-U85 of that size.
        ModelError: the compiler cannot read the model.
        ProbeError: the process that loads LiteRT cannot start, or the compiler fails.
    """
    if target is Target.CPU:
        with Prober(timeout_s=timeout_s, memory_limit_bytes=memory_limit_bytes) as prober:
            return assess_delegate(model, prober)
    if target is Target.ETHOS_U85:
        return assess_ethos_u85(model, macs=macs, timeout_s=timeout_s)
    return assess_rules(model, rules_of(target))

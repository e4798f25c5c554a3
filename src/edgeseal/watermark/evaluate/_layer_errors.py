"""Where a quantized model's error comes from, module by module."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from edgeseal.tflite.comparison import ComparedPart, Comparison, ModelFile, compare
from edgeseal.tflite.inputs import samples_from_pictures
from edgeseal.tflite.probe import Prober
from edgeseal.watermark.evaluate._evaluation_plan import EvaluationPlan, ModelFacts
from edgeseal.watermark.evaluate.report._report import LayerError, LayerErrors

__all__ = ["layer_pairs", "measure_layers"]

_TIMEOUT_S = 120.0
_PICTURES = 1


def layer_pairs(plan: EvaluationPlan) -> list[tuple[ModelFacts, ModelFacts]]:
    """Return the quantized ``.tflite`` models, each after the float one of the same weights."""
    files = [model for model in plan.models if model.path.lower().endswith(".tflite")]
    floats = [model for model in files if model.is_float]
    return [
        (reference, model)
        for model in files
        if not model.is_float
        for reference in floats[:1]
        if reference.checkpoint_sha256 == model.checkpoint_sha256
    ]


def measure_layers(
    reference: ModelFacts, model: ModelFacts, pictures: Iterable[Path]
) -> LayerErrors | None:
    """Compare two files operator by operator on the first picture.

    Returns:
        The modules, or None if the two are not one graph.

    Raises:
        FileError: a picture or a file cannot be read.
    """
    from edgeseal.errors import UsageError

    files = ModelFile.read(reference.path), ModelFile.read(model.path)
    chosen = list(pictures)[:_PICTURES]
    with Prober(timeout_s=_TIMEOUT_S) as prober:
        try:
            samples = samples_from_pictures(files[0].model, files[1].model, chosen, seed=0)
            found = compare(*files, samples, prober, advance=lambda: None)
        except UsageError:  # inputs or operators have no counterparts
            return None
    return LayerErrors(model.name, reference.name, len(chosen), tuple(_modules(found)))


def _modules(comparison: Comparison) -> Iterable[LayerError]:
    """Return the largest own error of each module, in the order of the graph."""
    largest: dict[str, float] = {}
    for operator in comparison.operators:
        error = operator.part(ComparedPart.OWN)
        name = operator.module or operator.operator.kind
        if error is not None and error.nsr is not None:
            largest[name] = max(largest.get(name, 0.0), error.nsr)
    return [LayerError(name, nsr) for name, nsr in largest.items()]

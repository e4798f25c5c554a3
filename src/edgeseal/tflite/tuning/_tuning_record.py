"""What was found, as versioned JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from edgeseal.tflite.quantization import recipe_to_json
from edgeseal.tflite.tuning._recipe_search import Budget, TunedRecipe, TuneResult
from edgeseal.tflite.tuning._sensitivity import LayerCost

__all__ = ["found_record", "sensitivity_record"]

SCHEMA_VERSION = 1


def sensitivity_record(costs: Sequence[LayerCost], metric: str) -> dict[str, Any]:
    """Return the costs of layers for JSON."""
    return {
        "sensitivity_schema_version": SCHEMA_VERSION,
        "metric": metric,
        "layers": [dataclasses.asdict(cost) for cost in costs],
    }


def found_record(found: TuneResult, budget: Budget, metric: str) -> dict[str, Any]:
    """Return the result of a search for JSON; the front's recipes are in it."""
    front = {one.name for one in found.front}
    candidates = [
        _candidate_record(one) | {"on_front": one.name in front}
        for one in (*found.fixed, *found.mixes)
    ]
    return {
        "tune_schema_version": SCHEMA_VERSION,
        "metric": metric,
        "budget": dataclasses.asdict(budget),
        "float32": dataclasses.asdict(found.float_trial),
        "candidates": candidates,
        "winner": None if found.winner is None else found.winner.name,
        "shortfalls": list(found.shortfalls),
    }


def _candidate_record(one: TunedRecipe) -> dict[str, Any]:
    return {
        "name": one.name,
        "size_bytes": one.trial.size_bytes,
        "drop_points": one.drop_points,
        "score": one.trial.score,
        "nmse_img": one.trial.nmse_img,
        "time_ratio": one.time_ratio,
        "recipe": json.loads(recipe_to_json(one.recipe)),
    }

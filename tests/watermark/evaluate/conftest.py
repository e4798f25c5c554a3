"""A real browser, and a report of made-up readings."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from edgeseal.watermark.evaluate import (
    Evaluation,
    EvaluationOrigin,
    EvaluationPlan,
    EvaluationReport,
    EvaluationSettings,
    LayerErrors,
    ModelFacts,
    PictureRecord,
    Speed,
    find_attacks,
    summarize,
)
from edgeseal.watermark.evaluate.report._report import LayerError
from edgeseal.watermark.runtime import Message
from tflite.view.conftest import browser

__all__ = ["browser", "report"]

BITS = 64
PICTURES = 12


def facts(name: str, recipe: str, size_bytes: int) -> ModelFacts:
    return ModelFacts(
        name, f"{name}.tflite", "LiteRT", "tiny", recipe, BITS, 64, size_bytes, "0" * 64, "1" * 64
    )


def make_records(
    plan: EvaluationPlan, shares: dict[str, float], *, seed: int = 0
) -> list[PictureRecord]:
    """Draw what each model reads: every bit is right with the model's probability."""
    rng = np.random.default_rng(seed)
    count = len(plan.settings.attacks)
    return [
        PictureRecord(
            name=path.name,
            sha256=f"{index:064x}",
            width=640,
            height=480,
            message=Message(tuple(rng.integers(0, 2, BITS).tolist())).hex,
            psnr_db=42.0 + index / 10,
            ssim=0.99,
            matching={
                name: tuple(rng.binomial(BITS, share, count).tolist())
                for name, share in shares.items()
            },
            unmarked={
                name: Message(tuple(rng.integers(0, 2, BITS).tolist())).hex for name in shares
            },
        )
        for index, path in enumerate(plan.pictures)
    ]


def make_plan_of(models: dict[str, str], attacks: str = "full") -> EvaluationPlan:
    readers = tuple(facts(name, recipe, 9 << 20) for name, recipe in models.items())
    pictures = tuple(Path(f"picture {index}.jpg") for index in range(PICTURES))
    return EvaluationPlan(
        readers,
        facts("embedder", "float32", 1 << 20),
        EvaluationSettings(find_attacks(attacks)),
        pictures,
    )


ORIGIN = EvaluationOrigin(
    "edgeseal evaluate x", "2030-01-01T00:00:00Z", "a machine", {"a": "1"}, 0, 1024, 93
)


@pytest.fixture(scope="session")
def report() -> EvaluationReport:
    """Three models, one with a name that is long and holds markup; everything that a page has."""
    long = "a_very_long_name_of_a_detector_that_somebody_gave_to_a_file_<b>&dynamic-int8"
    plan = make_plan_of({"float": "float32", long: "dynamic-int8", "weights": "weight-only"})
    records = make_records(plan, {"float": 0.98, long: 0.9, "weights": 0.6})
    records.append(PictureRecord("<i>bad.png", "", error="<i>bad.png: not a picture"))
    made = summarize(plan, Evaluation(tuple(records), (), 0), ORIGIN)
    modules = tuple(
        LayerError(f"encoder.blocks.{n}.attention.projection", 10.0**-n) for n in range(1, 20)
    )
    return dataclasses.replace(
        made,
        speeds=tuple(Speed(m.name, 10.0 + i, 1 + i / 10) for i, m in enumerate(plan.models)),
        layers=(LayerErrors(long, "float", 1, modules),),
    )

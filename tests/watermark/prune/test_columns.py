"""Removal of features against least squares done from scratch."""

from __future__ import annotations

import pytest
import torch

from edgeseal.watermark.prune._columns import removal_losses, remove_columns


def problem(features: int = 12, outputs: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weights and inputs whose features depend on each other."""
    generator = torch.Generator().manual_seed(3)
    mixing = torch.randn(features, features, generator=generator, dtype=torch.float64)
    inputs = torch.randn(4000, features, generator=generator, dtype=torch.float64) @ mixing
    weights = torch.randn(outputs, features, generator=generator, dtype=torch.float64)
    return weights, inputs


@pytest.mark.parametrize(("unit", "step", "steps"), [(1, 1, 5), (1, 4, 2), (3, 1, 2)])
def test_refit_is_least_squares_when_features_are_removed(unit: int, step: int, steps: int) -> None:
    weights, inputs = problem()
    covariance = inputs.T @ inputs / len(inputs)
    removal = remove_columns(weights, covariance, unit, step, steps)
    assert len(removal.kept) == weights.shape[1] - unit * step * steps
    best = torch.linalg.lstsq(inputs[:, removal.kept], inputs @ weights.T).solution.T
    # the damping of the covariance keeps both a little apart
    own = (inputs[:, removal.kept] @ removal.weights.double().T - inputs @ weights.T).square()
    least = (inputs[:, removal.kept] @ best.T - inputs @ weights.T).square()
    assert own.sum() <= 1.02 * least.sum()
    losses = removal_losses(weights, covariance, unit, step)
    assert float(losses[steps - 1]) == pytest.approx(float(own.sum(1).mean()), rel=0.05)
    assert bool((losses.diff() >= 0).all())


def test_feature_goes_first_when_another_carries_the_same() -> None:
    weights, inputs = problem()
    inputs[:, 7] = inputs[:, 2]
    covariance = inputs.T @ inputs / len(inputs)
    kept = remove_columns(weights, covariance, 1, 1, 1).kept.tolist()
    assert len({2, 7} & set(kept)) == 1


def test_whole_units_stay_together_when_heads_are_removed() -> None:
    weights, inputs = problem()
    kept = remove_columns(weights, inputs.T @ inputs, 4, 1, 2).kept
    assert kept.tolist() in ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11])

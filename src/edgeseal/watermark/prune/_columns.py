"""Which input features of a linear layer can go, and how the others take over their part.

The optimal brain surgeon, for groups of features: with H the covariance of the inputs and W the
weights, removing the features b and refitting the rest by least squares costs
tr(W_b [(H^-1)_bb]^-1 W_b^T) per input. Features are removed a few at a time, the cheapest first
(Kurtic et al., ZipLM, NeurIPS 2023; Hassibi and Stork, NIPS 1992).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Removal", "removal_losses", "remove_columns"]

_DAMPING = 1e-3  # of the mean diagonal of H


@dataclass(frozen=True, slots=True, eq=False)
class Removal:
    """A layer after features were removed.

    Attributes:
        kept: int64 [features left], ascending.
        weights: float32 [outputs, features left], refitted.
    """

    kept: Tensor
    weights: Tensor


def removal_losses(weights: Tensor, covariance: Tensor, unit: int, step: int) -> Tensor:
    """Return the squared error of the outputs, per input, after each step of removals.

    Args:
        weights: float [outputs, features].
        covariance: of the inputs, float [features, features].
        unit: features that go together, such as a head's.
        step: units that go in one step.

    Returns:
        float64 [steps], ascending; the last step leaves ``step`` units or fewer, at least one.
    """
    losses = [loss for _, _, loss in _removals(weights, covariance, unit, step)]
    return torch.cumsum(torch.tensor(losses, dtype=torch.float64), 0)


def remove_columns(
    weights: Tensor, covariance: Tensor, unit: int, step: int, steps: int
) -> Removal:
    """Remove ``steps`` times ``step`` units and refit the others; see :func:`removal_losses`."""
    states = _removals(weights, covariance, unit, step)
    kept = torch.arange(weights.shape[1] // unit)
    fitted = weights.double()
    for _ in range(steps):
        kept, fitted, _ = next(states)
    columns = _features(kept, unit)
    return Removal(columns, fitted[:, columns].float())


def _removals(
    weights: Tensor, covariance: Tensor, unit: int, step: int
) -> Iterator[tuple[Tensor, Tensor, float]]:
    """Yield after each step the units left, the weights (in place), and the error it added."""
    fitted, inverse = weights.double().clone(), _inverse(covariance)
    kept = torch.arange(weights.shape[1] // unit)
    while len(kept) > step:
        costs = _costs(fitted, inverse, kept, unit)
        order = torch.argsort(costs, stable=True)
        gone = _features(kept[order[:step]], unit)
        kept = kept[order[step:].sort().values]
        rows = inverse[gone]
        solved = torch.linalg.solve(rows[:, gone], torch.cat([rows, fitted[:, gone].T], dim=1))
        onto, removed = solved[:, : rows.shape[1]], solved[:, rows.shape[1] :]
        loss = float((fitted[:, gone].T * removed).sum())
        fitted -= fitted[:, gone] @ onto
        inverse -= rows.T @ onto
        yield kept, fitted, loss


def _costs(fitted: Tensor, inverse: Tensor, kept: Tensor, unit: int) -> Tensor:
    """Return what each unit left costs if it went alone, float64 [units left]."""
    columns = _features(kept, unit)
    if unit == 1:
        return fitted[:, columns].square().sum(0) / inverse.diagonal()[columns]
    blocks = [slice(index * unit, (index + 1) * unit) for index in kept.tolist()]
    return torch.stack(
        [
            (
                fitted[:, block] * torch.linalg.solve(inverse[block, block], fitted[:, block].T).T
            ).sum()
            for block in blocks
        ]
    )


def _inverse(covariance: Tensor) -> Tensor:
    damped = covariance.double().clone()
    damped.diagonal().add_(_DAMPING * damped.diagonal().mean().clamp(min=1e-12))
    return torch.cholesky_inverse(torch.linalg.cholesky(damped))


def _features(units: Tensor, unit: int) -> Tensor:
    """Return the features of units, in order."""
    return (units[:, None] * unit + torch.arange(unit)).flatten()

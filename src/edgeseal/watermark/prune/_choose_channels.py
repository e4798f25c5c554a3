"""What each group gives up, so that the logits change least for the work that is saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edgeseal.watermark.prune._columns import removal_losses, remove_columns
from edgeseal.watermark.prune._groups import ChannelGroup

__all__ = ["ChannelStatistics", "choose_steps", "cut", "measure_statistics"]

_BATCH = 4


@dataclass(frozen=True, slots=True, eq=False)
class ChannelStatistics:
    """What reaches a group's consumer, over pictures.

    Attributes:
        mean: float64 [features].
        covariance: float64 [features, features].
        positions: inputs per picture: tokens or pixels.
        gain: what an error of squared length 1 at every position of the consumer's output adds to
            the squared error of the logits.
    """

    mean: Tensor
    covariance: Tensor
    positions: int
    gain: float


class _Recorder:
    """Sums up what passes through one layer, forward and backward."""

    def __init__(self, layer: nn.Linear) -> None:
        features = layer.in_features
        self.total = torch.zeros(features, dtype=torch.float64)
        self.products = torch.zeros(features, features, dtype=torch.float64)
        self.count = 0
        self.squares, self.gradients, self.pictures = 0.0, 0, 0
        self.handles = [
            layer.register_forward_pre_hook(self._forward),
            layer.register_full_backward_hook(self._backward),
        ]

    def _forward(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        rows = inputs[0].detach().flatten(0, -2)
        self.total += rows.double().sum(0)
        self.products += (rows.T @ rows).double()
        self.count += len(rows)

    def _backward(self, _: nn.Module, __: object, gradients: object) -> None:
        gradient = gradients[0]  # type: ignore[index]
        self.squares += float(gradient.square().sum())
        self.gradients += gradient.numel()

    def statistics(self, pictures: int) -> ChannelStatistics:
        """Return the sums as means; nothing is recorded after that."""
        for handle in self.handles:
            handle.remove()
        mean = self.total / self.count
        covariance = self.products / self.count - mean[:, None] * mean
        positions = self.count // pictures
        return ChannelStatistics(
            mean, covariance, positions, positions * self.squares / self.gradients
        )


def measure_statistics(
    module: nn.Module, found: Sequence[ChannelGroup], pictures: Tensor, seed: int
) -> list[ChannelStatistics]:
    """Run pictures through a detector and return what reaches each group.

    Args:
        module: the detector; its gradients are left as they were.
        found: its groups.
        pictures: float32 [N, 3, H, W], RGB, 0..1.
        seed: of the random mixtures of logits whose gradients are taken.
    """
    recorders = [_Recorder(group.consumer) for group in found]
    generator = torch.Generator().manual_seed(seed)
    for start in range(0, len(pictures), _BATCH):
        # the layers need something to hang a gradient on; the weights have none
        leaf = pictures[start : start + _BATCH].clone().requires_grad_(True)
        logits = module(leaf)[:, 1:]
        signs = torch.randint(0, 2, logits.shape, generator=generator) * 2.0 - 1
        torch.autograd.grad((logits * signs).sum(), leaf)
    return [recorder.statistics(len(pictures)) for recorder in recorders]


def choose_steps(
    found: Sequence[ChannelGroup], statistics: Sequence[ChannelStatistics], ratio: float
) -> list[int]:
    """Return how many steps each group gives up.

    The step with the smallest error per work goes first, until ``ratio`` of the work of all groups
    is gone; half of the work counts as weights, half as multiply-accumulates.
    """
    costs = _step_costs(found, statistics)
    losses = [
        stats.gain * removal_losses(group.consumer.weight, stats.covariance, group.unit, group.step)
        for group, stats in zip(found, statistics, strict=True)
    ]
    taken = [0] * len(found)
    total = sum(cost * group.units / group.step for cost, group in zip(costs, found, strict=True))
    removed = 0.0
    while removed < ratio * total:
        prices = {
            index: _added(loss, taken[index]) / costs[index]
            for index, loss in enumerate(losses)
            if taken[index] < len(loss)
        }
        if not prices:
            break
        cheapest = min(prices, key=lambda index: (prices[index], index))
        taken[cheapest] += 1
        removed += costs[cheapest]
    return taken


def cut(group: ChannelGroup, statistics: ChannelStatistics, steps: int) -> None:
    """Remove what a group gives up and let the rest take over its part."""
    if not steps:
        return
    consumer = group.consumer
    removal = remove_columns(
        consumer.weight.detach(), statistics.covariance, group.unit, group.step, steps
    )
    before = consumer.weight.detach().double() @ statistics.mean
    constant = before - removal.weights.double() @ statistics.mean[removal.kept]
    group.cut(removal.kept)
    with torch.no_grad():
        consumer.weight.copy_(removal.weights)
        consumer.bias.add_(constant.float())


def _added(losses: Tensor, taken: int) -> float:
    before = float(losses[taken - 1]) if taken else 0.0
    return float(losses[taken]) - before


def _step_costs(
    found: Sequence[ChannelGroup], statistics: Sequence[ChannelStatistics]
) -> list[float]:
    """Return the share of all work that a step of each group saves."""
    pairs = list(zip(found, statistics, strict=True))
    weights = sum(group.units * group.weights for group, _ in pairs)
    macs = sum(group.units * group.weights * stats.positions for group, stats in pairs)
    return [
        group.step * group.weights * (0.5 / weights + 0.5 * stats.positions / macs)
        for group, stats in pairs
    ]

"""Distillation in closed form: each layer after a cut is fitted to the original's features.

Block by block, the weights of the layer that adds to the residual stream become those with which
the stream comes closest to the original's: ridge regression on what really reaches the layer,
errors of earlier blocks included, so that later blocks mend what earlier ones lost. No gradients
are needed, and nothing can diverge.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from edgeseal.watermark.models import ConvNeXtDetector, ViTDetector
from edgeseal.watermark.prune._groups import ChannelGroup

__all__ = ["refit"]

_DAMPING = 1e-3  # of the mean diagonal of the second moment
_BATCH = 4

Stage = Callable[[Tensor], Tensor]


@torch.no_grad()
def refit(
    student: nn.Module,
    teacher: nn.Module,
    found: Sequence[ChannelGroup],
    pictures: Tensor,
    report: Callable[[int, int], None],
) -> None:
    """Fit the consumers of all groups, in the order of the blocks.

    Args:
        student: the pruned detector; changed in place.
        teacher: what it was cut from.
        found: the groups of ``student``.
        pictures: float32 [N, 3, H, W], RGB, 0..1.
        report: called with the stages done and their number.
    """
    own, original = _stages(student), _stages(teacher)
    held = [pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH)]
    wanted = list(held)
    for number, (stage, reference) in enumerate(zip(own, original, strict=True)):
        for group in (group for group in found if group.block is stage):
            joined = _twin_layer(group, stage, reference)
            targets = [_stream(reference, joined, batch) for batch in wanted]
            _fit(group, held, targets)
        held = [stage(batch) for batch in held]
        wanted = [reference(batch) for batch in wanted]
        report(number + 1, len(own))


def _fit(group: ChannelGroup, streams: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
    """Solve for weights and bias of a group's consumer."""
    consumer, size = group.consumer, group.consumer.in_features + 1
    second = torch.zeros(size, size, dtype=torch.float64)
    cross = torch.zeros(size, consumer.out_features, dtype=torch.float64)
    for stream, target in zip(streams, targets, strict=True):
        with _inputs_of(consumer) as seen:
            reached = _stream(group.block, group.joined, stream)
        rows = seen[0].flatten(0, -2)
        missing = group.arrange(target - reached).reshape(len(rows), -1)
        rows = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
        second += (rows.T @ rows).double()
        cross += (rows.T @ missing).double()
    second.diagonal().add_(_DAMPING * second.diagonal()[:-1].mean())
    change = torch.linalg.solve(second, cross).float()
    consumer.weight.add_(change[:-1].T)
    consumer.bias.add_(change[-1])


def _stream(block: Any, joined: nn.Module | None, x: Tensor) -> Tensor:
    """Return the residual stream of a block where ``joined`` reads it; None: at its end."""
    if joined is None:
        out: Tensor = block(x)
        return out
    with _inputs_of(joined) as seen:
        block(x)
    return seen[0]


@contextlib.contextmanager
def _inputs_of(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Yield a list that takes what reaches a layer while the body runs."""
    seen: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    try:
        yield seen
    finally:
        handle.remove()


def _twin_layer(group: ChannelGroup, stage: Any, reference: Any) -> nn.Module | None:
    """Return the original's layer in the place of ``group.joined``."""
    names = {id(module): name for name, module in stage.named_modules()}
    if group.joined is None:
        return None
    layer: nn.Module = reference.get_submodule(names[id(group.joined)])
    return layer


def _stages(module: nn.Module) -> list[Any]:
    """Return the encoder of a detector as a chain of functions, from the picture on."""
    if isinstance(module, ViTDetector):
        encoder = module.image_encoder
        blocks: Any = encoder.blocks
        return [lambda x: encoder.patch_embed(x * 2 - 1) + encoder.pos_embed, *blocks]
    if isinstance(module, ConvNeXtDetector):
        network: Any = module.convnext
        chain: list[Any] = [lambda x: x * 2 - 1]
        for downsample, blocks in zip(network.downsample_layers, network.stages, strict=True):
            chain += [downsample, *blocks]
        return chain
    raise TypeError(f"no detector to prune: {type(module).__name__}")

"""What can be cut out of a detector: attention heads and hidden channels.

The residual stream, the first layer, the neck and the decoder keep their widths: the message is a
grey level or two there, and they hold a tenth of the work.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from edgeseal.errors import MissingExtraError
from edgeseal.watermark.cards import Card, ConvNeXtSpec, ViTSpec
from edgeseal.watermark.models import ConvNeXtDetector, ViTDetector
from edgeseal.watermark.models._convnext import ConvNeXtBlock
from edgeseal.watermark.models._vit import MLP, Attention, partition

__all__ = ["ChannelGroup", "groups", "pruned_spec"]

_CHANNELS_PER_STEP = 16  # what kernels work on at a time


@dataclass(frozen=True, slots=True, eq=False)
class ChannelGroup:
    """Parallel units between two layers of a block.

    Attributes:
        name: for people, such as ``blocks.3.heads``.
        kind: ``heads`` or ``channels``.
        consumer: the layer that takes the units' features and adds them to the residual stream.
        unit: features of one unit.
        step: units that are removed together.
        weights: values in the weights of one unit.
        block: the block that the consumer is in.
        joined: the layer that reads the residual stream next; None: the stream is the block's
            result.
        arrange: brings a map of the stream into the order of the consumer's rows.
        cut: removes all features but those given, without refitting ``consumer``.
    """

    name: str
    kind: str
    consumer: nn.Linear
    unit: int
    step: int
    weights: int
    block: nn.Module
    joined: nn.Module | None
    arrange: Callable[[Tensor], Tensor]
    cut: Callable[[Tensor], None]

    @property
    def units(self) -> int:
        """Units that are there."""
        return self.consumer.in_features // self.unit


def groups(module: nn.Module) -> list[ChannelGroup]:
    """Return what can be cut out of a detector, in the order of its blocks.

    Raises:
        TypeError: it is of no known family.
    """
    if isinstance(module, ViTDetector):
        return list(_vit_groups(module))
    if isinstance(module, ConvNeXtDetector):
        return list(_convnext_groups(module))
    raise TypeError(f"no detector to prune: {type(module).__name__}")


def pruned_spec(card: Card, module: nn.Module) -> ViTSpec | ConvNeXtSpec:
    """Return the card's detector with the widths that ``module`` has."""
    spec = card.detector
    if isinstance(spec, ViTSpec) and isinstance(module, ViTDetector):
        blocks: Any = module.image_encoder.blocks
        heads = tuple(block.attn.num_heads for block in blocks)
        hidden = tuple(block.mlp.lin1.out_features for block in blocks)
        return dataclasses.replace(spec, block_heads=heads, block_mlp_dims=hidden)
    if isinstance(spec, ConvNeXtSpec) and isinstance(module, ConvNeXtDetector):
        hidden = tuple(block.pwconv1.out_features for _, block in _convnext_blocks(module))
        return dataclasses.replace(spec, block_hidden_dims=hidden)
    raise TypeError(f"no detector of card {card.name}: {type(module).__name__}")


def _vit_groups(module: ViTDetector) -> Iterator[ChannelGroup]:
    blocks: Any = module.image_encoder.blocks
    for index, block in enumerate(blocks):
        attention: Attention = block.attn
        dim = attention.proj.out_features
        head_dim = attention.proj.in_features // attention.num_heads
        yield ChannelGroup(
            name=f"blocks.{index}.heads",
            kind="heads",
            consumer=attention.proj,
            unit=head_dim,
            step=1,
            weights=4 * dim * head_dim,
            block=block,
            joined=block.norm2,
            arrange=_window_order(block.window_size),
            cut=_head_cutter(attention, head_dim),
        )
        yield ChannelGroup(
            name=f"blocks.{index}.mlp",
            kind="channels",
            consumer=block.mlp.lin2,
            unit=1,
            step=_CHANNELS_PER_STEP,
            weights=2 * dim,
            block=block,
            joined=None,
            arrange=lambda stream: stream,
            cut=_mlp_cutter(block.mlp),
        )


def _convnext_groups(module: ConvNeXtDetector) -> Iterator[ChannelGroup]:
    for name, block in _convnext_blocks(module):
        yield ChannelGroup(
            name=name,
            kind="channels",
            consumer=block.pwconv2,
            unit=1,
            step=_CHANNELS_PER_STEP,
            weights=2 * block.pwconv2.out_features,
            block=block,
            joined=None,
            arrange=lambda stream: stream.permute(0, 2, 3, 1),
            cut=_convnext_cutter(block),
        )


def _convnext_blocks(module: ConvNeXtDetector) -> Iterator[tuple[str, ConvNeXtBlock]]:
    stages: Any = module.convnext.stages
    for number, stage in enumerate(stages):
        for index, block in enumerate(stage):
            yield f"stages.{number}.{index}", block


def _window_order(size: int) -> Callable[[Tensor], Tensor]:
    """Return what cuts tokens [B, H, W, D] into windows; a size of 0 leaves them in order."""
    return lambda stream: partition(stream, size) if size else stream


def _head_cutter(attention: Attention, head_dim: int) -> Callable[[Tensor], None]:
    def cut(kept: Tensor) -> None:
        pruning = _torch_pruning()
        gone = _complement(kept, attention.proj.in_features)
        width = attention.proj.in_features
        rows = [part * width + index for part in range(3) for index in gone]
        pruning.prune_linear_out_channels(attention.qkv, rows)
        pruning.prune_linear_in_channels(attention.proj, gone)
        attention.num_heads -= len(gone) // head_dim

    return cut


def _mlp_cutter(mlp: MLP) -> Callable[[Tensor], None]:
    def cut(kept: Tensor) -> None:
        example = torch.zeros(1, mlp.lin1.in_features)
        _cut_with_dependents(mlp, mlp.lin1, example, kept, [])

    return cut


def _convnext_cutter(block: ConvNeXtBlock) -> Callable[[Tensor], None]:
    def cut(kept: Tensor) -> None:
        example = torch.zeros(1, block.pwconv1.in_features, 4, 4)
        own = [(block.grn.gamma, 3), (block.grn.beta, 3)]
        _cut_with_dependents(block, block.pwconv1, example, kept, own)

    return cut


def _cut_with_dependents(
    module: nn.Module,
    layer: nn.Linear,
    example: Tensor,
    kept: Tensor,
    parameters: list[tuple[nn.Parameter, int]],
) -> None:
    """Remove output features of a layer, and all that hangs on them in ``module``."""
    pruning = _torch_pruning()
    gone = _complement(kept, layer.out_features)
    if not gone:
        return
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    module.requires_grad_(True)  # the graph is that of the gradients
    graph = pruning.DependencyGraph().build_dependency(
        module, example, unwrapped_parameters=parameters or None
    )
    graph.get_pruning_group(layer, pruning.prune_linear_out_channels, gone).prune()
    module.requires_grad_(bool(trained))


def _complement(kept: Tensor, size: int) -> list[int]:
    present = set(kept.tolist())
    return [index for index in range(size) if index not in present]


def _torch_pruning() -> Any:
    try:
        import torch_pruning
    except ModuleNotFoundError as error:
        raise MissingExtraError("pruning a detector", "prune") from error
    return torch_pruning

"""The ViT detector in the form that is exported: same function, fewer and simpler operators.

What differs from :class:`edgeseal.models.ViTDetector`, each exact in real arithmetic:

- NHWC pictures and token matrices; every tensor has rank 4 or less. Tokens stay in window order
  across consecutive windowed blocks; changing the order is one rank-4 transpose.
- The affine part of a layer norm is folded into the linear layer behind it, the attention scale
  into the query projection (and out of the relative-position tables).
- The relative-position tables stand on the right of their products, which are batched over the
  query's own coordinate. Stock conversion puts these constants on the left, which the hybrid
  INT8 kernel of BATCH_MATMUL refuses.
- The position terms are added to the scores as broadcast rank-4 maps, not as rank-5 ones.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeseal.models import ViTDetector, relative_positions
from edgeseal.models._layers import ChannelLayerNorm
from edgeseal.models._vit import Attention, Block

__all__ = ["ExportableViTDetector"]


class ExportableViTDetector(nn.Module):
    """Takes over the weights of a :class:`~edgeseal.models.ViTDetector`."""

    def __init__(self, detector: ViTDetector) -> None:
        super().__init__()
        encoder = detector.image_encoder
        self.grid_size = encoder.grid_size
        self.patch_embed = encoder.patch_embed.proj
        self.pos_embed = nn.Parameter(encoder.pos_embed.detach().reshape(self.grid_size**2, -1))
        blocks: Any = encoder.blocks
        self.blocks = nn.ModuleList(_Block(block, self.grid_size) for block in blocks)
        self.neck = _Neck(detector)
        self.linear = detector.pixel_decoder.linear

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float32 [1, 1 + bits] for ``images`` float32 [1, H, W, C], RGB, 0..1."""
        # x * 2 - 1 stays an operator of its own: folded into the convolution, it would leave the
        # quantizer an input of half the range and the same rounding.
        patches = self.patch_embed((images * 2 - 1).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        x = patches.reshape(self.grid_size**2, -1) + self.pos_embed
        window_size = self.grid_size  # one window: raster order
        blocks: Any = self.blocks
        for block in blocks:
            x = _reorder(x, self.grid_size, window_size, block.window_size)
            window_size = block.window_size
            x = block(x)
        x = _reorder(x, self.grid_size, window_size, self.grid_size)
        features = self.neck(x.reshape(1, self.grid_size, self.grid_size, -1))
        logits: Tensor = self.linear(features.mean(dim=(1, 2)))
        return logits


class _Block(nn.Module):
    def __init__(self, block: Block, grid_size: int) -> None:
        super().__init__()
        self.window_size = block.window_size or grid_size
        self.norm = _Normalize(block.norm1.eps)
        self.attn = _Attention(
            block.attn, block.norm1, windows=(grid_size // self.window_size) ** 2
        )
        self.lin1 = _absorb_affine(block.norm2, block.mlp.lin1)
        self.lin2 = block.mlp.lin2

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens float32 [T, D], in this block's order, to the same shape."""
        x = x + self.attn(self.norm(x))
        out: Tensor = x + self.lin2(F.gelu(self.lin1(self.norm(x))))
        return out


class _Attention(nn.Module):
    rel_h: Tensor
    rel_w: Tensor

    def __init__(self, attention: Attention, norm: nn.LayerNorm, windows: int) -> None:
        super().__init__()
        self.windows = windows
        self.size = attention.size
        self.num_heads = attention.num_heads
        qkv = _absorb_affine(norm, attention.qkv)
        self.query, self.key, self.value = (_rows(qkv, part, 3) for part in range(3))
        with torch.no_grad():
            self.query.weight.mul_(attention.scale)
            self.query.bias.mul_(attention.scale)
        self.proj = attention.proj
        # [query coordinate, head_dim, key coordinate]: constants on the right of their products.
        # Contiguous, because litert-torch 0.10 stores a strided constant as it lies in memory.
        for axis, table in (("h", attention.rel_pos_h), ("w", attention.rel_pos_w)):
            pairs = relative_positions(table.detach()).transpose(1, 2) / attention.scale
            self.register_buffer(f"rel_{axis}", pairs.contiguous())

    def forward(self, x: Tensor) -> Tensor:
        """Attend within windows; ``x`` float32 [windows * size * size, D], window order."""
        size = self.size
        queries = self._split_heads(self.query(x))
        keys = self._split_heads(self.key(x))
        values = self._split_heads(self.value(x))
        scores = queries @ keys.transpose(-2, -1)
        by_key = scores.reshape(-1, size**2, size, size) + self._position_bias(queries)
        weights = by_key.reshape(scores.shape).softmax(dim=-1)
        heads = (weights @ values).permute(0, 2, 1, 3)
        out: Tensor = self.proj(heads.reshape(x.shape))
        return out

    def _position_bias(self, queries: Tensor) -> Tensor:
        """Return what positions add to the scores, [windows * heads, queries, key row, column]."""
        size, dim = self.size, queries.shape[-1]
        maps = queries.shape[0] * queries.shape[1]
        by_row = queries.reshape(maps, size, size * dim).transpose(0, 1)
        rel_h = by_row.reshape(size, -1, dim) @ self.rel_h
        rel_h = rel_h.reshape(size, maps, -1).transpose(0, 1)
        by_column = queries.reshape(maps * size, size, dim).transpose(0, 1)
        rel_w = (by_column @ self.rel_w).transpose(0, 1)
        return rel_h.reshape(maps, size**2, size, 1) + rel_w.reshape(maps, size**2, 1, size)

    def _split_heads(self, x: Tensor) -> Tensor:
        """Return float32 [windows, heads, size * size, d] for tokens [T, heads * d]."""
        x = x.reshape(self.windows, self.size**2, self.num_heads, -1)
        return x.permute(0, 2, 1, 3)


class _Neck(nn.Module):
    """The neck and the pixel decoder's convolution, up to the global average."""

    def __init__(self, detector: ViTDetector) -> None:
        super().__init__()
        neck: Any = detector.image_encoder.neck
        decoder: Any = detector.pixel_decoder.output_upscaling
        project, norm0, conv, norm1 = neck
        _, _, decode, norm2, _ = decoder[0].upsample_block
        self.project = nn.Linear(project.in_channels, project.out_channels, bias=False)
        self.project.weight = nn.Parameter(project.weight.detach().flatten(1))
        self.norm0, self.conv, self.norm2 = norm0, conv, norm2
        self.decode = _absorb_affine_conv(norm1, decode)
        self.normalize = _Normalize(norm1.eps)

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 [1, n, n, C] for ``x`` float32 [1, n, n, D]."""
        x = _affine(self.normalize(self.project(x)), self.norm0)
        x = self.normalize(self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        x = F.pad(x.permute(0, 3, 1, 2), (1, 1, 1, 1), mode="reflect")
        x = self.decode(x).permute(0, 2, 3, 1)
        return F.gelu(_affine(self.normalize(x), self.norm2))


class _Normalize(nn.Module):
    """Layer normalisation over the last dimension, without its affine part."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [..., D] to the same shape, zero mean and unit variance over D."""
        centered = x - x.mean(dim=-1, keepdim=True)
        variance = (centered * centered).mean(dim=-1, keepdim=True)
        return centered * torch.rsqrt(variance + self.eps)


def _affine(x: Tensor, norm: ChannelLayerNorm) -> Tensor:
    return x * norm.weight + norm.bias


def _absorb_affine(norm: nn.LayerNorm, linear: nn.Linear) -> nn.Linear:
    """Return a layer equal to ``linear`` after the affine part of ``norm``."""
    absorbed = nn.Linear(linear.in_features, linear.out_features)
    with torch.no_grad():
        absorbed.weight.copy_(linear.weight * norm.weight)
        absorbed.bias.copy_(linear.bias + linear.weight @ norm.bias)
    return absorbed


def _absorb_affine_conv(norm: ChannelLayerNorm, conv: nn.Conv2d) -> nn.Conv2d:
    """The same for a 3x3 convolution. Exact only where no zeros are padded in between."""
    absorbed = nn.Conv2d(conv.in_channels, conv.out_channels, kernel_size=3)
    bias = torch.einsum("oihw,i->o", conv.weight, norm.bias)
    absorbed.weight = nn.Parameter((conv.weight * norm.weight[:, None, None]).detach())
    absorbed.bias = nn.Parameter(bias.detach())
    return absorbed


def _rows(linear: nn.Linear, part: int, parts: int) -> nn.Linear:
    """Return one of ``parts`` equal groups of output features as a layer of its own."""
    size = linear.out_features // parts
    layer = nn.Linear(linear.in_features, size)
    with torch.no_grad():
        layer.weight.copy_(linear.weight[part * size : (part + 1) * size])
        layer.bias.copy_(linear.bias[part * size : (part + 1) * size])
    return layer


def _reorder(x: Tensor, grid_size: int, current: int, wanted: int) -> Tensor:
    """Bring tokens [grid * grid, D] from window order of one size to that of another.

    A window as large as the grid is raster order; one of the two sizes must be that.
    """
    if current == wanted:
        return x
    size = min(current, wanted)
    count = grid_size // size
    # raster [wy y, wx, x] and window order [wy wx, y, x] differ by a swap of y and wx
    shape = (count, size, count, -1) if current == grid_size else (count, count, size, -1)
    return x.reshape(shape).permute(0, 2, 1, 3).reshape(x.shape)

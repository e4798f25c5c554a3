"""The ViT detector in the form that is exported: same function, fewer and simpler operators.

What differs from :class:`edgeseal.watermark.models.ViTDetector`, each exact in real arithmetic:

- NHWC pictures and token matrices; every tensor has rank 4 or less. Tokens stay in window order
  across consecutive windowed blocks; changing the order is one rank-4 transpose.
- ``x * 2 - 1`` is folded into the patch embedding, the affine part of a layer norm into the linear
  layer behind it, the attention scale into the query projection (and out of the relative-position
  tables).
- The relative-position tables stand on the right of their products, which are batched over the
  query's own coordinate. Stock conversion puts these constants on the left, which the hybrid
  INT8 kernel of BATCH_MATMUL refuses.
- Positions are added before the patches become rows of a matrix.
- The position terms are added to the scores as broadcast rank-4 maps, not as rank-5 ones.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeseal.watermark.convert._exportable_layers import (
    Decoder,
    Normalize,
    absorb_affine,
    affine,
    convolve,
    of_pixels,
)
from edgeseal.watermark.models import ViTDetector, relative_positions
from edgeseal.watermark.models._vit import Attention, Block

__all__ = ["ExportableViTDetector"]


class ExportableViTDetector(nn.Module):
    """Takes over the weights of a :class:`~edgeseal.watermark.models.ViTDetector`."""

    def __init__(self, detector: ViTDetector) -> None:
        super().__init__()
        encoder = detector.image_encoder
        self.grid_size = encoder.grid_size
        self.patch_embed = of_pixels(encoder.patch_embed.proj)
        self.pos_embed = nn.Parameter(encoder.pos_embed.detach())
        blocks: Any = encoder.blocks
        self.blocks = nn.ModuleList(_Block(block, self.grid_size) for block in blocks)
        neck: Any = encoder.neck
        self.neck = _Neck(neck)
        self.decoder = Decoder(detector.pixel_decoder, before=neck[-1])

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float32 [1, 1 + bits] for ``images`` float32 [1, H, W, C], RGB, 0..1."""
        # in rank 4: GPU and NPU compilers take the sum of two matrices and compute something else
        patches = convolve(self.patch_embed, images) + self.pos_embed
        x = patches.reshape(self.grid_size**2, -1)
        window_size = self.grid_size  # one window: raster order
        blocks: Any = self.blocks
        for block in blocks:
            x = _reorder(x, self.grid_size, window_size, block.window_size)
            window_size = block.window_size
            x = block(x)
        x = _reorder(x, self.grid_size, window_size, self.grid_size)
        logits: Tensor = self.decoder(self.neck(x.reshape(1, self.grid_size, self.grid_size, -1)))
        return logits


class _Block(nn.Module):
    def __init__(self, block: Block, grid_size: int) -> None:
        super().__init__()
        self.window_size = block.window_size or grid_size
        self.norm = Normalize(block.norm1.eps)
        self.attn = _Attention(
            block.attn, block.norm1, windows=(grid_size // self.window_size) ** 2
        )
        self.lin1 = absorb_affine(block.norm2, block.mlp.lin1)
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
        qkv = absorb_affine(norm, attention.qkv)
        self.query, self.key, self.value = (_rows(qkv, part, 3) for part in range(3))
        with torch.no_grad():
            self.query.weight.mul_(attention.scale)
            self.query.bias.mul_(attention.scale)
        self.proj = attention.proj
        # [query coordinate, head_dim, key coordinate]: constants on the right of their products.
        # Contiguous: of strided constants of one shape, litert-torch 0.10 stores one for another
        # (docs/upstream).
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
        out: Tensor = self.proj(heads.reshape(x.shape[0], -1))
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
    """The neck up to its last normalisation, whose affine part the decoder takes over."""

    def __init__(self, neck: Any) -> None:
        super().__init__()
        project, self.norm, self.conv, last = neck
        self.project = nn.Linear(project.in_channels, project.out_channels, bias=False)
        self.project.weight = nn.Parameter(project.weight.detach().flatten(1))
        self.normalize = Normalize(last.eps)

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 [1, n, n, C] for ``x`` float32 [1, n, n, D]."""
        x = affine(self.normalize(self.project(x)), self.norm)
        normalized: Tensor = self.normalize(convolve(self.conv, x))
        return normalized


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

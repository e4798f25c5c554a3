"""The ViT detector of VideoSeal 0.0: SAM's image encoder and a pixel decoder.

This is the plain form, written for reading and as the reference for parity: the same computation
and the same parameter names as upstream's ``videoseal.modules.vit`` (licence MIT).
:mod:`edgeseal.watermark.convert` holds the form that is exported.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgeseal.watermark.models._decoder import PixelDecoder
from edgeseal.watermark.models._torch_layers import ChannelLayerNorm

__all__ = ["Attention", "Block", "ViTDetector", "partition", "relative_positions"]


class ViTDetector(nn.Module):
    """Reads a message from a picture.

    Args:
        bits: message length.
        image_size: side of the square input, in pixels.
        in_channels: colour channels of the input.
        embed_dim: width of the transformer.
        depth: number of transformer blocks.
        num_heads: attention heads per block.
        patch_size: side of a patch, in pixels.
        window_size: side of an attention window, in patches.
        global_attn_indexes: blocks that attend over the whole picture instead of a window.
        mlp_ratio: hidden width of the MLP as a multiple of ``embed_dim``.
        out_channels: width of the neck and of the pixel decoder.
        block_heads: attention heads of each block, if pruned; a head keeps its width.
        block_mlp_dims: hidden width of the MLP of each block, if pruned.
    """

    def __init__(
        self,
        *,
        bits: int,
        image_size: int,
        in_channels: int,
        embed_dim: int,
        depth: int,
        num_heads: int,
        patch_size: int,
        window_size: int,
        global_attn_indexes: tuple[int, ...],
        mlp_ratio: float,
        out_channels: int,
        block_heads: tuple[int, ...] | None = None,
        block_mlp_dims: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        self.image_encoder = ImageEncoder(
            grid_size=image_size // patch_size,
            in_channels=in_channels,
            embed_dim=embed_dim,
            head_dim=embed_dim // num_heads,
            block_heads=block_heads or (num_heads,) * depth,
            block_mlp_dims=block_mlp_dims or (int(embed_dim * mlp_ratio),) * depth,
            patch_size=patch_size,
            window_size=window_size,
            global_attn_indexes=global_attn_indexes,
            out_channels=out_channels,
        )
        self.pixel_decoder = PixelDecoder(channels=out_channels, bits=bits)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float32 [B, 1 + bits] for ``images`` float32 [B, C, H, W], RGB, 0..1.

        Bit ``i`` of the message is ``logits[:, 1 + i] > 0``. Index 0 was trained with weight 0
        upstream: it carries no information and is no confidence.
        """
        logits: Tensor = self.pixel_decoder(self.image_encoder(images * 2 - 1))
        return logits


class ImageEncoder(nn.Module):
    """Patch embedding, absolute positions, transformer blocks, convolutional neck."""

    def __init__(
        self,
        *,
        grid_size: int,
        in_channels: int,
        embed_dim: int,
        head_dim: int,
        block_heads: tuple[int, ...],
        block_mlp_dims: tuple[int, ...],
        patch_size: int,
        window_size: int,
        global_attn_indexes: tuple[int, ...],
        out_channels: int,
    ) -> None:
        super().__init__()
        self.grid_size = grid_size
        self.patch_embed = PatchEmbed(in_channels, embed_dim, patch_size)
        self.pos_embed = nn.Parameter(torch.zeros(1, grid_size, grid_size, embed_dim))
        self.blocks = nn.ModuleList(
            Block(
                dim=embed_dim,
                num_heads=heads,
                head_dim=head_dim,
                mlp_dim=mlp_dim,
                grid_size=grid_size,
                window_size=0 if index in global_attn_indexes else window_size,
            )
            for index, (heads, mlp_dim) in enumerate(zip(block_heads, block_mlp_dims, strict=True))
        )
        self.neck = nn.Sequential(
            nn.Conv2d(embed_dim, out_channels, kernel_size=1, bias=False),
            ChannelLayerNorm(out_channels),
            nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
            ChannelLayerNorm(out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return float32 [B, out_channels, grid, grid] for ``x`` [B, C, H, W] in -1..1."""
        x = self.patch_embed(x) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        features: Tensor = self.neck(x.permute(0, 3, 1, 2))
        return features


class PatchEmbed(nn.Module):
    """Linear projection of non-overlapping patches, as a strided convolution."""

    def __init__(self, in_channels: int, embed_dim: int, patch_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, embed_dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens float32 [B, H / patch, W / patch, D] for ``x`` [B, C, H, W]."""
        tokens: Tensor = self.proj(x).permute(0, 2, 3, 1)
        return tokens


class Block(nn.Module):
    """A pre-norm transformer block; attends within windows unless ``window_size`` is 0."""

    def __init__(
        self,
        *,
        dim: int,
        num_heads: int,
        head_dim: int,
        mlp_dim: int,
        grid_size: int,
        window_size: int,
    ) -> None:
        super().__init__()
        self.window_size = window_size
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, num_heads, head_dim, window_size or grid_size)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = MLP(dim, mlp_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Map tokens float32 [B, H, W, D] to tokens of the same shape."""
        attended = self.norm1(x)
        if self.window_size:
            windows = partition(attended, self.window_size)
            attended = _unpartition(self.attn(windows), self.window_size, x.shape)
        else:
            attended = self.attn(attended)
        x = x + attended
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class Attention(nn.Module):
    """Multi-head attention with decomposed relative positions (MViTv2, arXiv 2112.01526)."""

    def __init__(self, dim: int, num_heads: int, head_dim: int, size: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.size = size
        self.scale = head_dim**-0.5
        self.qkv = nn.Linear(dim, num_heads * head_dim * 3)
        self.proj = nn.Linear(num_heads * head_dim, dim)
        self.rel_pos_h = nn.Parameter(torch.zeros(2 * size - 1, head_dim))
        self.rel_pos_w = nn.Parameter(torch.zeros(2 * size - 1, head_dim))

    def forward(self, x: Tensor) -> Tensor:
        """Attend among the tokens of each square, float32 [B, size, size, D], same shape out."""
        batch, height, width, _ = x.shape
        tokens = height * width
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.reshape(3, batch * self.num_heads, tokens, -1).unbind(0)
        scores = (q * self.scale) @ k.transpose(-2, -1)
        grid = q.reshape(-1, height, width, q.shape[-1])
        rel_h = torch.einsum("bhwc,hkc->bhwk", grid, relative_positions(self.rel_pos_h))
        rel_w = torch.einsum("bhwc,wkc->bhwk", grid, relative_positions(self.rel_pos_w))
        bias = rel_h[:, :, :, :, None] + rel_w[:, :, :, None, :]
        weights = (scores + bias.reshape(scores.shape)).softmax(dim=-1)
        heads = (weights @ v).reshape(batch, self.num_heads, height, width, -1)
        out: Tensor = self.proj(heads.permute(0, 2, 3, 1, 4).flatten(3))
        return out


class MLP(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(dim, hidden_dim)
        self.lin2 = nn.Linear(hidden_dim, dim)
        self.act = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [..., D] to the same shape."""
        out: Tensor = self.lin2(self.act(self.lin1(x)))
        return out


def relative_positions(table: Tensor) -> Tensor:
    """Expand a table of 2 n - 1 relative positions to all pairs.

    Args:
        table: float32 [2 n - 1, C]; row ``n - 1 + d`` belongs to query minus key distance ``d``.

    Returns:
        float32 [n, n, C], indexed by query and key coordinate.
    """
    size = (table.shape[0] + 1) // 2
    coordinates = torch.arange(size, device=table.device)
    return table[coordinates[:, None] - coordinates[None, :] + size - 1]


def partition(x: Tensor, size: int) -> Tensor:
    """Cut tokens [B, H, W, D] into windows [B * H / size * W / size, size, size, D]."""
    batch, height, width, dim = x.shape
    x = x.reshape(batch, height // size, size, width // size, size, dim)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, size, size, dim)


def _unpartition(windows: Tensor, size: int, shape: torch.Size) -> Tensor:
    """Undo :func:`partition`; ``shape`` is that of the tokens, [B, H, W, D]."""
    batch, height, width, dim = shape
    x = windows.reshape(batch, height // size, width // size, size, size, dim)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(shape)

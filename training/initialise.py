"""Makes an untrained detector into the embedder's matched filter."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeseal.watermark.models import ViTDetector

__all__ = ["initialise_detector"]

BRANCH_SCALE = 0.005
POSITION_STD = 0.02
RELATIVE_POSITION_STD = 0.2
RESPONSE_SCALE = 0.1
LOGIT_SCALE = 8.0


@torch.no_grad()
def initialise_detector(detector: ViTDetector, filters: Tensor, pictures: Tensor) -> None:
    """Set the weights so that the detector reads the embedder's own statistic, linearly.

    The first tokens' channels are the filters' outputs, the others the strongest components of
    pictures. The neck carries each output twice, once negated: the layer norms then see a zero
    mean, and ``gelu(u) - gelu(-u) = u`` keeps the head linear. The residual branches start small.

    Args:
        detector: changed in place; ``out_channels`` must be twice the number of bits.
        filters: float32 [bits, 1, patch, patch], for grey pictures in 0..1.
        pictures: float32 [N, 3, H, W], RGB, 0..1.

    Raises:
        ValueError: if the detector is too narrow for the message.
    """
    bits = len(filters)
    weights = dict(detector.named_parameters())
    width, channels = weights["image_encoder.neck.0.weight"].shape[1::-1]
    if width < bits or channels != 2 * bits:
        raise ValueError(f"{bits} bits need embed_dim >= {bits} and out_channels {2 * bits}")
    scale = _fill_patch_embedding(weights, filters, pictures)
    _fill_blocks(weights)
    neck = torch.zeros(channels, width, 1, 1)
    neck[:bits, :bits, 0, 0] = torch.eye(bits) * (RESPONSE_SCALE / scale)
    neck[bits:] = -neck[:bits]
    weights["image_encoder.neck.0.weight"].copy_(neck)
    nn.init.dirac_(weights["image_encoder.neck.2.weight"])
    nn.init.dirac_(weights["pixel_decoder.output_upscaling.0.upsample_block.2.weight"])
    _fill_head(weights, bits)


def _fill_patch_embedding(
    weights: dict[str, nn.Parameter], filters: Tensor, pictures: Tensor
) -> float:
    """Fill in the matched filters and picture components; return the filters' output scale."""
    weight = weights["image_encoder.patch_embed.proj.weight"]
    bias = weights["image_encoder.patch_embed.proj.bias"]
    bits, patch = len(filters), weight.shape[-1]
    grey = pictures.mean(1, keepdim=True)
    scale = 1.0 / float(F.conv2d(grey, filters, stride=patch).pow(2).mean().sqrt())
    components = _components(pictures, patch, len(weight) - bits)
    weight[:bits] = filters.expand(-1, 3, -1, -1) / 3 * scale / 2
    weight[bits:] = components / 2
    nn.init.zeros_(bias)
    # The encoder sees 2 x - 1, which the filters do not notice; the components are centred.
    mean = F.conv2d(pictures, components, stride=patch).mean((0, 2, 3))
    bias[bits:] = components.sum((1, 2, 3)) / 2 - mean
    return scale


def _components(pictures: Tensor, patch: int, count: int) -> Tensor:
    """Return leading principal components of patches, unit output variance: [count, 3, p, p]."""
    patches = F.unfold(pictures, patch, stride=patch).transpose(1, 2).reshape(-1, 3 * patch**2)
    centered = patches - patches.mean(0)
    variance, vectors = torch.linalg.eigh(centered.T @ centered / len(centered))
    leading: Tensor = vectors[:, -count:] / (variance[-count:] + 1e-4).sqrt()
    return leading.T.reshape(count, 3, patch, patch)


def _fill_blocks(weights: dict[str, nn.Parameter]) -> None:
    """Draw the transformer blocks and positions at random, with quiet residual branches."""
    nn.init.normal_(weights["image_encoder.pos_embed"], std=POSITION_STD)
    for name, weight in weights.items():
        if ".blocks." not in name or ".norm" in name:
            continue
        if "rel_pos" in name:
            nn.init.normal_(weight, std=RELATIVE_POSITION_STD)
        elif name.endswith("bias"):
            nn.init.zeros_(weight)
        else:
            nn.init.xavier_uniform_(weight)
            if name.endswith(("attn.proj.weight", "lin2.weight")):
                weight.mul_(BRANCH_SCALE)


def _fill_head(weights: dict[str, nn.Parameter], bits: int) -> None:
    """Read each bit as the difference of its two channels; index 0 stays silent."""
    weight = weights["pixel_decoder.linear.weight"]
    nn.init.zeros_(weight)
    nn.init.zeros_(weights["pixel_decoder.linear.bias"])
    weight[1:, :bits] = torch.eye(bits) * LOGIT_SCALE
    weight[1:, bits:] = torch.eye(bits) * -LOGIT_SCALE

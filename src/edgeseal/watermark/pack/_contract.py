"""What software without Edgeseal has to know to run a model: as data, with exact formulas."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeseal.errors import UsageError
from edgeseal.tflite.graph import Model, Tensor
from edgeseal.watermark.payload import payload_code
from edgeseal.watermark.runtime import (
    Attenuation,
    ModelInfo,
    find_attenuation,
    least_matching_bits,
)

__all__ = ["RATES", "describe_attenuation", "describe_model", "describe_payload"]

RATES = (1e-3, 1e-6, 1e-9, 1e-12)
"""False-positive rates whose thresholds are listed."""

_RESIZE = {
    "filter": "triangle",
    "antialias": True,
    "align_corners": False,
    "keeps_aspect_ratio": False,
    "formula": (
        "Along one axis of n source pixels to m: s = n / m, r = max(s, 1); result i is the sum of "
        "w(j) source(j), where w(j) = max(0, 1 - |j + 0.5 - (i + 0.5) s| / r) over all source "
        "pixels j, divided by the sum of the w(j). Rows and columns one after the other, in "
        "float32. No rounding between."
    ),
}
_MARK = (
    "marked = clamp(scaling_i * picture + scaling_w * map * resize(delta), 0, 1), at the picture's "
    "own size; for a file: rint(peak * marked), halves to even. Picture: RGB, 0..1. A delta of "
    "one channel is added to red, green and blue alike. map is 1 where attenuation is null."
)
_MAP = (
    "Of a plane p on the scale 0..255 with zeros around the picture: L = mean over 5 x 5 pixels "
    "with weights 1 outside, 2 in the inner 3 x 3, 0 in the middle, divided by 32; A = 17 (1 - "
    "sqrt(L / 127 + 1e-5)) where L <= 127, else 3 (L - 127) / 128 + 3; g2 = squared length of "
    "Sobel's gradient (weights 1 2 1); B = 0.117 * 16 * g2^1.2 / (g2 + 26^2); map = max(0, A + B - "
    "0.3 min(A, B)) / 255."
)


def describe_model(model: Model, info: ModelInfo, licence: str | None) -> dict[str, Any]:
    """Return the contract of a model that Edgeseal wrote, ready for JSON.

    Args:
        model: the file.
        info: what it says of itself.
        licence: of the weights; None if not known.
    """
    signature = next(one for one in model.signatures if one.key == "serving_default")
    record: dict[str, Any] = {
        "part": info.part,
        "card": info.card,
        "recipe": info.recipe,
        "bits": info.bits,
        "licence": licence,
        "checkpoint_sha256": info.checkpoint_sha256,
        "signature": signature.key,
        "inputs": {name: _describe_tensor(one) for name, one in signature.inputs.items()},
        "outputs": {name: _describe_tensor(one) for name, one in signature.outputs.items()},
        "picture": {
            "layout": info.layout,
            "channels": "RGB",
            "range": list(info.input_range),
            "from_pixels": "pixel / 255 (16 bits: / 65535), upright, transparency ignored",
            "resize": _RESIZE,
        },
        "message_order": "bit 0 is the most significant bit of the first hexadecimal digit",
    }
    if info.part == "detector":
        return record | {"read": _describe_reading(info.bits)}
    return record | {"mark": _describe_marking(info)}


def _describe_tensor(tensor: Tensor) -> dict[str, Any]:
    """Return a tensor's type; integers stand for ``scale * (integer - zero_point)``."""
    quantization = tensor.quantization if tensor.dtype != "FLOAT32" else None
    scale = None if quantization is None else float(quantization.scale[0])
    zero_point = None if quantization is None else int(quantization.zero_point[0])
    return {
        "type": tensor.dtype.lower(),
        "shape": list(tensor.shape),
        "scale": scale,
        "zero_point": zero_point,
    }


def _describe_reading(bits: int) -> dict[str, Any]:
    return {
        "first_bit": 1,
        "bit": "bit i is 1 where logits[first_bit + i] > 0; logits[0] means nothing",
        "thresholds": [
            {"false_positive_rate": rate, "matching_bits": matching}
            for rate in RATES
            if (matching := least_matching_bits(bits, rate)) <= bits
        ],
        "payload": describe_payload(bits),
    }


def describe_payload(bits: int) -> dict[str, Any] | None:
    """Return the code of messages of a length; None if they are too short to carry a payload."""
    try:
        code = payload_code(bits)
    except UsageError:  # too short to carry one
        return None
    return {
        "payload_bits": code.payload_bits,
        "crc_bits": code.crc_bits,
        "correctable_errors": code.correctable_errors,
        "false_positive_rate": code.false_positive_rate,
        "bch": {
            "field_polynomial": f"{code.code.field.polynomial:#x}",
            "generator_polynomial": f"{code.code.generator:#x}",
            "has_parity_bit": code.code.length == 1 << code.code.field.order,
        },
        "encode": "message = mask ^ offset ^ (xor of rows[i] for each payload bit i that is 1)",
        "mask": _hex(code.mask),
        "offset": _hex(code.offset),
        "rows": [_hex(row) for row in code.generator],
    }


def _hex(bits: np.ndarray[Any, np.dtype[np.uint8]]) -> str:
    return np.packbits(bits).tobytes().hex()


def _describe_marking(info: ModelInfo) -> dict[str, Any]:
    attenuation = find_attenuation(info.attenuation)
    return {
        "formula": _MARK,
        "scaling_i": info.scaling_i,
        "scaling_w": info.scaling_w,
        "attenuation": None if attenuation is None else describe_attenuation(attenuation),
        "frames_per_watermark": info.step_size,
        "payload": describe_payload(info.bits),
    }


def describe_attenuation(attenuation: Attenuation) -> dict[str, Any]:
    """Return a map that the watermark is multiplied with."""
    return {
        "name": attenuation.name,
        "in_channels": attenuation.in_channels,
        "out_channels": attenuation.out_channels,
        "blue": attenuation.blue,
        "formula": _MAP,
        "channels": (
            "in_channels 1: p is luma (0.299, 0.587, 0.114), else red, green and blue each; "
            "out_channels 1 of 3: their mean; blue: red and green are halved"
        ),
    }

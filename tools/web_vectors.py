"""Writes what Python computes for small inputs, for the tests of the module for browsers.

    python tools/web_vectors.py

Both sides test it: ``web/tests`` against the module, ``tests/web`` against this program, so that
neither can drift away from the other.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import UsageError
from edgeseal.pictures import resize
from edgeseal.pictures._read_image import read_picture
from edgeseal.watermark.pack._contract import describe_attenuation, describe_payload
from edgeseal.watermark.payload import Payload, payload_code
from edgeseal.watermark.runtime import ModelInfo, find_attenuation, log10_p_value
from edgeseal.watermark.runtime._blend import blend

VECTORS = Path(__file__).resolve().parents[1] / "web" / "tests" / "vectors.json"

_MAPS = ("jnd_1_1", "jnd_1_3", "jnd_1_3_blue", "jnd_3_1", "jnd_3_3")
_SIZES = (
    ((13, 17), (8, 8)),
    ((9, 30), (16, 16)),
    ((12, 12), (27, 17)),
    ((16, 16), (16, 16)),
    ((64, 3), (5, 11)),
)
_PAYLOADS = (
    Payload.from_text("hello"),
    Payload.from_text("A-7"),
    Payload.from_text("aB"),
    Payload.from_text("é"),
    Payload.from_id(0),
    Payload.from_id(123456),
    Payload.from_hex("00ff"),
    Payload.from_bits("0010"),
)


def all_vectors() -> dict[str, Any]:
    """Return inputs and what comes out, ready for JSON; the same at every call."""
    rng = np.random.default_rng(7)
    return {
        "resize": [_resized(rng, before, after) for before, after in _SIZES],
        "blend": [_blended(rng, None, channels) for channels in (1, 3)]
        + [_blended(rng, name, 1 + 2 * (i % 2)) for i, name in enumerate(_MAPS)],
        "payload": [_code(rng, bits) for bits in (48, 64, 96, 256)],
        "p_values": [
            {"matching": matching, "bits": bits, "log10": log10_p_value(matching, bits)}
            for matching, bits in ((96, 96), (48, 96), (0, 96), (70, 96), (1024, 1024), (600, 1024))
        ],
    }


def _resized(
    rng: np.random.Generator, before: tuple[int, int], after: tuple[int, int]
) -> dict[str, Any]:
    picture = rng.integers(0, 256, (*before, 3), dtype=np.uint8)
    plane = rng.normal(size=(*before, 2)).astype(np.float32)
    return {
        "picture": _bytes(picture),
        "resized_picture": _floats(resize(picture.astype(np.float32) / np.float32(255), *after)),
        "plane": _floats(plane),
        "resized_plane": _floats(resize(plane, *after)),
    }


def _blended(rng: np.random.Generator, name: str | None, channels: int) -> dict[str, Any]:
    """Mark a picture that is dark, bright, smooth and rough in places."""
    height, width = 66, 17  # more than one strip of the module
    slope = np.linspace(0, 255, width)[None, :, None] + rng.normal(size=(height, width, 3)) * 20
    pixels = np.clip(slope, 0, 255).astype(np.uint8)
    delta = rng.uniform(-1, 1, (16, 16, channels)).astype(np.float32)
    info = ModelInfo(
        card="tiny",
        part="embedder",
        recipe="float32",
        bits=24,
        image_size=16,
        scaling_w=0.2,
        scaling_i=0.98,
        attenuation=name,
        random_seed=0,
        tools={"edgeseal": "0"},
    )
    attenuation = find_attenuation(name)
    marked, error = blend(read_picture(pixels), delta, info, attenuation, dtype=np.dtype(np.uint8))
    return {
        "picture": _bytes(pixels),
        "delta": _floats(delta),
        "mark": {
            "scaling_i": info.scaling_i,
            "scaling_w": info.scaling_w,
            "attenuation": None if attenuation is None else describe_attenuation(attenuation),
            "payload": None,
        },
        "marked": _bytes(marked),
        "psnr_db": float(-10 * np.log10(error)),
    }


def _code(rng: np.random.Generator, bits: int) -> dict[str, Any]:
    code = payload_code(bits)
    payloads = [one for one in _PAYLOADS if _fits(one, bits)]
    return {
        "bits": bits,
        "contract": describe_payload(bits),
        "encoded": [
            {"payload": _payload(one), "message": _hex(code.encode(one))} for one in payloads
        ],
        "readings": [_reading(rng, bits, share) for share in (0.0, 0.04, 0.1, 0.17, 0.25, 0.5)],
    }


def _fits(payload: Payload, bits: int) -> bool:
    try:
        payload_code(bits).encode(payload)
    except UsageError:
        return False
    return True


def _reading(rng: np.random.Generator, bits: int, share: float) -> dict[str, Any]:
    """Read a message of which a share of the bits is wrong, most of them unsure."""
    code = payload_code(bits)
    message = np.array(code.encode(Payload.from_id(int(rng.integers(100)))))
    wrong = rng.random(bits) < share
    sure = np.where(wrong, rng.uniform(0, 1.5, bits), rng.uniform(0, 3, bits))
    logits = (np.where(message.astype(bool) ^ wrong, 1, -1) * sure).astype(np.float32)
    found = code.read(logits)
    return {
        "logits": _floats(logits),
        "status": found.status.value,
        "payload": None if found.payload is None else _payload(found.payload),
        "corrected_errors": found.corrected_errors,
        "correctable_errors": found.correctable_errors,
        "log10_p_value": found.log10_p_value,
    }


def _payload(payload: Payload) -> dict[str, str]:
    return {"kind": payload.kind.value, "value": str(payload.value)}


def _hex(bits: tuple[int, ...]) -> str:
    return np.packbits(bits).tobytes().hex()[: -(-len(bits) // 4)]


def _bytes(pixels: NDArray[np.uint8]) -> dict[str, Any]:
    return {"shape": list(pixels.shape), "bytes": base64.b64encode(pixels.tobytes()).decode()}


def _floats(values: NDArray[np.float32]) -> dict[str, Any]:
    plain = np.ascontiguousarray(values, "<f4").tobytes()
    return {"shape": list(values.shape), "floats": base64.b64encode(plain).decode()}


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(all_vectors(), indent=1) + "\n")
    print(VECTORS)

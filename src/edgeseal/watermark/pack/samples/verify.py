"""Reproduces every golden vector of this pack with LiteRT, numpy and Pillow alone.

    pip install ai-edge-litert numpy Pillow
    python verify.py

It reads contract.json and nothing else, so it is also the shortest complete program that embeds
and detects. Exit status 0 if every vector comes out within the tolerances, else 1.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

HERE = Path(__file__).resolve().parent


def resize(picture, rows, columns):
    """Triangle filter, antialiased: float32 [H, W, C] to float32 [rows, columns, C]."""
    for axis, count in ((0, rows), (1, columns)):
        picture = np.moveaxis(resize_first(np.moveaxis(picture, axis, 0), count), 0, axis)
    return picture


def resize_first(values, count):
    step = len(values) / count
    reach = max(step, 1.0)
    places = (np.arange(count) + 0.5) * step
    distances = np.abs(np.arange(len(values)) + 0.5 - places[:, None])
    weights = np.maximum(0.0, 1.0 - distances / reach)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.einsum("ij,j...->i...", weights, values).astype(np.float32)


def bits_of(text, count):
    """Bit 0 is the most significant bit of the first hexadecimal digit."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(text + "0" * (len(text) % 2)), np.uint8))[
        :count
    ]


class Model:
    """A model of the pack; takes and gives float32, whatever the file stores."""

    def __init__(self, contract):
        self.contract = contract
        interpreter = Interpreter(model_path=str(HERE / contract["file"]))
        self.run_signature = interpreter.get_signature_runner(contract["signature"])

    def run(self, **inputs):
        given = {name: stored(x, self.contract["inputs"][name]) for name, x in inputs.items()}
        found = self.run_signature(**given)
        return {name: real(x, self.contract["outputs"][name]) for name, x in found.items()}

    @property
    def side(self):
        return self.contract["inputs"]["image"]["shape"][1]


def stored(values, tensor):
    if tensor["scale"] is None:
        return values.astype(np.float32)
    limits = np.iinfo(tensor["type"])
    integers = np.rint(values / np.float32(tensor["scale"])) + tensor["zero_point"]
    return integers.clip(limits.min, limits.max).astype(tensor["type"])


def real(values, tensor):
    if tensor["scale"] is None:
        return values
    return (values.astype(np.float32) - tensor["zero_point"]) * np.float32(tensor["scale"])


def visibility(plane):
    """The contract's map of one plane, float32 [H, W] on the scale 0..255."""
    p = np.pad(plane.astype(np.float32), 2)
    rows, columns = plane.shape

    def at(dy, dx):
        return p[2 + dy : 2 + dy + rows, 2 + dx : 2 + dx + columns]

    around = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)]
    weigh = {
        (dy, dx): 2 if max(abs(dy), abs(dx)) == 1 else 1 for dy, dx in around if (dy, dx) != (0, 0)
    }
    mean = sum(weight * at(*place) for place, weight in weigh.items()) / np.float32(32)
    dark = 17 * (1 - np.sqrt(np.minimum(mean, 127) / 127 + 1e-5))
    luminance = np.where(mean <= 127, dark, 3 * (mean - 127) / 128 + 3)
    smooth = ((-1, 1), (0, 2), (1, 1))
    across = sum(w * (at(d, 1) - at(d, -1)) for d, w in smooth)
    along = sum(w * (at(1, d) - at(-1, d)) for d, w in smooth)
    squared = np.square(across) + np.square(along)
    contrast = 0.117 * 16 * np.power(squared, 1.2) / (squared + 26**2)
    both = luminance + contrast - 0.3 * np.minimum(luminance, contrast)
    return np.maximum(both, 0).astype(np.float32) / 255


def attenuation(picture, contract):
    """float32 [H, W, 1 or 3]; 1 where there is no map."""
    if contract is None:
        return np.float32(1)
    planes = [255 * picture[..., c] for c in range(3)]
    if contract["in_channels"] == 1:
        planes = [0.299 * planes[0] + 0.587 * planes[1] + 0.114 * planes[2]]
    maps = [visibility(plane) for plane in planes]
    if contract["in_channels"] == 3 and contract["out_channels"] == 1:
        maps = [sum(maps) / 3]
    if contract["blue"]:
        maps = [maps[0] * factor for factor in (0.5, 0.5, 1.0)]
    return np.stack(maps, axis=2)


def mark(picture, delta, contract):
    """uint8 [H, W, 3] from float32 [H, W, 3] in 0..1 and the model's delta."""
    watermark = attenuation(picture, contract["attenuation"]) * resize(delta, *picture.shape[:2])
    marked = contract["scaling_i"] * picture + contract["scaling_w"] * watermark
    return np.rint(255 * marked.clip(0, 1)).astype(np.uint8)


def relative_squared_error(found, expected):
    return np.square(found - expected).sum(dtype=np.float64) / np.square(expected).sum(
        dtype=np.float64
    )


def problems_of(model, vector, tolerances):
    folder = HERE / vector["folder"]

    def load(name):
        plain = np.fromfile(folder / vector[name]["f32"], "<f4").reshape(vector[name]["shape"])
        assert np.array_equal(plain, np.load(folder / vector[name]["npy"])), (
            f"{name}: .npy and .f32 differ"
        )
        return plain

    picture = np.asarray(Image.open(folder / vector["picture"]).convert("RGB"), np.float32) / 255
    given = resize(picture, model.side, model.side)
    if np.abs(given - load("input")).max() > tolerances["input"]:
        yield "input: another resize"
    message = bits_of(vector["message"], model.contract["bits"])
    if model.contract["part"] == "detector":
        logits = model.run(image=given[None])["logits"][0, model.contract["read"]["first_bit"] :]
        expected = load("bit_logits")
        if relative_squared_error(logits, expected) > tolerances["relative_squared_error"]:
            yield "bit_logits: too far off"
        sure = np.abs(expected) > tolerances["sure_logit"] * np.abs(expected).max()
        if ((logits > 0) != message)[sure].any():
            yield "message: another one"
        return
    delta = model.run(image=given[None], message=message[None].astype(np.float32))["delta"][0]
    if relative_squared_error(delta, load("delta")) > tolerances["relative_squared_error"]:
        yield "delta: too far off"
    marked = mark(picture, load("delta"), model.contract["mark"])
    expected = np.asarray(Image.open(folder / vector["marked"]).convert("RGB"), np.int16)
    if np.abs(marked - expected).max() > tolerances["pixel"]:
        yield "marked: another picture"


def main():
    contract = json.loads((HERE / "contract.json").read_text())
    failed = 0
    for record in contract["models"]:
        checksum = hashlib.sha256((HERE / record["file"]).read_bytes()).hexdigest()
        problems = [] if checksum == record["sha256"] else ["the file is another one"]
        model = Model(record)
        for vector in record["vectors"]:
            found = [
                f"{vector['picture']}: {p}"
                for p in problems_of(model, vector, contract["tolerances"])
            ]
            problems += found
        print(record["file"], f"{len(record['vectors'])} vectors:", "; ".join(problems) or "good")
        failed += bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

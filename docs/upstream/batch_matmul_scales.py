"""LiteRT: an all-INT8 BATCH_MATMUL uses the first scale of a constant for all its channels."""

import numpy as np
from _graphs import constant, interpreter, per_tensor, run

from edgeseal.tflite.graph import Tensor, new_operator


def main() -> None:
    """Print the relative error by channel, with one scale and with a scale per channel."""
    rng = np.random.default_rng(0)
    x = rng.integers(-127, 128, (2, 16, 32)).astype(np.int8)
    weights = (rng.normal(size=(2, 32, 4)) * [1, 2, 4, 8]).astype(np.float32)
    for name, largest in (
        ("one scale", np.abs(weights).max()),
        ("scale per channel", np.abs(weights).max(axis=(0, 1))),
    ):
        scale = largest / 127
        stored = np.rint(weights / scale).astype(np.int8)
        expected = (x * 0.01) @ (stored * scale)
        step = float(np.abs(expected).max() / 127)
        source = Tensor("x", x.shape, "INT8", quantization=per_tensor(0.01))
        result = Tensor("y", expected.shape, "INT8", quantization=per_tensor(step))
        w = constant("w", stored, scale, axis=2)
        product = new_operator("BATCH_MATMUL", [source, w], [result], adjX=False, adjY=False)
        for delegate in (True, False):
            y = run(interpreter(source, result, product, delegate=delegate), x) * step
            error = np.linalg.norm(y - expected, axis=(0, 1)) / np.linalg.norm(
                expected, axis=(0, 1)
            )
            kernels = "default delegate" if delegate else "built-in kernel"
            print(f"{name:17}, {kernels:16}: {np.round(error, 2)}")


if __name__ == "__main__":
    main()

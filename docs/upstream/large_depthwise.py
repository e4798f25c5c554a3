"""XNNPACK: a FLOAT32 depthwise convolution of more than 25 taps is many times slower than parts."""

import numpy as np
from _graphs import best_ms, constant, interpreter

from edgeseal.tflite.graph import Tensor, new_operator

OPTIONS = {
    "padding": 0,
    "strideH": 1,
    "strideW": 1,
    "dilationHFactor": 1,
    "dilationWFactor": 1,
    "depthMultiplier": 1,
    "fusedActivationFunction": 0,
}


def main() -> None:
    """Print the time of 5 x 5, 7 x 7 and so on, for a map of 32 x 32 x 192."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 32, 32, 192)).astype(np.float32)
    for side in (3, 5, 7, 9):
        source, result = Tensor("x", x.shape, "FLOAT32"), Tensor("y", x.shape, "FLOAT32")
        weights = rng.normal(size=(1, side, side, 192)).astype(np.float32)
        operands = [source, constant("w", weights), constant("b", np.zeros(192, np.float32))]
        made = interpreter(
            source, result, new_operator("DEPTHWISE_CONV_2D", operands, [result], **OPTIONS)
        )
        taps, time_ms = side * side, best_ms(made)
        print(f"{side} x {side}: {time_ms:.2f} ms, {1e6 * time_ms / (taps * x.size):.3f} ns a tap")


if __name__ == "__main__":
    main()

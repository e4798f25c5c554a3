"""LiteRT: the GPU accelerator takes no DEQUANTIZE with a scale per channel, for its version."""

import numpy as np
from _graphs import constant, on_device

from edgeseal.errors import ModelError
from edgeseal.tflite.graph import Tensor, new_arithmetic, new_dequantize


def main() -> None:
    """Print whether a table that is unpacked and added is taken, by its number of scales."""
    steps = np.arange(-64, 64, dtype=np.int8).reshape(1, 4, 4, 8)
    for text, scale in (("one scale", 0.1), ("scale per channel", np.full(8, 0.1))):
        table = constant("table", steps, scale, axis=3)
        x, wide, y = (Tensor(name, steps.shape, "FLOAT32") for name in ("x", "wide", "y"))
        operators = new_dequantize(table, wide), new_arithmetic("ADD", x, wide, y)
        try:
            on_device("gpu", *operators, np.zeros(steps.shape, np.float32))
            print(f"{text:17}: taken")
        except ModelError as error:
            print(f"{text:17}: {str(error).partition(' gpu: ')[2].partition(';')[0]}")


if __name__ == "__main__":
    main()

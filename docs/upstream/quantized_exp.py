"""LiteRT: Qualcomm's compiler refuses an INT8 EXP, and takes ELU."""

import numpy as np
from _graphs import constant, on_device, per_tensor

from edgeseal.errors import ModelError
from edgeseal.tflite.graph import Tensor, new_arithmetic, new_operator


def main() -> None:
    """Print what becomes of exp(x) and of ELU(x) + 1, the same for x <= 0."""
    x = Tensor("x", (1, 8), "INT8", quantization=per_tensor(0.04, 127))
    y = Tensor("y", (1, 8), "INT8", quantization=per_tensor(1 / 255, -128))
    lowered = Tensor("lowered", (1, 8), "INT8", quantization=per_tensor(1 / 255, 127))
    one = constant("one", np.full((1, 1), 127, np.int8), 1 / 127)
    elu = new_operator("ELU", [x], [lowered]), new_arithmetic("ADD", lowered, one, y)
    values = np.arange(-120, 120, 30, dtype=np.int8).reshape(1, 8)
    for text, operators in (("EXP", [new_operator("EXP", [x], [y])]), ("ELU + 1", elu)):
        try:
            [result] = on_device("qualcomm", *operators, values)
            expected = np.exp(0.04 * (values.astype(float) - 127))
            off = np.abs((result.astype(float) + 128) / 255 - expected).max()
            print(f"{text:7}: taken, off by at most a step: {off < 1.5 / 255}")
        except ModelError as error:
            print(
                f"{text:7}: refused: {str(error).partition('qualcomm:SM8650: ')[2].split(';')[0]}"
            )


if __name__ == "__main__":
    main()

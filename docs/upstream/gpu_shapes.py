"""LiteRT: the GPU accelerator takes operators of some shapes whole, and computes something else."""

import numpy as np
from _graphs import constant, on_device

from edgeseal.tflite.graph import Tensor, new_arithmetic, new_matmul


def main() -> None:
    """Print which cases are right, against NumPy."""
    rng = np.random.default_rng(0)
    x, table, weights = (
        rng.normal(size=shape).astype(np.float32) for shape in ((16, 8), (16, 8), (24, 8))
    )
    for shape in ((16, 8), (1, 1, 16, 8)):
        left, y = (Tensor(name, shape, "FLOAT32") for name in "xy")
        add = new_arithmetic("ADD", left, constant("table", table.reshape(shape)), y)
        show(f"ADD of a constant, rank {len(shape)}", add, [x.reshape(shape)], x + table)
    left, y = Tensor("x", (16, 8), "FLOAT32"), Tensor("y", (16, 24), "FLOAT32")
    for turned in (False, True):
        right = constant("w", weights if turned else np.ascontiguousarray(weights.T))
        product = new_matmul(left, right, y, adj_y=turned)
        show(f"BATCH_MATMUL by a constant, adj_y {turned}", product, [x], x @ weights.T)
    many = rng.normal(size=(1, 4, 16, 8)).astype(np.float32)
    for batch in (4, 1):
        one = rng.normal(size=(1, batch, 8, 24)).astype(np.float32)
        left, right = (Tensor(n, v.shape, "FLOAT32") for n, v in (("x", many), ("w", one)))
        product = new_matmul(left, right, Tensor("y", (1, 4, 16, 24), "FLOAT32"))
        show(f"BATCH_MATMUL of 4 matrices by {batch}", product, [many, one], many @ one)


def show(text: str, operator, inputs: list[np.ndarray], expected: np.ndarray) -> None:
    """Run a model of one operator on the GPU and print whether its result is as expected."""
    [result] = on_device("gpu", operator, *inputs)
    right = np.allclose(result.reshape(expected.shape), expected, atol=1e-4)
    print(f"{text:39}: {'right' if right else 'wrong'}")


if __name__ == "__main__":
    main()

"""LiteRT: XNNPACK's delegate leaves an INT8 BATCH_MATMUL with a right zero point alone."""

from _graphs import best_ms, interpreter, per_tensor

from edgeseal.tflite.graph import Tensor, new_operator


def main() -> None:
    """Print who runs the product of two computed operands, and its time, by their zero points."""
    for left, right in ((0, 0), (7, 0), (0, 7)):
        x = Tensor("x", (24, 256, 64), "INT8", quantization=per_tensor(0.01, left))
        w = Tensor("w", (24, 64, 256), "INT8", quantization=per_tensor(0.01, right))
        y = Tensor("y", (24, 256, 256), "INT8", quantization=per_tensor(0.05))
        made = interpreter(x, y, new_operator("BATCH_MATMUL", [x, w], [y], adjX=False, adjY=False))
        kinds = {details["op_name"] for details in made._get_ops_details()}
        who = "delegate" if "DELEGATE" in kinds else "built-in kernel"
        print(f"zero points {left}, {right}: {who:15}, {best_ms(made):.2f} ms")


if __name__ == "__main__":
    main()

"""litert-torch: torch.eye becomes STABLEHLO_IOTA, which the runtime has no kernel for."""

import os
import tempfile

import litert_torch
import torch
from ai_edge_litert.interpreter import Interpreter


class Centre(torch.nn.Module):
    """Multiply by a matrix that is made from an identity."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x @ eye."""
        return x @ torch.eye(4)


def main() -> None:
    """Print what LiteRT says to the converted model."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.tflite")  # noqa: PTH118
        litert_torch.convert(Centre().eval(), (torch.rand(2, 4),)).export(path)
        try:
            Interpreter(path).allocate_tensors()
            print("runs")
        except (RuntimeError, ValueError) as error:
            print(error)


if __name__ == "__main__":
    main()

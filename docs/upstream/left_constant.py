"""ai-edge-quantizer: constants on the left of BATCH_MATMUL become INT8, which no kernel takes."""

import os
import tempfile

import litert_torch
import torch
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe


class Positions(torch.nn.Module):
    """Relative positions of attention, as SAM computes them."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Parameter(torch.rand(8, 8, 64))

    def forward(self, q: torch.Tensor) -> torch.Tensor:
        """Return the products of queries [B, h, w, c] and a table [h, k, c]."""
        return torch.einsum("bhwc,hkc->bhwk", q, self.table)


def main() -> None:
    """Print what LiteRT says before and after dynamic-range quantization."""
    with tempfile.TemporaryDirectory() as folder:
        path, small = (os.path.join(folder, name) for name in ("float.tflite", "int8.tflite"))  # noqa: PTH118
        litert_torch.convert(Positions().eval(), (torch.rand(6, 8, 8, 64),)).export(path)
        job = quantizer.Quantizer(path, recipe.dynamic_wi8_afp32())
        job.quantize().export_model(small)
        for name in (path, small):
            try:
                Interpreter(name).allocate_tensors()
                print(os.path.basename(name), "prepares")  # noqa: PTH119
            except RuntimeError as error:
                print(os.path.basename(name), error)  # noqa: PTH119


if __name__ == "__main__":
    main()

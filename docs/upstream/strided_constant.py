"""litert-torch: two constants that are not contiguous get the values of one of them, in silence."""

import tempfile
from pathlib import Path

import litert_torch
import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter

COUNT = 16


class Products(torch.nn.Module):
    """Multiply by several constants of one shape."""

    def __init__(self, tables: list[torch.Tensor]) -> None:
        super().__init__()
        self.count = len(tables)
        for index, table in enumerate(tables):
            self.register_buffer(f"table{index}", table)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x @ table for every table, side by side."""
        return torch.cat([x @ getattr(self, f"table{i}") for i in range(self.count)], dim=-1)


def main() -> None:
    """Print how many tables LiteRT has right, for the same values stored in two ways."""
    torch.manual_seed(0)
    x, strided = torch.rand(4, 8), [torch.rand(6, 8).T for _ in range(COUNT)]
    for name, tables in (
        ("contiguous", [table.contiguous() for table in strided]),
        ("strided", strided),
    ):
        model = Products(tables).eval()
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "model.tflite")
            litert_torch.convert(model, (x,)).export(path)
            [result] = Interpreter(path).get_signature_runner()(args_0=x.numpy()).values()
        error = np.abs(result - model(x).numpy()).reshape(4, COUNT, 6).max(axis=(0, 2))
        print(f"{name:10}: {(error < 1e-5).sum()} of {COUNT} tables have their own values")


if __name__ == "__main__":
    main()

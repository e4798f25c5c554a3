"""Running in double leaves no trace, and needs little memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from conversions import loaded_part
from edgeseal.watermark.cards import Part
from edgeseal.watermark.convert import exportable
from edgeseal.watermark.convert._double import results_in_double
from narrow import narrow_card


class Nested(nn.Module):
    """Has tensors of its own beside those of a submodule, and fails on request."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.1))
        self.register_buffer("shift", torch.tensor(0.7))
        self.register_buffer("count", torch.tensor(3))
        self.linear = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor, fails: torch.Tensor) -> torch.Tensor:
        if fails.item():
            raise RuntimeError("as asked")
        result: torch.Tensor = self.linear(x * self.scale + self.shift) * self.count
        return result


def test_module_is_as_before_when_run_in_double() -> None:
    module = Nested()
    before = {name: (id(t), t.data_ptr()) for name, t in module.state_dict(keep_vars=True).items()}
    picture, no = torch.rand(1, 3), torch.zeros(())
    (found,) = results_in_double(module, [(picture, no)])
    with pytest.raises(RuntimeError, match="as asked"):
        results_in_double(module, [(picture, torch.ones(()))])
    after = {name: (id(t), t.data_ptr()) for name, t in module.state_dict(keep_vars=True).items()}
    assert after == before
    assert {t.dtype for t in module.parameters()} == {torch.float32}
    with torch.no_grad():
        expected = module.double()(picture.double(), no).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_memory_is_that_of_one_submodule_when_run_in_double() -> None:
    widened = []
    linears = nn.Sequential(*(nn.Linear(4, 4) for _ in range(3)))
    for linear in linears:
        linear.register_forward_pre_hook(
            lambda *_: widened.append(sum(p.dtype == torch.float64 for p in linears.parameters()))
        )
    results_in_double(linears, [(torch.rand(1, 4),)])
    assert widened == [0, 0, 0]  # asked before each is widened: nothing else is


def test_exported_chain_shares_the_weights_when_made() -> None:
    loaded = loaded_part(Part.DETECTOR, card=narrow_card("chunkyseal"))
    own = {tensor.data_ptr() for tensor in loaded.module.parameters()}
    chain = exportable(loaded.module, loaded.card.image_size)
    shared = [name for name, tensor in chain.named_parameters() if tensor.data_ptr() in own]
    assert sum("lin2.weight" in name for name in shared) == 4

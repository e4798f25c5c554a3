"""Runs modules in double precision with little more memory than they have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

__all__ = ["results_in_double"]


def results_in_double(
    module: nn.Module, samples: Sequence[tuple[Tensor, ...]]
) -> list[NDArray[np.float64]]:
    """Return a module's results in double precision.

    In single precision, rounding differs as much between two forms of a deep network as a small
    mistake would make them differ.

    Args:
        module: float32; the same afterwards.
        samples: arguments, one tuple for each result.
    """
    with torch.no_grad(), _in_double(module):
        return [module(*(value.double() for value in sample)).numpy() for sample in samples]


@contextmanager
def _in_double(module: nn.Module) -> Iterator[None]:
    """Let each submodule have its own tensors in double precision while it runs, and no longer."""
    with ExitStack() as hooks:
        for part in module.modules():
            own = [*part.parameters(recurse=False), *part.buffers(recurse=False)]
            floats = [tensor for tensor in own if tensor.is_floating_point()]
            if floats:
                widening = _Widening(floats)
                for hook in (
                    part.register_forward_pre_hook(widening.widen),
                    part.register_forward_hook(widening.restore, always_call=True),
                ):
                    hooks.callback(hook.remove)
        yield


class _Widening:
    def __init__(self, tensors: list[Tensor]) -> None:
        self._tensors = tensors
        self._originals: list[Tensor] = []

    def widen(self, *_: Any) -> None:
        self._originals = [tensor.data for tensor in self._tensors]
        for tensor in self._tensors:
            # strides as usual, whatever the weights have: they decide which convolution is taken
            tensor.data = tensor.data.to(torch.float64, memory_format=torch.contiguous_format)

    def restore(self, *_: Any) -> None:
        for tensor, original in zip(self._tensors, self._originals, strict=True):
            tensor.data = original
        self._originals = []

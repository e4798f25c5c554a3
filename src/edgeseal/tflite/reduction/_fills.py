"""Input values that one expression describes, so that a script needs no more files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeseal.tflite.graph import Model, Tensor
from edgeseal.tflite.probe import numpy_type

__all__ = ["FILLS", "Fill"]

_Values = Callable[[Tensor, tuple[int, ...], np.random.Generator], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Fill:
    """A way to fill every input of a model.

    Attributes:
        expression: Python, of an input's details ``d`` as LiteRT gives them and of ``rng``, which
            is ``np.random.default_rng(0)``.
    """

    expression: str
    _values: _Values

    @property
    def is_drawn(self) -> bool:
        """Whether the expression needs ``rng``."""
        return "rng." in self.expression

    def inputs(self, model: Model) -> dict[str, NDArray[Any]] | None:
        """Return an array for each input of the main subgraph, by name.

        None where an input is of a type that arrays cannot hold, or text.
        """
        generator = np.random.default_rng(0)
        arrays = {}
        for tensor in model.main.inputs:
            kind = numpy_type(tensor)
            if kind is None or kind is np.object_:
                return None
            shape = tuple(abs(size) for size in tensor.shape)  # a free size (-1) counts as 1
            arrays[tensor.name] = self._values(tensor, shape, generator).astype(kind)
        return arrays


def _zero_point(tensor: Tensor, shape: tuple[int, ...], _: np.random.Generator) -> NDArray[Any]:
    # as LiteRT puts it into the details: 0 where there is not exactly one
    known = [] if tensor.quantization is None else tensor.quantization.zero_point.tolist()
    return np.full(shape, known[0] if len(known) == 1 else 0)


FILLS = (
    Fill('np.zeros(d["shape"], d["dtype"])', lambda _t, shape, _r: np.zeros(shape)),
    Fill('np.ones(d["shape"], d["dtype"])', lambda _t, shape, _r: np.ones(shape)),
    Fill(
        'np.full(d["shape"], -1).astype(d["dtype"])',
        lambda _t, shape, _r: np.full(shape, -1),
    ),
    Fill('np.full(d["shape"], d["quantization"][1], d["dtype"])', _zero_point),
    Fill(
        'rng.random(d["shape"]).astype(d["dtype"])',
        lambda _t, shape, generator: generator.random(shape),
    ),
    Fill(
        'rng.integers(0, 100, d["shape"]).astype(d["dtype"])',
        lambda _t, shape, generator: generator.integers(0, 100, shape),
    ),
)
"""The simplest first."""

"""The operators of a norm over the rows of a matrix."""

from __future__ import annotations

import math

import numpy as np

from edgeseal.tflite.graph import (
    Operator,
    Tensor,
    float32_constant,
    int32_constant,
    new_arithmetic,
    new_matmul,
    new_operator,
    new_reduction,
    new_reshape,
)

__all__ = ["Rows"]

_GROUP = 16  # rows whose products with each other are one matrix
_LEAST_GROUP = 4  # fewer have matrices that take longer than INT16 arithmetic


class Rows:
    """A norm over the last axis of a tensor, as operators on a matrix [rows, channels].

    Attributes:
        operators: that were made so far, in execution order.
        rows: the matrix.
        narrow: operators that INT8 is enough for.
        spans: tensors whose values that count are those of another.
    """

    def __init__(self, name: str, source: Tensor, epsilon: float) -> None:
        self.operators: list[Operator] = []
        self.narrow: set[Operator] = set()
        self.spans: dict[Tensor, Tensor] = {}
        self.channels = source.shape[-1]
        self._count = math.prod(source.shape[:-1])
        self._epsilon = epsilon
        self._name = name
        self._centred: Tensor | None = None
        self._total: Tensor | None = None
        self.rows = source if source.rank == 2 else self._reshaped(source, self._shape)

    @property
    def can_be_grouped(self) -> bool:
        """Whether there are groups of rows worth a matrix."""
        return self._group >= _LEAST_GROUP

    @property
    def _group(self) -> int:
        return math.gcd(self._count, _GROUP)

    @property
    def _shape(self) -> tuple[int, int]:
        return self._count, self.channels

    @property
    def _column(self) -> tuple[int, int]:
        return self._count, 1

    def centred(self) -> Tensor:
        """Return the rows without their means."""
        if self._centred is None:
            factor = self._scalar(1 / self.channels)
            mean = self._op("MUL", self._sum_of_rows(), factor, self._column)
            self._centred = self._op("SUB", self.rows, mean, self._shape)
        return self._centred

    def deviation_of_sums(self) -> Tensor:
        """Return 1 / sqrt(var + eps), float32 [rows, 1], from sums of x and x^2."""
        column = self._column
        squares = self._op("MUL", self.rows, self.rows, self._shape)
        total, power = self._sum_of_rows(), self._sum(squares)
        share = self._op("MUL", total, self._scalar(1 / math.sqrt(self.channels)), column)
        return self._root(self._op("SUB", power, self._op("MUL", share, share, column), column))

    def deviation_of_groups(self, is_centred: bool) -> Tensor:
        """Return the same from the products of neighbouring rows with each other.

        A product of integer matrices rounds once per sum of squares, not once per square.

        Args:
            is_centred: whether all rows have means of 0.
        """
        start = len(self.operators)
        values = self.rows if is_centred else self.centred()
        group, sets = self._group, self._count // self._group
        split = self._reshaped(values, (sets, group, self.channels))
        products = self._tensor((sets, group, group))
        self.operators.append(new_matmul(split, split, products, adj_y=True))
        one = float32_constant(f"{self._name}/diagonal", np.eye(group, dtype=np.float32)[None])
        diagonal = self._op("MUL", products, one, products.shape)
        self.spans[products] = diagonal  # of the others no more is needed than that they fit
        power = self._reshaped(self._sum(diagonal), self._column)
        self.narrow.update(self.operators[start:])
        return self._root(power)

    def product(self, values: Tensor, deviation: Tensor, result: Tensor) -> None:
        """Multiply rows by what :meth:`deviation_of_sums` gives, into a tensor of any rank."""
        target = result if result.rank == 2 else self._tensor(self._shape)
        self.operators.append(new_arithmetic("MUL", values, deviation, target))
        if self.narrow:
            self.narrow.add(self.operators[-1])
        if target is not result:
            self.operators.append(new_reshape(target, result, shape=_numbers(result.shape)))

    def _root(self, power: Tensor) -> Tensor:
        """Return sqrt(channels / (power + channels eps))."""
        column = self._column
        safe = self._op("ADD", power, self._scalar(self.channels * self._epsilon), column)
        root = self._tensor(column)
        self.operators.append(new_operator("RSQRT", [safe], [root]))
        return self._op("MUL", root, self._scalar(math.sqrt(self.channels)), column)

    def _op(self, kind: str, first: Tensor, second: Tensor, shape: tuple[int, ...]) -> Tensor:
        result = self._tensor(shape)
        self.operators.append(new_arithmetic(kind, first, second, result))
        return result

    def _reshaped(self, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
        result = self._tensor(shape)
        self.operators.append(new_reshape(tensor, result, shape=_numbers(shape)))
        return result

    def _sum_of_rows(self) -> Tensor:
        if self._total is None:
            self._total = self._sum(self.rows)
        return self._total

    def _sum(self, tensor: Tensor) -> Tensor:
        result = self._tensor((*tensor.shape[:-1], 1))
        axes = _numbers((tensor.rank - 1,))
        self.operators.append(new_reduction("SUM", tensor, axes, result, keep_dims=True))
        return result

    def _tensor(self, shape: tuple[int, ...]) -> Tensor:
        return Tensor(f"{self._name}/norm_{len(self.operators)}", shape, "FLOAT32")

    def _scalar(self, value: float) -> Tensor:
        return float32_constant(f"{self._name}/{value:.6g}", np.array([[value]], np.float32))


def _numbers(values: tuple[int, ...]) -> Tensor:
    return int32_constant("numbers", values)

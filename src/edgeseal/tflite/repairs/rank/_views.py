"""Tensors under other shapes, while the operators of a subgraph are written anew."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

from edgeseal.tflite.graph import (
    Operator,
    Quantization,
    Tensor,
    int32_constant,
    new_operator,
    new_reshape,
    new_transpose,
)
from edgeseal.tflite.repairs.rank._axes import MAX_RANK, Shape, permute_steps

__all__ = ["UnlowerableError", "Views"]


class UnlowerableError(Exception):
    """An operator cannot be written in few axes; the message says why, to follow its kind."""


class Views:
    """The operators of a subgraph being written, and the values that they make.

    A tensor of high rank need not exist: a tensor of low rank with the same values in the same
    order stands for it, and whoever reads it names the shape to read it in.

    Attributes:
        operators: what was written so far.
    """

    def __init__(self, kept: Sequence[Tensor] = ()) -> None:
        """Start without operators.

        Args:
            kept: tensors that have to exist, whatever their rank.
        """
        self.operators: list[Operator] = []
        self._kept = {id(tensor) for tensor in kept}
        self._stand_ins: dict[int, Tensor] = {}  # by the identity of the tensor they stand for
        self._views: dict[tuple[int, Shape], Tensor] = {}
        self._shapes: dict[Shape, Tensor] = {}  # as operands

    def current(self, tensor: Tensor) -> Tensor:
        """Return what stands for a tensor, in whatever shape, or the tensor itself."""
        return self._stand_ins.get(id(tensor), tensor)

    def read(self, tensor: Tensor, shape: Sequence[int]) -> Tensor:
        """Return the values of ``tensor`` in ``shape``, reshaped if need be.

        Raises:
            UnlowerableError: its data or quantization does not fit another shape.
        """
        shape = tuple(shape)
        source = self.current(tensor)
        if source.shape == shape:
            return source
        key = (id(source), shape)
        if key not in self._views:
            view = _in_shape(source, shape)
            if not source.is_constant:
                self._add_reshape(source, view)
            self._views[key] = view
            self._views[id(view), source.shape] = source
        return self._views[key]

    def write(self, tensor: Tensor, values: Tensor) -> None:
        """Let ``tensor`` have what the last operator made; ``values`` may have another shape."""
        if id(tensor) in self._kept and values.shape == tensor.shape:
            outputs = self.operators[-1].outputs
            outputs[outputs.index(values)] = tensor
            return
        values.name = tensor.name
        self.alias(tensor, values)

    def alias(self, tensor: Tensor, source: Tensor) -> None:
        """Let ``tensor`` have the values of ``source``, which may have another shape."""
        source = self.current(source)
        is_free = tensor.rank > MAX_RANK or source.shape == tensor.shape
        if is_free and id(tensor) not in self._kept:
            self._stand_ins[id(tensor)] = source
        else:
            self._add_reshape(source, tensor)
            self._views[id(source), tensor.shape] = tensor

    def emit(
        self,
        like: Operator,
        inputs: Sequence[Tensor | None],
        outputs: Sequence[tuple[Tensor, Sequence[int]]],
        **options: Any,
    ) -> list[Tensor]:
        """Write an operator.

        Args:
            like: gives everything but inputs, outputs and ``options``.
            inputs: operands.
            outputs: for each result, a tensor that is like it, and its shape.
            options: fields of the schema's option table that differ.

        Returns:
            The results: new tensors.
        """
        results = [_in_shape(tensor, tuple(shape)) for tensor, shape in outputs]
        table = _with_fields(like, options)
        self.operators.append(
            dataclasses.replace(like, inputs=list(inputs), outputs=list(results), options=table)
        )
        return results

    def permute(self, tensor: Tensor, shape: Sequence[int], order: Sequence[int]) -> Tensor:
        """Return the values of ``tensor``, seen in ``shape``, with its axes in another order.

        The result has these values in that order, but a shape of few axes.

        Args:
            tensor: the values.
            shape: to see them in, of any rank.
            order: for each axis of the result, that of ``shape``.
        """
        values = self.current(tensor)
        for step in permute_steps(tuple(shape), order):
            values = self.read(values, step.shape)
            target = _in_shape(values, tuple(step.shape[axis] for axis in step.order))
            self.operators.append(new_transpose(values, step.order, target))
            values = target
        return values

    def _add_reshape(self, source: Tensor, target: Tensor) -> None:
        sizes = target.shape
        if max(sizes, default=0) >= 2**31:
            raise UnlowerableError(f"uses {target.name}, which is too large")
        if sizes not in self._shapes:
            self._shapes[sizes] = int32_constant(f"shape/{_joined(sizes)}", sizes)
        self.operators.append(new_reshape(source, target, shape=self._shapes[sizes]))


def _joined(shape: Shape) -> str:
    return "x".join(map(str, shape))


def _with_fields(like: Operator, fields: dict[str, Any]) -> Any:
    if not fields:
        return like.options
    changed = copy.copy(like.options)
    if changed is None:  # all defaults; any field makes new_operator write them out
        changed = new_operator(like.kind, [], [], **fields).options
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _in_shape(tensor: Tensor, shape: Shape) -> Tensor:
    """Return a tensor like ``tensor``, with the same constant data if it has any."""
    if tensor.is_sparse or tensor.is_external or tensor.blockwise is not None:
        raise UnlowerableError(f"uses {tensor.name}, which is sparse, in blocks or elsewhere")
    name = tensor.name if tensor.shape == shape else f"{tensor.name}/{_joined(shape)}"
    quantization = _in_axes(tensor, shape)
    return Tensor(name, shape, tensor.dtype, tensor.buffer, quantization)


def _in_axes(tensor: Tensor, shape: Shape) -> Quantization | None:
    """Find the quantized axis in another shape."""
    quantization = tensor.quantization
    if quantization is None or quantization.scale.size <= 1 or tensor.shape == shape:
        return quantization
    before, size = math.prod(tensor.shape[: quantization.axis]), tensor.shape[quantization.axis]
    starts = itertools.accumulate(shape, lambda product, extent: product * extent, initial=1)
    for axis, start in enumerate(itertools.islice(starts, len(shape))):
        if start == before and shape[axis] == size:
            return dataclasses.replace(quantization, axis=axis)
    raise UnlowerableError(f"uses {tensor.name}, whose scales lie along an axis that would vanish")

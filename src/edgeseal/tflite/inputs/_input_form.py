"""What a user says of a model's inputs: sizes that are open, and the values of pixels."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np

from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.graph import Model, Tensor
from edgeseal.tflite.inputs._picture_scale import PictureScale, state_scale
from edgeseal.tflite.probe import Prober, numpy_type
from edgeseal.tflite.workers import Status

__all__ = ["InputForm", "InputOptions", "placeholder_hint", "placeholders"]


class InputOptions(TypedDict, total=False):
    """What every verb that runs a model takes, as it is typed: see :meth:`InputForm.of`."""

    input_range: Sequence[float] | None
    mean: Sequence[float] | None
    std: Sequence[float] | None
    input_shape: Mapping[str, Sequence[int]] | None


@dataclass(frozen=True, slots=True)
class InputForm:
    """What is said of inputs.

    Attributes:
        scale: how pixels are fed; None where nothing is said.
        shapes: by the input's name; of a model with one input, its name may be empty.
    """

    scale: PictureScale | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        input_range: Sequence[float] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        input_shape: Mapping[str, Sequence[int]] | None = None,
    ) -> InputForm:
        """Put together what verbs take.

        Args:
            input_range: values of black and of white in pictures; default: what the file says, else
                0 and 1.
            mean: instead, with ``std``, what is taken off pixels 0..1 (or 0..255, if above 1).
            std: what they are divided by then.
            input_shape: sizes, by the input's name, that the file leaves open.

        Raises:
            UsageError: they contradict each other, or make no sense.
        """
        scale = None
        if (mean is None) != (std is None) or (input_range is not None and mean is not None):
            raise UsageError("give `input_range`, or `mean` and `std`")
        if input_range is not None:
            if len(input_range) != 2:
                raise UsageError("`input_range`: expected two numbers, LO and HI")
            scale = PictureScale.of_range(*input_range)
        elif mean is not None and std is not None:
            scale = PictureScale.of(mean, std)
        shapes = {name: tuple(map(int, sizes)) for name, sizes in (input_shape or {}).items()}
        for name, sizes in shapes.items():
            if not sizes or min(sizes) < 1:
                raise UsageError(f"`input_shape` {name}: expected sizes above 0, got {list(sizes)}")
        return cls(scale, shapes)

    def apply(self, model: Model) -> Model:
        """Let a model have it; returns the model.

        Raises:
            UsageError: there is no such input, or its rank is another.
            ModelError: LiteRT cannot run the model with these sizes.
        """
        if self.scale is not None:
            state_scale(model, self.scale)
        if self.shapes:
            _resize(model, {_input(model, name): sizes for name, sizes in self.shapes.items()})
        return model


def placeholders(model: Model) -> list[Tensor]:
    """Return the inputs that leave sizes beside the batch open and state 1 for them."""
    found = []
    for tensor in model.main.inputs:
        signature = None if tensor.raw is None else tensor.raw.shapeSignature
        if signature is not None and any(
            size < 0 and stated <= 1
            for size, stated in zip(list(signature)[1:], tensor.shape[1:], strict=False)
        ):
            found.append(tensor)
    return found


def placeholder_hint(model: Model) -> str:
    """Return what to say of a model that fails and leaves sizes open; empty if it leaves none."""
    listed = ", ".join(f"{tensor.name} {list(tensor.shape)}" for tensor in placeholders(model))
    if not listed:
        return ""
    return f"the file leaves sizes open and states {listed}: `input_shape` says them"


def _input(model: Model, name: str) -> Tensor:
    known = {tensor.name: tensor for tensor in model.main.inputs}
    for signature in model.signatures:
        if signature.subgraph is model.main:
            known |= {key: one for key, one in signature.inputs.items() if key not in known}
    if not name and len(model.main.inputs) == 1:
        return model.main.inputs[0]
    if name not in known:
        raise UsageError(
            f"`input_shape`: there is no input {name!r}; inputs are: {', '.join(known) or 'none'}"
        )
    return known[name]


def _resize(model: Model, shapes: Mapping[Tensor, tuple[int, ...]]) -> None:
    """Give inputs other shapes, and every tensor the shape that LiteRT gives it then."""
    for tensor, sizes in shapes.items():
        if len(sizes) != tensor.rank:
            raise UsageError(
                f"`input_shape` {tensor.name}: expected {tensor.rank} sizes, such as "
                f"{'x'.join(str(max(1, size)) for size in tensor.shape)}, got {len(sizes)}"
            )
        _set_shape(tensor, sizes)
    made = [tensor for operator in model.main.operators for tensor in operator.outputs]
    watched = [tensor for tensor in made if numpy_type(tensor) not in (None, np.object_)]
    for tensor, shape in zip(watched, _made_shapes(model, watched), strict=True):
        _set_shape(tensor, shape)


def _made_shapes(model: Model, watched: list[Tensor]) -> list[tuple[int, ...]]:
    main = copy.copy(model.main)
    main.outputs = watched
    trial = copy.copy(model)
    trial.subgraphs, trial.signatures = [main, *model.subgraphs[1:]], []
    inputs = tuple(
        np.zeros([max(1, size) for size in tensor.shape], numpy_type(tensor))
        for tensor in model.main.inputs
    )
    with Prober() as prober:
        outcome = prober.run(trial, inputs)
    if outcome.status is not Status.RAN:
        listed = ", ".join(f"{t.name} {list(t.shape)}" for t in model.main.inputs)
        raise ModelError(f"LiteRT cannot run it with inputs {listed}: {outcome.message}")
    return [tuple(values.shape) for values in outcome.outputs]


def _set_shape(tensor: Tensor, shape: tuple[int, ...]) -> None:
    tensor.shape = shape
    if tensor.raw is not None:
        tensor.raw = copy.copy(tensor.raw)
        tensor.raw.shapeSignature = None

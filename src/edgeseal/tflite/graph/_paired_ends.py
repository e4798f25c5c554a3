"""Inputs and outputs of two functions that are to be of one graph."""

from __future__ import annotations

from collections.abc import Sequence

from edgeseal.errors import UsageError
from edgeseal.tflite.graph._model import Model
from edgeseal.tflite.graph._tensor import Tensor

__all__ = ["check_ends", "paired_ends"]


def paired_ends(
    reference: Sequence[Tensor], candidate: Sequence[Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """Pair the ends of two functions, candidate first: by names if they are the same, or in order.

    Raises:
        ValueError: their numbers or shapes differ.
    """
    by_name = {tensor.name: tensor for tensor in reference}
    same = len(by_name) == len(reference) and {t.name for t in candidate} == set(by_name)
    others = [by_name[tensor.name] for tensor in candidate] if same else reference
    if len(reference) != len(candidate) or not all(map(Tensor.fits, others, candidate)):
        raise ValueError(f"{_listed(candidate)} against {_listed(reference)}")
    return list(zip(candidate, others, strict=True))


def check_ends(
    reference: Model, candidate: Model, *, reference_name: object, candidate_name: object
) -> None:
    """Refuse models whose main functions cannot be of one graph.

    Args:
        reference: one of them.
        candidate: the other one.
        reference_name: what the message calls it, such as its path.
        candidate_name: likewise.

    Raises:
        UsageError: they have other inputs or outputs.
    """
    sides = {
        "inputs": (reference.main.inputs, candidate.main.inputs),
        "outputs": (reference.main.outputs, candidate.main.outputs),
    }
    for what, (ours, theirs) in sides.items():
        try:
            paired_ends(ours, theirs)
        except ValueError as error:
            raise UsageError(
                f"{candidate_name}: has other {what} than {reference_name}: {error}; give two "
                "files of the same graph"
            ) from error


def _listed(tensors: Sequence[Tensor]) -> str:
    return ", ".join(str(list(tensor.shape)) for tensor in tensors) or "none"

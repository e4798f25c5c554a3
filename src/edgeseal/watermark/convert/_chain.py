"""Modules as links of a chain, which pass on more than one value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn

__all__ = ["Chain", "Link"]


class Link(nn.Module):
    """A module that takes the first of the values that are there and leaves its results instead.

    Attributes:
        takes: how many values it takes.
    """

    takes: int = 1


class Chain(nn.Module):
    """Links that run one after the other; the last one leaves a single value."""

    def __init__(self, links: Sequence[Link]) -> None:
        super().__init__()
        self.links = nn.ModuleList(links)

    def forward(self, *values: Tensor) -> Tensor:
        """Return the last link's value for the arguments of the first."""
        left = values
        for link in self:
            made = link(*left[: link.takes])
            left = (*(made if isinstance(made, tuple) else (made,)), *left[link.takes :])
        (result,) = left
        return result

    def __iter__(self) -> Iterator[Link]:
        """Iterate over the links."""
        for link in self.links:
            if isinstance(link, Link):
                yield link

"""Loads a checkpoint strictly: all of the wanted part, and nothing that is unaccounted for.

Upstream loads with ``strict=False``, so a checkpoint that does not fit passes in silence and leaves
random weights behind. Here all that does not fit is listed in one error.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from edgeseal.errors import CheckpointError
from edgeseal.watermark.cards import Card, Part, card_names, load_card
from edgeseal.watermark.models._build import LoadedPart, Provenance, build
from edgeseal.watermark.models._checkpoint_file import read_torch_file
from edgeseal.watermark.models._fetch import Progress, Resolved, fetch
from edgeseal.watermark.models._training_record import adapt, read_record

__all__ = ["Checkpoint", "load_checkpoint", "read_checkpoint"]

# What else upstream's model registers: the perceptual map and the colour conversion.
_SHARED_PREFIXES = ("attenuation.", "rgb2yuv.")
_FLOAT_DTYPES = (torch.float16, torch.bfloat16, torch.float32)
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint file, opened but not yet fitted to a card.

    Attributes:
        file: where it was found, and its checksum.
        tensors: what its entry ``model`` holds, by key, mapped from the file.
        args: its own record of how it was trained; empty if it has none.
        stray: tensors beside the entry ``model``, which nothing accounts for.
    """

    file: Resolved
    tensors: Mapping[str, Tensor]
    args: Mapping[str, object]
    stray: tuple[str, ...] = ()

    def load(self, card: Card, part: Part, *, allow_unexpected: bool = False) -> LoadedPart:
        """Build a part of a card and fill it.

        What the checkpoint records of its training counts where it differs from the card; the
        provenance says what that changed.

        Args:
            card: what the checkpoint should hold.
            part: which network to take.
            allow_unexpected: accept tensors that belong to neither part, nor to the perceptual map
                or the colour conversion; they are named in the provenance and not used.

        Returns:
            The network, in evaluation mode, float32.

        Raises:
            CheckpointError: tensors are missing, mis-shaped, of a wrong type, not finite or
                unexpected, copies of one tensor differ, or the training record cannot be followed.
                All is listed, unless the checkpoint fits another card: then that is named.
        """
        adapted = adapt(card, self.args, part)
        with torch.device("meta"):
            module = build(adapted.card, part)
        aliases = _aliases(module)
        self._refuse_foreign(card, part, aliases)
        chosen, problems = self._choose(part, aliases)
        unexpected = self._unexpected(part, aliases)
        if not allow_unexpected:
            problems.extend(f"{key}: unexpected" for key in unexpected)
        problems = [*adapted.problems, *problems]
        if problems:
            only_unexpected = len(unexpected) == len(problems) and not allow_unexpected
            instead = self._instead(card, part)
            fit = f"{len(chosen)} of {len(aliases)} tensors do{instead}"
            where = f"{self.file.path}: does not fit the {part.value} of {card.name} ({fit})"
            if instead:  # what is wrong tensor by tensor would only hide that
                raise CheckpointError(f"{where}; name that card")
            raise _refusal(where, adapted.adopted, problems, only_unexpected=only_unexpected)
        _fill(module, chosen)
        provenance = Provenance(
            source=self.file.source,
            path=self.file.path,
            sha256=self.file.sha256,
            args=self.args,
            adopted=adapted.adopted,
            unexpected=unexpected,
        )
        return LoadedPart(module.requires_grad_(False), adapted.card, part, provenance)

    def _refuse_foreign(
        self, card: Card, part: Part, aliases: list[tuple[Tensor, list[str]]]
    ) -> None:
        """Raise if the checkpoint has not a single tensor of the part: it is another model's."""
        wanted = {_key(part, name) for _, names in aliases for name in names}
        if wanted & self.tensors.keys():
            return
        has = ", ".join(list(self.tensors)[:_SHOWN]) or "nothing"
        fit = f"0 of {len(wanted)} keys fit{self._instead(card, part)}"
        raise CheckpointError(
            f"{self.file.path}: holds no {part.value} of {card.name}: {fit}. Expected keys such as "
            f"{min(wanted)}; it has {len(self.tensors)}, such as {has}"
        )

    def _instead(self, card: Card, part: Part) -> str:
        """Name the other cards whose part the checkpoint has."""
        others = (load_card(name) for name in card_names() if name != card.name)
        fitting = [other.name for other in others if self._fits(other, part)]
        return f"; it fits {' and '.join(fitting)}" if fitting else ""

    def _fits(self, card: Card, part: Part) -> bool:
        """Say whether keys and shapes are those of a part of a card."""
        adapted = adapt(card, self.args, part)
        prefix = _key(part, "")
        found = {key: t.shape for key, t in self.tensors.items() if key.startswith(prefix)}
        return not adapted.problems and found == _shapes(adapted.card, part)

    def _choose(
        self, part: Part, aliases: list[tuple[Tensor, list[str]]]
    ) -> tuple[list[tuple[list[str], Tensor]], list[str]]:
        """Pair each tensor of the network with one of the checkpoint, and list what is wrong."""
        chosen: list[tuple[list[str], Tensor]] = []
        problems: list[str] = []
        for own, names in aliases:
            copies = [_key(part, name) for name in names if _key(part, name) in self.tensors]
            if not copies:
                problems.append(f"{_key(part, names[0])}: missing, {_describe(own)} expected")
                continue
            found = list(_mismatches(own, {key: self.tensors[key] for key in copies}))
            problems.extend(found)
            if not found:
                chosen.append((names, self.tensors[copies[0]]))
        return chosen, problems

    def _unexpected(self, part: Part, aliases: list[tuple[Tensor, list[str]]]) -> tuple[str, ...]:
        """Return the keys that neither the part nor anything known uses."""
        wanted = {_key(part, name) for _, names in aliases for name in names}
        fine = (f"{part.other.value}.", *_SHARED_PREFIXES)
        unused = (key for key in self.tensors if key not in wanted and not key.startswith(fine))
        return (*unused, *self.stray)


def load_checkpoint(
    source: str | os.PathLike[str] | None,
    card: Card,
    part: Part,
    *,
    allow_unexpected: bool = False,
    progress: Progress | None = None,
) -> LoadedPart:
    """Fetch a checkpoint and load one part of it.

    Args:
        source: a path, an ``http(s)://`` address, ``package:NAME``, or None for the card's own.
        card: what the checkpoint should hold.
        part: which network to take.
        allow_unexpected: see :meth:`Checkpoint.load`.
        progress: called with the bytes that are there and the total, if known.

    Raises:
        CheckpointError: it is damaged, foreign or does not fit; see :meth:`Checkpoint.load`.
        DownloadError: it cannot be fetched, or has the wrong checksum.
    """
    checkpoint = read_checkpoint(source, card, progress=progress)
    return checkpoint.load(card, part, allow_unexpected=allow_unexpected)


def read_checkpoint(
    source: str | os.PathLike[str] | None, card: Card, *, progress: Progress | None = None
) -> Checkpoint:
    """Fetch and open a checkpoint, to load both parts from it.

    Args:
        source: as for :func:`load_checkpoint`.
        card: names its own checkpoint if ``source`` is None.
        progress: as for :func:`load_checkpoint`.

    Raises:
        CheckpointError: it is damaged or no checkpoint.
        DownloadError: it cannot be fetched, or has the wrong checksum.
    """
    file = fetch(source, card, progress=progress)
    data = read_torch_file(file.path)
    if not isinstance(data, Mapping):
        raise CheckpointError(
            f"{file.path}: holds a {type(data).__name__}; expected a dictionary with the entry "
            "'model'"
        )
    tensors = _model_entry(file, data)
    return Checkpoint(
        file=file,
        tensors=MappingProxyType(tensors),
        args=MappingProxyType(read_record(data.get("args"), file.path)),
        stray=tuple(str(key) for key, value in data.items() if isinstance(value, Tensor)),
    )


def _model_entry(file: Resolved, data: Mapping[object, object]) -> dict[str, Tensor]:
    """Return the state dict in a checkpoint."""
    if "model" not in data:
        names = [str(key) for key in data]
        has = ", ".join(names[:_SHOWN]) or "nothing"
        bare = any(isinstance(value, Tensor) for value in data.values())
        fit = sum(name.startswith(tuple(f"{part.value}." for part in Part)) for name in names)
        hint = (
            f"It looks like a bare state dict, of whose {len(names)} keys {fit} begin with "
            "'detector.' or 'embedder.'. If it is of the right model, wrap it: "
            "torch.save({'model': state_dict}, path)"
            if bare
            else "It may be a checkpoint of another project"
        )
        raise CheckpointError(f"{file.path}: has no entry 'model'; it has {has}. {hint}")
    model = data["model"]
    if not isinstance(model, Mapping) or not model:
        raise CheckpointError(f"{file.path}: its entry 'model' is no dictionary of tensors")
    strange = [str(key) for key, value in model.items() if not isinstance(value, Tensor)]
    if strange:
        shown = ", ".join(strange[:_SHOWN])
        raise CheckpointError(
            f"{file.path}: {len(strange)} of {len(model)} entries in 'model' are no tensors, "
            f"such as {shown}"
        )
    return {str(key): value for key, value in model.items()}


@functools.cache
def _shapes(card: Card, part: Part) -> Mapping[str, torch.Size]:
    """Return the keys of a part in a checkpoint, and the shapes of their tensors."""
    with torch.device("meta"):
        state = build(card, part).state_dict()
    return {_key(part, name): tensor.shape for name, tensor in state.items()}


def _aliases(module: nn.Module) -> list[tuple[Tensor, list[str]]]:
    """Return each tensor of a network once, with all the names it is registered under."""
    groups: dict[int, tuple[Tensor, list[str]]] = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        groups.setdefault(id(tensor), (tensor, []))[1].append(name)
    return list(groups.values())


def _mismatches(own: Tensor, copies: Mapping[str, Tensor]) -> Iterator[str]:
    """Yield why tensors of a checkpoint cannot take the place of a network's tensor."""
    sound = True
    for key, value in copies.items():
        problem = _mismatch(own, value)
        if problem:
            sound = False
            yield f"{key}: {problem}"
    (first, reference), *others = copies.items()
    for key, value in others if sound else ():
        if not torch.equal(reference, value):
            yield f"{key}: differs from {first}, which is the same tensor registered twice"


def _mismatch(own: Tensor, value: Tensor) -> str | None:
    """Say why one tensor cannot take the place of another, or None if it can."""
    if value.shape != own.shape:
        return f"shape {list(own.shape)} expected, {list(value.shape)} found"
    dtypes = _FLOAT_DTYPES if own.is_floating_point() else (own.dtype,)
    if value.dtype not in dtypes or value.layout != torch.strided:
        expected = " or ".join(_name(dtype) for dtype in dtypes)
        layout = "" if value.layout == torch.strided else f" ({value.layout})"
        return f"{expected} expected, {_name(value.dtype)}{layout} found"
    bad = value.numel() - int(torch.isfinite(value).sum())
    return f"{bad} of {value.numel()} values are not finite" if bad else None


def _refusal(
    where: str, adopted: Sequence[str], problems: list[str], *, only_unexpected: bool
) -> CheckpointError:
    count = f"{len(problems)} problem" + ("s" if len(problems) > 1 else "")
    lines = [f"{where}, {count}:", *problems]
    if adopted:
        lines += [
            "Expected is what the card says, except for what the checkpoint records:",
            *adopted,
        ]
    advice = "Check that the checkpoint and the card belong together"
    if only_unexpected:
        advice = "Use `allow_unexpected` to leave unexpected tensors out"
    return CheckpointError("\n  ".join(lines) + f"\n{advice}")


def _fill(module: nn.Module, chosen: Sequence[tuple[list[str], Tensor]]) -> None:
    """Give a network without memory its tensors, copied and in the types that it has."""
    own = module.state_dict()
    state: dict[str, Tensor] = {}
    for names, value in chosen:
        dtype = own[names[0]].dtype
        # contiguous: the converter mixes up strided constants (docs/upstream)
        copied = torch.empty(value.shape, dtype=dtype).copy_(value)
        state |= dict.fromkeys(names, copied)
    module.load_state_dict(state, strict=True, assign=True)


def _key(part: Part, name: str) -> str:
    return f"{part.value}.{name}"


def _describe(tensor: Tensor) -> str:
    return f"{_name(tensor.dtype)} {list(tensor.shape)}"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

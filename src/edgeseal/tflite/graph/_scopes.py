"""Places in the source program that converters leave in tensor names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["Scope", "Spelling", "scopes"]

_DEEPEST = 32  # segments of a name that count: no program nests deeper, a hostile file may
_CLASS = r"[A-Za-z_][\w<>]*(?:\.[\w<>]+)+"
_TORCH_SEGMENT = re.compile(rf"{_CLASS}(?:@\d+)?")
_CALL = re.compile(r"@\d+$")  # torch.export's mark of a module's second call, third, ...
_ATTRIBUTE = re.compile(r"(_*[^_]+)_(.+)", re.DOTALL)
_CAPITAL_WORD = re.compile(r"([A-Z][^_]*)_(?=.)")
# Operators of the converter's own have names such as tfl.add and arith.constant.
_DIALECTS = frozenset({"arith", "chlo", "func", "mhlo", "quant", "stablehlo", "tf", "tfl", "vhlo"})
# What wraps every name of a converted function and says nothing.
_WRAPPER = re.compile(r"((Stateful)?PartitionedCall(_\d+)?(:\d+)?|jit\(.*\)|XlaCallModule)")


@dataclass(frozen=True, slots=True)
class Scope:
    """One place that a tensor name mentions.

    Attributes:
        segments: of the path, as spelled in the name. PyTorch: classes with attributes, below the
            root (``pkg.Block_0``). Others: scopes (``model``, ``conv2d_1``).
        leaf: what follows the path, such as ``Conv2D``; empty for PyTorch.
        is_torch: whether litert-torch spelled it.
    """

    segments: tuple[str, ...]
    leaf: str
    is_torch: bool


def scopes(name: str) -> list[Scope]:
    """Return the places that a tensor name mentions; fused operators mention several.

    ``A/B_b;;A/C_c;1`` is litert-torch's spelling, ``a/b/Conv2D;a/c/Relu1`` TensorFlow's and JAX's.
    A name without a path, such as ``tfl.quantize``, mentions none.
    """
    # A path of PyTorch's always ends with a semicolon: what is dotted and does not is none.
    *parts, last = name.split(";")
    found = [_torch_scope(part) or _plain_scope(part) for part in parts] + [_plain_scope(last)]
    return [scope for scope in found if scope is not None]


def _torch_scope(part: str) -> Scope | None:
    segments = part.split("/")
    if not all(map(_TORCH_SEGMENT.fullmatch, segments)):
        return None
    if segments[0].partition(".")[0] in _DIALECTS:
        return None
    # The root is called without an attribute, so its segment is only a class.
    below = tuple(_CALL.sub("", segment) for segment in segments[1:_DEEPEST])
    return Scope(below, "", is_torch=True)


def _plain_scope(part: str) -> Scope | None:
    segments = [s for s in part.split("/") if s and not _WRAPPER.fullmatch(s)]
    if "/" not in part or not segments:
        return None
    return Scope(tuple(segments[:-1][:_DEEPEST]), segments[-1], is_torch=False)


class Spelling:
    """Tells class from attribute in the segments of a whole model's names.

    litert-torch joins both with an underscore, which both may contain. Classes in CamelCase are
    the rule, so the class ends at the first underscore after its leading ones. Where the same
    beginning is always followed by one capital word, as in ``My_Block_0`` and ``My_Block_1``, that
    word belongs to the class too. Lists of modules leave no trace in the names, so several classes
    of one module may have the same numbers; then the class tells them apart: ``Conv2d_0``,
    ``Norm_0``.
    """

    def __init__(self, every: Iterable[Scope]) -> None:
        torch = [scope.segments for scope in every if scope.is_torch]
        self._words = _class_words({segment for path in torch for segment in path})
        classes: defaultdict[tuple[tuple[str, ...], str], set[str]] = defaultdict(set)
        for path in torch:
            for depth, segment in enumerate(path):
                name, attribute = self._split(segment)
                classes[path[:depth], attribute].add(name)
        shared = {place: names for place, names in classes.items() if len(names) > 1}
        self._shared = set(shared)
        self._listed = {(parent, name) for (parent, _), names in shared.items() for name in names}

    def path(self, scope: Scope) -> tuple[str, ...]:
        """Return the attributes, or scopes, from the outermost module to the innermost."""
        if not scope.is_torch:
            return scope.segments
        return tuple(self._labels(scope.segments))

    def class_name(self, segment: str) -> str:
        """Return the class in a segment of PyTorch's, without its package."""
        return self._split(segment)[0].rpartition(".")[2]

    def _labels(self, segments: tuple[str, ...]) -> Iterator[str]:
        for depth, segment in enumerate(segments):
            name, attribute = self._split(segment)
            parent = segments[:depth]
            is_listed = attribute.isdigit() and (parent, name) in self._listed
            is_shared = is_listed or (parent, attribute) in self._shared
            yield f"{name.rpartition('.')[2]}_{attribute}" if is_shared else attribute

    def _split(self, segment: str) -> tuple[str, str]:
        """Return the class, with its package, and the attribute."""
        name, attribute = _first_split(segment)
        for word in self._words.get(name, ()):
            name, attribute = f"{name}_{word}", attribute.removeprefix(f"{word}_")
        return name, attribute


def _first_split(segment: str) -> tuple[str, str]:
    package, dot, last = segment.rpartition(".")
    match = _ATTRIBUTE.fullmatch(last)
    if match is None:
        return segment, last
    return f"{package}{dot}{match[1]}", match[2]


def _class_words(segments: set[str]) -> dict[str, tuple[str, ...]]:
    """Return, by the class as first split, the further words of its name."""
    attributes: defaultdict[str, set[str]] = defaultdict(set)
    for segment in segments:
        name, attribute = _first_split(segment)
        attributes[name].add(attribute)
    return {name: tuple(_common_words(texts)) for name, texts in attributes.items()}


def _common_words(texts: set[str]) -> Iterator[str]:
    """Yield the capital words that all of several texts begin with."""
    while len(texts) > 1:
        heads = {match[1] if (match := _CAPITAL_WORD.match(text)) else None for text in texts}
        head = heads.pop()
        if heads or head is None:
            return
        yield head
        texts = {text.removeprefix(f"{head}_") for text in texts}

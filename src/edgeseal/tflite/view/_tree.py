"""The tree of modules that a graph folds and unfolds by."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from edgeseal.tflite.graph import Modules, Operator, Subgraph

__all__ = ["ModuleGroup", "build_tree", "initially_open"]

_MOST_CHILDREN = 60  # of a group: laid out in well under 0.1 s
_FIRST_SIGHT = 40  # boxes at most when the page opens


@dataclass(eq=False, slots=True)
class ModuleGroup:
    """A module, one visit to it, or one part of a long row.

    Attributes:
        identity: unique within the subgraph, the same for the same file: for links.
        label: what it is called within its parent.
        class_name: of the module, or empty.
        children: in execution order of the first operator in each.
    """

    identity: str
    label: str
    class_name: str = ""
    children: list[Operator | ModuleGroup] = field(default_factory=list)


def build_tree(subgraph: Subgraph, modules: Modules) -> ModuleGroup:
    """Sort the operators of a subgraph into nested groups; the root stands for all of them.

    A module that the computation leaves and enters again becomes a group per visit, so that no
    group both feeds and is fed by what lies outside. Modules of one operator are left out, a
    module that holds nothing but another is merged with it, and long rows are cut into parts.
    """
    root = ModuleGroup("", "")
    _Builder(subgraph, modules).fill(root, list(subgraph.operators), ())
    return root


def initially_open(root: ModuleGroup) -> set[ModuleGroup]:
    """Return the groups to unfold at first: from the outside in, as long as few boxes result."""
    chosen: set[ModuleGroup] = set()
    boxes = len(root.children)
    level = [child for child in root.children if isinstance(child, ModuleGroup)]
    while level:
        cost = sum(len(group.children) - 1 for group in level)
        if boxes + cost > _FIRST_SIGHT:
            break
        boxes += cost
        chosen.update(level)
        level = [c for group in level for c in group.children if isinstance(c, ModuleGroup)]
    return chosen


class _Builder:
    def __init__(self, subgraph: Subgraph, modules: Modules) -> None:
        self._modules = modules
        self._place = {operator: i for i, operator in enumerate(subgraph.operators)}
        makers = {id(t): operator for operator in subgraph.operators for t in operator.outputs}
        self._users: defaultdict[Operator, list[Operator]] = defaultdict(list)
        for operator in subgraph.operators:
            for tensor in operator.inputs:
                maker = makers.get(id(tensor))
                if maker is not None:
                    self._users[maker].append(operator)

    def fill(self, group: ModuleGroup, operators: list[Operator], path: tuple[str, ...]) -> None:
        """Give a group its children; ``path`` is that of the module it stands for."""
        depth = len(path)
        members: defaultdict[str, list[Operator]] = defaultdict(list)
        children: list[tuple[int, Operator | ModuleGroup]] = []
        for operator in operators:
            below = self._modules.paths[operator][depth:]
            if below:
                members[below[0]].append(operator)
            else:
                children.append((self._place[operator], operator))
        for name, several in members.items():
            for number, visit in enumerate(self._visits(several), start=1):
                child = self._module(group, visit, (*path, name), number)
                children.append((self._place[visit[0]], child))
        children.sort(key=lambda pair: pair[0])
        group.children = self._in_parts(group, [child for _, child in children])

    def _module(
        self, parent: ModuleGroup, operators: list[Operator], path: tuple[str, ...], number: int
    ) -> Operator | ModuleGroup:
        if len(operators) == 1:
            return operators[0]
        joint = self._modules.separator
        again = f" ({number})" if number > 1 else ""
        identity = f"{parent.identity}{joint if parent.identity else ''}{path[-1]}{again}"
        group = ModuleGroup(identity, path[-1] + again, self._modules.classes.get(path, ""))
        self.fill(group, operators, path)
        if len(group.children) == 1 and isinstance(group.children[0], ModuleGroup):
            only = group.children[0]
            return ModuleGroup(
                only.identity, f"{group.label}{joint}{only.label}", only.class_name, only.children
            )
        return group

    def _visits(self, members: list[Operator]) -> list[list[Operator]]:
        """Split a module's operators where the computation comes back to it from outside."""
        inside = set(members)
        last = self._place[members[-1]]
        leaving = {
            user
            for operator in members
            for user in self._users[operator]
            if user not in inside and self._place[user] < last
        }
        if not leaving:
            return [members]
        counts = self._count_returns(members, inside, last)
        visits: defaultdict[int, list[Operator]] = defaultdict(list)
        for operator in members:
            visits[counts[operator]].append(operator)
        return [visits[count] for count in sorted(visits)]

    def _count_returns(
        self, members: list[Operator], inside: set[Operator], last: int
    ) -> dict[Operator, int]:
        """Return for each member how often a path from the module to it has left the module."""
        counts = dict.fromkeys(members, 0)
        waiting = [(self._place[operator], operator) for operator in members]
        heapq.heapify(waiting)  # in execution order: every maker before its users
        while waiting:
            place, operator = heapq.heappop(waiting)
            for user in self._users[operator]:
                if not place < self._place[user] <= last:
                    continue
                if user not in counts:
                    heapq.heappush(waiting, (self._place[user], user))
                returns = user in inside and operator not in inside
                counts[user] = max(counts.get(user, 0), counts[operator] + returns)
        return counts

    def _in_parts(
        self, group: ModuleGroup, children: list[Operator | ModuleGroup]
    ) -> list[Operator | ModuleGroup]:
        while len(children) > _MOST_CHILDREN:
            parts = self._cut(children)
            children = [
                ModuleGroup(
                    f"{group.identity}#{number}/{len(parts)}",
                    f"part {number} of {len(parts)}",
                    children=part,
                )
                for number, part in enumerate(parts, start=1)
            ]
        return children

    def _cut(self, children: list[Operator | ModuleGroup]) -> list[list[Operator | ModuleGroup]]:
        """Cut a row into parts of about equal length, where few tensors cross."""
        crossing = self._crossing(children)
        count = math.ceil(len(children) / (0.8 * _MOST_CHILDREN))
        length = len(children) / count
        ends = [0]
        for number in range(1, count):
            middle, reach = round(number * length), int(length / 8)
            near = range(middle - reach, middle + reach + 1)
            ends.append(min(near, key=lambda end: (crossing[end], abs(end - middle))))
        ends.append(len(children))
        return [children[start:end] for start, end in itertools.pairwise(ends)]

    def _crossing(self, children: list[Operator | ModuleGroup]) -> list[int]:
        """Return for each gap before a child how many connections span it."""
        place = {op: i for i, child in enumerate(children) for op in _operators(child)}
        changes = [0] * (len(children) + 1)
        for operator, start in place.items():
            ends = [place[user] for user in self._users[operator] if user in place]
            for end in (end for end in ends if end > start):
                changes[start + 1] += 1
                changes[end + 1] -= 1
        return list(itertools.accumulate(changes))


def _operators(child: Operator | ModuleGroup) -> Iterator[Operator]:
    if isinstance(child, ModuleGroup):
        for below in child.children:
            yield from _operators(below)
    else:
        yield child

"""The tree of modules that a graph folds by."""

from __future__ import annotations

from collections.abc import Iterator

from edgeseal.tflite.graph import Model, Operator, find_modules, new_operator
from edgeseal.tflite.view._tree import ModuleGroup, build_tree, initially_open
from graphs import model_of, value
from tflite.view.samples import layered, plain, row


def tree(model: Model) -> ModuleGroup:
    return build_tree(model.main, find_modules(model))


def groups(group: ModuleGroup) -> Iterator[ModuleGroup]:
    for child in group.children:
        if isinstance(child, ModuleGroup):
            yield child
            yield from groups(child)


def operators(group: ModuleGroup) -> Iterator[Operator]:
    for child in group.children:
        if isinstance(child, ModuleGroup):
            yield from operators(child)
        else:
            yield child


def test_modules_nest_when_names_have_paths() -> None:
    root = tree(layered())
    assert [group.identity for group in groups(root)] == [
        "body",
        "body.0",
        "body.0.norm",
        "body.1",
        "body.1.norm",
        "body.2",
        "body.2.norm",
    ]
    assert {group.label: group.class_name for group in groups(root)}["norm"] == "Norm"


def test_every_operator_is_there_once_when_a_tree_is_built() -> None:
    for model in (layered(), row(300)):
        assert sorted(map(id, operators(tree(model)))) == sorted(map(id, model.operators()))


def test_module_of_one_operator_is_left_out_when_a_tree_is_built() -> None:
    assert not any("mlp" in group.identity for group in groups(tree(layered())))


def test_module_that_holds_only_another_is_merged_when_a_tree_is_built() -> None:
    x, y, z = value("x", (1,)), value("a/b/c/Tanh", (1,)), value("a/b/c/Tanh_1", (1,))
    model = model_of([x], [z], [plain(x, y, "TANH"), plain(y, z, "TANH")])
    (only,) = groups(tree(model))
    assert (only.identity, only.label) == ("a/b/c", "a/b/c")


def test_module_becomes_a_group_per_visit_when_the_computation_returns() -> None:
    """One module runs, then another on its result, then the first again."""
    names = ["a/f/T", "a/f/U", "a/g/T", "a/g/U", "a/f/V", "a/f/W"]
    results = [value("x", (1,)), *(value(name, (1,)) for name in names)]
    steps = [plain(results[i], results[i + 1], "TANH") for i in range(len(names))]
    root = tree(model_of([results[0]], [results[-1]], steps))
    assert [group.label for group in root.children[0].children] == ["f", "g", "f (2)"]


def test_visits_are_one_when_nothing_outside_lies_between() -> None:
    """Two independent modules whose operators alternate in the file."""
    x = value("x", (1,))
    results = [value(f"a/{module}/T{i}", (1,)) for i in range(2) for module in "fg"]
    steps = [plain(x, result, "TANH") for result in results]
    end = value("a/end/Add", (1,))
    model = model_of([x], [end], [*steps, new_operator("ADD_N", list(results), [end])])
    assert [group.label for group in groups(tree(model))] == ["a", "f", "g"]


def test_groups_never_feed_what_feeds_them_when_visits_are_split() -> None:
    model = row(500)
    root = tree(model)
    place = {id(op): i for i, child in enumerate(root.children) for op in leaves(child)}
    makers = {id(t): o for o in model.main.operators for t in o.outputs}
    for operator in model.main.operators:
        sources = [makers[id(t)] for t in operator.inputs if id(t) in makers]
        assert all(place[id(source)] <= place[id(operator)] for source in sources)


def leaves(child: Operator | ModuleGroup) -> list[Operator]:
    return list(operators(child)) if isinstance(child, ModuleGroup) else [child]


def test_long_row_is_cut_into_parts_when_there_are_no_modules() -> None:
    root = tree(row(5000))
    assert all(len(group.children) <= 60 for group in (root, *groups(root)))
    assert len({group.identity for group in groups(root)}) == sum(1 for _ in groups(root))


def test_few_boxes_show_at_first_when_a_model_is_large() -> None:
    root = tree(layered())
    assert {group.identity for group in initially_open(root)} == {
        group.identity for group in groups(root)
    }
    assert not initially_open(tree(row(5000)))

"""Options of operators in words."""

from __future__ import annotations

import numpy as np

from edgeseal.tflite.graph import Operator, Subgraph, describe_options, new_operator
from graphs import value


def words(operator: Operator) -> dict[str, str]:
    return {option.name: option.text for option in describe_options(operator)}


def test_enums_have_names_when_options_are_described() -> None:
    x, y = value("x", (1, 8, 8, 1)), value("y", (1, 4, 4, 1))
    pool = new_operator("MAX_POOL_2D", [x], [y], padding=1, strideW=2, fusedActivationFunction=1)
    assert words(pool)["padding"] == "VALID"
    assert words(pool)["fusedActivationFunction"] == "RELU"
    assert words(pool)["strideW"] == "2"


def test_value_stays_a_number_when_the_enum_does_not_know_it() -> None:
    operator = new_operator("ADD", [value("x", (1,))], [value("y", (1,))], potScaleInt16=False)
    operator.options.fusedActivationFunction = 99
    assert words(operator) == {"fusedActivationFunction": "99", "potScaleInt16": "false"}


def test_lists_and_texts_are_cut_when_they_are_long() -> None:
    shape = new_operator("RESHAPE", [], [], newShape=np.arange(40, dtype=np.int32))
    assert words(shape)["newShape"].endswith("15, ... 40 in all]")
    composite = new_operator("STABLEHLO_COMPOSITE", [], [], name=b"x" * 500 + b"\xff")
    assert len(words(composite)["name"]) == 203


def test_functions_are_left_out_when_an_operator_calls_them() -> None:
    branch = new_operator("IF", [], [], thenSubgraphIndex=1, elseSubgraphIndex=2)
    branch.subgraphs = [Subgraph("then", [], [], []), Subgraph("else", [], [], [])]
    assert words(branch) == {}


def test_custom_options_are_told_by_size_when_only_the_operator_knows_them() -> None:
    operator = Operator("Custom", [], [], is_custom=True)
    operator.custom_options = np.zeros(40, np.uint8)
    assert words(operator) == {"custom options": "40 bytes"}

"""Modules of operators, read from the names that converters give to tensors."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgeseal.tflite.graph import (
    Model,
    Modules,
    Operator,
    Subgraph,
    Tensor,
    find_modules,
    new_operator,
)
from edgeseal.watermark.convert import to_litert
from graphs import constant, value


class My_Block(nn.Module):  # noqa: N801
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_1 = nn.LayerNorm(width)
        self.ff_net = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.ff_net(self.norm_1(x))


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.Conv_stem = nn.Conv2d(3, 8, 3, padding=1)
        self.bn_0 = nn.BatchNorm2d(8)
        self.blocks = nn.ModuleList([My_Block(8) for _ in range(2)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.bn_0(self.Conv_stem(x)).flatten(2).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return x


class Net(nn.Module):
    """Two lists of modules, a module that is called twice, and names full of underscores."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.convs = nn.ModuleList([nn.Conv2d(8, 8, 1) for _ in range(2)])
        self.norms = nn.ModuleList([nn.LayerNorm(8) for _ in range(2)])
        self.self_attn_out = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.encoder(x)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(conv(x.transpose(1, 2)[..., None])[..., 0].transpose(1, 2))
        return self.self_attn_out(torch.tanh(self.self_attn_out(x))).mean(1)


@pytest.fixture(scope="module")
def net() -> tuple[Model, Modules]:
    torch.manual_seed(0)
    model = to_litert(Net().eval(), [torch.randn(1, 3, 4, 4)])
    return model, find_modules(model)


def names(found: tuple[Model, Modules], kind: str) -> list[str]:
    model, modules = found
    return [modules.display_name(o) for o in model.operators() if o.kind == kind]


def test_weights_belong_to_their_module_when_torch_is_converted(net: tuple[Model, Modules]) -> None:
    assert names(net, "CONV_2D") == ["encoder.Conv_stem", "Conv2d_0", "Conv2d_1"]
    assert names(net, "FULLY_CONNECTED") == [
        "encoder.0.ff_net.0",
        "encoder.0.ff_net.2",
        "encoder.1.ff_net.0",
        "encoder.1.ff_net.2",
        "self_attn_out",
        "self_attn_out",
    ]


def test_class_may_hold_an_underscore_when_all_of_its_names_do(net: tuple[Model, Modules]) -> None:
    _, modules = net
    assert modules.classes["encoder", "0"] == "My_Block"
    assert modules.classes["encoder", "0", "norm_1"] == "LayerNorm"
    assert modules.classes["encoder",] == "Encoder"


def test_lists_are_told_apart_by_class_when_their_numbers_are_the_same(
    net: tuple[Model, Modules],
) -> None:
    _, modules = net
    paths = set(modules.paths.values())
    assert {("Conv2d_0",), ("Conv2d_1",), ("LayerNorm_0",), ("LayerNorm_1",)} <= paths
    assert ("0",) not in paths


def test_result_names_the_module_when_an_operator_is_fused(net: tuple[Model, Modules]) -> None:
    """The residual sum is fused from the block's addition and the last layer's reshape."""
    sums = [name for name in names(net, "ADD") if "norm" not in name.lower()]
    assert sums == ["encoder.0", "encoder.1"]


def test_every_operator_has_a_path_when_torch_is_converted(net: tuple[Model, Modules]) -> None:
    model, modules = net
    assert list(modules.paths) == list(model.operators())
    assert modules.separator == "."
    assert names(net, "TANH") == [""]  # called by the root itself


def chain(*steps: tuple[str, str]) -> tuple[Model, dict[str, Operator]]:
    """Return a model of operators in a row, by (kind, name of the result)."""
    first = last = value("x", (1, 4))
    operators = {}
    for kind, name in steps:
        result = value(name, (1, 4))
        operators[name] = new_operator(kind, [last], [result])
        last = result
    return Model([Subgraph("main", [first], [last], list(operators.values()))]), operators


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("model/block_1/conv/Conv2D", "model/block_1/conv"),
        ("StatefulPartitionedCall/model/dense/MatMul1", "model/dense"),
        ("jit(f)/jit(main)/Net/block/attn/dot_general", "Net/block/attn"),
        ("/encoder/layers.0/attn/MatMul_output_0", "encoder/layers.0/attn"),
        ("tfl.quantize", ""),
        ("arith.constant3", ""),
        ("StatefulPartitionedCall:0", ""),
        ("conv2d_12", ""),
        ("", ""),
        (";;", ""),
        ("a.B/c.D_e", "a.B"),  # looks like PyTorch's, but litert-torch ends every path with ;
        ("pkg.Net/pkg.Block_0/torch.nn.modules.conv.Conv2d_depth_conv;13", "0.depth_conv"),
        ("pkg.Net/pkg.f.<locals>._Inner_head;_dequant", "head"),
        ("pkg.Net/pkg.Shared_lin@1;2", "lin"),
        ("pkg.Net;", ""),
        ("tfl.add;tfl.mul1", ""),
    ],
)
def test_path_is_read_when_a_converter_spelled_it(name: str, expected: str) -> None:
    model, operators = chain(("TANH", name))
    assert find_modules(model).display_name(operators[name]) == expected


def test_operator_inherits_when_its_name_tells_nothing() -> None:
    steps = [
        ("TANH", "n.N/n.A_a/n.B_b;"),
        ("QUANTIZE", "tfl.quantize"),
        ("DEQUANTIZE", "tfl.dequantize"),
        ("TANH", "n.N/n.A_a/n.C_c;"),
        ("TANH", "StatefulPartitionedCall:0"),
    ]
    model, operators = chain(*steps)
    modules = find_modules(model)
    assert modules.display_name(operators["tfl.quantize"]) == "a"
    assert modules.display_name(operators["tfl.dequantize"]) == "a"
    assert modules.display_name(operators["StatefulPartitionedCall:0"]) == "a.c"


def test_unpacked_weights_belong_to_their_user_when_named_after_others() -> None:
    x, y = value("x", (1, 4)), value("m/act/Relu;m/other/Conv2D;m/mine/MatMul", (1, 4))
    stored = constant("k", [[1.0] * 4] * 4)
    unpacked = value("m/other/Conv2D_dequantize", (4, 4))
    shared = value("m/other/Conv2D", (1, 4))
    unpack = new_operator("DEQUANTIZE", [stored], [unpacked])
    layer = new_operator("FULLY_CONNECTED", [x, unpacked, None], [y])
    other = new_operator("CONV_2D", [y], [shared])
    model = Model([Subgraph("main", [x], [shared], [unpack, layer, other])])
    modules = find_modules(model)
    assert modules.display_name(layer) == modules.display_name(unpack) == "m/mine"
    assert modules.display_name(other) == "m/other"


def test_mention_of_its_own_wins_when_a_shared_constant_added_others() -> None:
    """TensorFlow's converter names a result after everyone who shares the zero bias."""
    shared = "m/far/Conv2D"
    steps = [("CONV_2D", f"m/relu_{i}/Relu;{shared};m/conv_{i}/Conv2D1") for i in range(3)]
    model, operators = chain(*steps, ("CONV_2D", shared))
    modules = find_modules(model)
    assert [modules.display_name(o) for o in operators.values()] == [
        "m/conv_0",
        "m/conv_1",
        "m/conv_2",
        "m/far",
    ]


def test_result_is_in_its_module_when_it_has_the_module_s_name() -> None:
    steps = [("TANH", "conv2d_1/Kernel_dequantize"), ("TANH", "conv2d_1"), ("TANH", "add_1")]
    model, operators = chain(*steps)
    modules = find_modules(model)
    assert modules.paths[operators["conv2d_1"]] == ("conv2d_1",)


def test_depth_is_limited_when_a_name_nests_without_end() -> None:
    name = "/".join(["a"] * 100_000)
    model, operators = chain(("TANH", name))
    assert len(find_modules(model).paths[operators[name]]) == 32


def test_operators_get_no_path_when_there_is_nothing_to_go_by() -> None:
    x = Tensor("x", (1,), "FLOAT32")
    lonely = new_operator("CALL_ONCE", [], [])
    model = Model([Subgraph("main", [x], [x], [lonely]), Subgraph("", [], [], [])])
    modules = find_modules(model)
    assert modules.paths == {lonely: ()}
    assert modules.separator == "/"

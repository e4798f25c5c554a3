"""Lowering: what LiteRT computes is what PyTorch computes, with each layer's own weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from conversions import loaded_part, small_card
from edgeseal.errors import ConversionError
from edgeseal.tflite.graph import Model, find_modules
from edgeseal.watermark.cards import Part
from edgeseal.watermark.convert import exportable, sample_inputs, to_litert
from edgeseal.watermark.convert.lowering import lower
from graphs import kinds, run

FIXED = torch.rand((1, 3, 4, 6), generator=torch.Generator().manual_seed(5))
TABLE = torch.rand((6, 5), generator=torch.Generator().manual_seed(6))
NHWC = (0, 2, 3, 1)

# Functions of float32 [1, 3, 4, 6] in 0.1..1.1, by the kinds of operators that they become.
FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "number on either side": (lambda x: 2 - x * 3 + 1 / 4 + x / 8, "MUL SUB ADD MUL ADD"),
    "trivial numbers": (lambda x: ((x * 1 + 0) / 1 - 0).tanh(), "TANH"),
    "broadcast constant": (lambda x: x * FIXED + FIXED[0, 0], "MUL ADD"),
    "alpha": (lambda x: torch.add(x, x.tanh(), alpha=3), "TANH MUL ADD"),
    "unary": (lambda x: x.sqrt().exp().log().neg().abs().rsqrt(), "SQRT EXP LOG NEG ABS RSQRT"),
    "powers": (lambda x: x**2 + x**1.2, "MUL POW ADD"),
    "activations": (
        lambda x: F.silu(F.gelu(x)) + torch.sigmoid(x),
        "GELU LOGISTIC MUL LOGISTIC ADD",
    ),
    "fused ReLU": (lambda x: F.relu(x - 0.5), "SUB"),
    "ReLU beside a reader": (lambda x: F.relu(y := x - 0.5) + y, "SUB RELU ADD"),
    "clamp": (
        lambda x: x.clamp(0.2, 0.9) + x.clamp(min=0.4) + x.clamp(0, 1),
        "MAXIMUM MINIMUM MAXIMUM ADD MAXIMUM MINIMUM ADD",
    ),
    "where": (lambda x: torch.where(x <= 0.5, x, FIXED).maximum(x), "LESS_EQUAL SELECT_V2 MAXIMUM"),
    "means": (lambda x: x.mean(1) + x.mean((1, 2), keepdim=True).sum(1), "MEAN MEAN SUM ADD"),
    "mean between layouts": (
        lambda x: x.permute(NHWC).mean(-1, keepdim=True).permute(0, 3, 1, 2),
        "MEAN",
    ),
    "same twice": (lambda x: (x * 2).tanh() + (x * 2).exp(), "MUL TANH EXP ADD"),
    "softmax inside": (lambda x: x.softmax(1), "TRANSPOSE SOFTMAX TRANSPOSE"),
    "shapes": (lambda x: x.unsqueeze(0).flatten(1).reshape(4, 18), "RESHAPE"),
    "there and back": (lambda x: x.reshape(72).reshape(1, 3, 4, 6).tanh(), "TANH"),
    "moved ones": (lambda x: x.transpose(0, 1).tanh(), "TANH RESHAPE"),
    "parts": (
        lambda x: torch.cat([x[..., 1:5], *x.chunk(2, dim=-1), x[:, -1:, :, ::1]][:3], dim=-1),
        "SLICE SLICE SLICE CONCATENATION",
    ),
    "split and unbind": (
        lambda x: x.split([2, 4], -1)[1].sum() + torch.stack(x.unbind(1), -1),
        "SLICE SUM SLICE SLICE SLICE RESHAPE RESHAPE RESHAPE CONCATENATION ADD",
    ),
    "concatenated constant": (lambda x: torch.cat([x, FIXED], 1), "CONCATENATION"),
    "pads": (
        lambda x: F.pad(F.pad(x, (1, 0, 2, 1)), (2, 1, 1, 1), mode="reflect"),
        "PAD MIRROR_PAD",
    ),
    "pad of a plane": (
        lambda x: F.pad(x[..., :1].permute(0, 3, 1, 2), (1, 2, 1, 0)),
        "SLICE RESHAPE PAD",
    ),
    "product with a table": (lambda x: x @ TABLE, "RESHAPE FULLY_CONNECTED RESHAPE"),
    "product of values": (lambda x: x @ x.transpose(-1, -2), "TRANSPOSE BATCH_MATMUL"),
    "resize": (
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear").permute(NHWC),
        "TRANSPOSE RESIZE_BILINEAR",
    ),
    "pool": (
        lambda x: F.avg_pool2d(x, (2, 3), stride=1).permute(NHWC),
        "TRANSPOSE AVERAGE_POOL_2D",
    ),
    "computed constant": (lambda x: x * (TABLE.T @ TABLE).sum().sqrt(), "MUL"),
}


class Function(nn.Module):
    """Applies a function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def assert_equal(module: nn.Module, x: Tensor) -> Model:
    """Compare a module with its graph in LiteRT, and return the graph."""
    model = lower(module.eval(), [x])
    (found,) = run(model, x.numpy())
    with torch.no_grad():
        expected = module(x).numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)
    return model


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_equals_pytorch_when_lowered(name: str) -> None:
    function, expected = FUNCTIONS[name]
    x = 0.1 + torch.rand((1, 3, 4, 6), generator=torch.Generator().manual_seed(1))
    assert sorted(kinds(assert_equal(Function(function), x))) == sorted(expected.split())


@pytest.mark.parametrize(
    ("conv", "expected"),
    [
        (nn.Conv2d(6, 5, 1), ["CONV_2D"]),
        (nn.Conv2d(6, 5, 3, padding=1, bias=False), ["CONV_2D"]),
        (nn.Conv2d(6, 5, 3, padding="same"), ["CONV_2D"]),
        (nn.Conv2d(6, 5, 3, padding=2, dilation=2), ["CONV_2D"]),
        (nn.Conv2d(6, 5, (2, 3), padding=(0, 1)), ["PAD", "CONV_2D"]),
        (nn.Conv2d(6, 5, 3, stride=2, padding=1), ["PAD", "CONV_2D"]),
        (nn.Conv2d(6, 5, 2, stride=2), ["CONV_2D"]),
        (nn.Conv2d(6, 6, 3, padding=1, groups=6), ["DEPTHWISE_CONV_2D"]),
        (nn.Conv2d(6, 12, 3, groups=6), ["DEPTHWISE_CONV_2D"]),
    ],
    ids=str,
)
def test_convolution_equals_pytorch_without_transposes_when_pictures_are_nhwc(
    conv: nn.Conv2d, expected: list[str]
) -> None:
    module = Function(lambda x: conv(x.permute(0, 3, 1, 2)).permute(NHWC))
    assert kinds(assert_equal(module, torch.rand(1, 8, 8, 6))) == expected


class Layers(nn.Module):
    """Layers of one shape whose weights differ, some stored in another order than they look."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(depth))
        for layer in self.layers:
            layer.weight = nn.Parameter(torch.rand(8, 8).T - 0.5)  # strided

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return x


def test_layers_keep_their_own_weights_when_of_one_shape_and_strided() -> None:
    torch.manual_seed(0)
    model = assert_equal(Layers(4), torch.rand(2, 8))
    weights = {op.inputs[1] for op in model.main.operators if op.kind == "FULLY_CONNECTED"}
    assert len({tensor.buffer.data.tobytes() for tensor in weights}) == 4


def test_operators_grow_with_depth_when_lowered() -> None:
    shallow, deep = (lower(Layers(depth).eval(), [torch.rand(2, 8)]) for depth in (2, 5))
    assert kinds(deep) == kinds(shallow) + 3 * ["FULLY_CONNECTED", "TANH"]


def test_weights_are_stored_once_when_a_layer_is_called_twice() -> None:
    layer = nn.Linear(8, 8)
    model = assert_equal(Function(lambda x: layer(torch.tanh(layer(x)))), torch.rand(2, 8))
    assert len({op.inputs[1] for op in model.main.operators if op.kind == "FULLY_CONNECTED"}) == 1


def test_memory_is_pytorchs_or_a_files_when_weights_are_large() -> None:
    linear, conv = nn.Linear(600, 600), nn.Conv2d(64, 600, 3)
    module = nn.Sequential(nn.Flatten(1), linear, nn.Unflatten(1, (1, 24, 25)))
    (weights,) = (o.inputs[1] for o in lower(module, [torch.rand(1, 600)]).main.operators[:1])
    assert np.shares_memory(weights.buffer.data, linear.weight.detach().numpy())
    graph = lower(conv, [torch.rand(1, 64, 4, 4)]).main
    (filters,) = (o.inputs[1] for o in graph.operators if o.kind == "CONV_2D")
    base = filters.buffer.data
    while base is not None and not isinstance(base, np.memmap):
        base = base.base
    assert base is not None
    np.testing.assert_array_equal(
        filters.buffer.data.view(np.float32).reshape(filters.shape),
        conv.weight.detach().permute(0, 2, 3, 1).numpy(),
    )


def test_unknown_operators_are_listed_when_there_are_several() -> None:
    module = Function(lambda x: torch.fft.rfft(x).abs().cumsum(0).erfinv())
    with pytest.raises(ConversionError, match="PyTorch's cumsum, erfinv, fft_rfft: no form"):
        lower(module, [torch.rand(2, 8)])


def test_reason_is_given_when_an_operator_is_known_but_not_its_form() -> None:
    cases = {
        "groups of 2 channels": nn.Conv2d(4, 4, 1, groups=2),
        "write the batch dimensions out": Function(lambda x: x @ x[:, :1]),
        "slice with steps of 2": Function(lambda x: x[..., ::2]),
    }
    for reason, module in cases.items():
        with pytest.raises(ConversionError, match=reason):
            lower(module.eval(), [torch.rand(1, 4, 4, 4)])


@pytest.mark.parametrize("part", Part)
def test_operators_and_layer_names_are_litert_torchs_but_for_reshapes(part: Part) -> None:
    """The converter writes the constant and a mean's dimension back in operators of their own."""
    loaded = loaded_part(part, card=small_card())
    module, sample = exportable(loaded.module, 256), sample_inputs(loaded)[0]
    ours, theirs = (counted(convert(module, sample)) for convert in (lower, to_litert))
    assert sum(count for (kind, _), count in ours.items() if "CONV" in kind or "FULL" in kind) > 5
    assert ours == theirs


def counted(model: Model) -> Counter[tuple[str, str]]:
    """Count operators by kind; those with weights by layer too."""
    modules = find_modules(model)
    return Counter(
        (op.kind, modules.display_name(op) if {"CONV_2D", "FULLY_CONNECTED"} & {op.kind} else "")
        for op in model.main.operators
        if op.kind != "RESHAPE"
    )

"""Second moments: PyTorch's unfold gives the rows that a layer sees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import pad, unfold

from edgeseal.tflite.calibration import CalibrationInputs, Moments, _moments, second_moments
from edgeseal.tflite.graph import Model, Operator, Tensor, new_operator
from graphs import constant, model_of, run, value

SAME, VALID = 0, 1


class Drawn(CalibrationInputs):
    """Inputs without pictures."""

    def __init__(self, *shape: int, count: int = 2) -> None:
        super().__init__(tuple(Path(str(index)) for index in range(count)))
        object.__setattr__(self, "shape", shape)

    __slots__ = ("shape",)

    def arrays(self, index: int, model: Model) -> list[np.ndarray]:
        rng = np.random.default_rng(index)
        return [rng.normal(size=self.shape).astype(np.float32)]


def weights(*shape: int) -> Tensor:
    return constant("w", np.random.default_rng(9).normal(size=shape).astype(np.float32))


def conv(
    source: Tensor, kernel: Tensor, result: Tensor, *, stride: int, dilation: int, padding: int
) -> Operator:
    bias = constant("b", np.zeros(kernel.shape[0], np.float32))
    return new_operator(
        "CONV_2D", [source, kernel, bias], [result],
        strideH=stride, strideW=stride, dilationHFactor=dilation, dilationWFactor=dilation,
        padding=padding, fusedActivationFunction=0,
    )  # fmt: skip


def rows_by_torch(
    values: np.ndarray, kernel: tuple[int, int], stride: int, dilation: int, padding: int
) -> np.ndarray:
    """Rows [outputs, kernel h * kernel w * channels] of float32 [1, H, W, C]."""
    planes = torch.from_numpy(values).permute(0, 3, 1, 2)
    if padding == SAME:
        sides = []
        for size, taps in zip(reversed(values.shape[1:3]), reversed(kernel), strict=True):
            reach = (-(-size // stride) - 1) * stride + (taps - 1) * dilation + 1
            total = max(0, reach - size)
            sides += [total // 2, total - total // 2]
        planes = pad(planes, sides)
    columns = unfold(planes, kernel, dilation=dilation, stride=stride)[0]  # [C * kh * kw, outputs]
    taps = kernel[0] * kernel[1]
    return columns.reshape(-1, taps, columns.shape[-1]).permute(2, 1, 0).flatten(1).numpy()


@pytest.mark.parametrize("padding", [SAME, VALID])
@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "size"),
    [
        ((3, 3), 1, 1, (9, 9)), ((3, 3), 2, 1, (9, 8)), ((1, 1), 1, 1, (5, 7)),
        ((2, 4), 2, 1, (11, 10)), ((3, 3), 1, 2, (12, 9)), ((4, 4), 4, 1, (16, 12)),
        ((7, 7), 1, 1, (8, 8)), ((1, 1), 2, 1, (5, 5)),
    ],
)  # fmt: skip
def test_moments_are_those_of_torchs_unfold_when_geometry_varies(
    kernel: tuple[int, int], stride: int, dilation: int, size: tuple[int, int], padding: int
) -> None:
    inputs = Drawn(1, *size, 3)
    rows = np.concatenate(
        [
            rows_by_torch(inputs.arrays(index, None)[0], kernel, stride, dilation, padding)
            for index in range(2)
        ]
    )
    outputs = [
        -(-side // stride) if padding == SAME else (side - (taps - 1) * dilation - 1) // stride + 1
        for side, taps in zip(size, kernel, strict=True)
    ]
    assert len(rows) == 2 * outputs[0] * outputs[1]
    x, y = value("x", [1, *size, 3]), value("y", [1, *outputs, 4])
    layer = conv(x, weights(4, *kernel, 3), y, stride=stride, dilation=dilation, padding=padding)
    ((found, moments),) = second_moments(model_of([x], [y], [layer]), [layer], inputs)
    assert found is layer
    assert moments.rows == len(rows)
    assert np.allclose(moments.second, rows.T @ rows / len(rows), atol=1e-5)
    assert np.allclose(moments.mean, rows.mean(axis=0), atol=1e-5)


def test_rows_of_all_groups_count_when_kernels_are_grouped() -> None:
    """A convolution in two groups, as LiteRT computes it: channels 0..1 and 2..3 apart."""
    x, y = value("x", [1, 6, 6, 4]), value("y", [1, 6, 6, 8])
    kernel = weights(8, 3, 3, 2)
    layer = conv(x, kernel, y, stride=1, dilation=1, padding=SAME)
    model, inputs = model_of([x], [y], [layer]), Drawn(1, 6, 6, 4)
    ((_, moments),) = second_moments(model, [layer], inputs)
    values = [inputs.arrays(index, model)[0] for index in range(2)]
    halves = [
        rows_by_torch(np.ascontiguousarray(part[..., at : at + 2]), (3, 3), 1, 1, SAME)
        for at in (0, 2)
        for part in values
    ]
    rows = np.concatenate(halves)
    assert moments.rows == len(rows) == 2 * 2 * 36
    assert np.allclose(moments.second, rows.T @ rows / len(rows), atol=1e-5)
    outputs = np.concatenate([run(model, part)[0].reshape(-1, 8) for part in values])
    table = kernel.buffer.data.view(np.float32).reshape(8, -1)
    halves_of = [np.concatenate(halves[:2]), np.concatenate(halves[2:])]
    for channel in range(8):
        expected = np.square(halves_of[channel // 4] @ table[channel]).mean()
        assert np.square(outputs[:, channel]).mean() == pytest.approx(expected, rel=1e-4)


def test_depthwise_moments_are_those_of_each_channel_when_compared_with_torch() -> None:
    x, y = value("x", [1, 8, 6, 3]), value("y", [1, 4, 3, 6])
    kernel = weights(1, 3, 3, 6)
    layer = new_operator(
        "DEPTHWISE_CONV_2D", [x, kernel, constant("b", np.zeros(6, np.float32))], [y],
        strideH=2, strideW=2, dilationHFactor=1, dilationWFactor=1, padding=SAME,
        depthMultiplier=2, fusedActivationFunction=0,
    )  # fmt: skip
    inputs = Drawn(1, 8, 6, 3)
    ((_, moments),) = second_moments(model_of([x], [y], [layer]), [layer], inputs)
    assert moments.second.shape == (6, 9, 9)
    for channel in range(6):
        rows = np.concatenate(
            [
                rows_by_torch(values[..., channel // 2 :][..., :1].copy(), (3, 3), 2, 1, SAME)
                for values in (inputs.arrays(index, None)[0] for index in range(2))
            ]
        )
        assert np.allclose(moments.second[channel], rows.T @ rows / len(rows), atol=1e-5)
        assert np.allclose(moments.mean[channel], rows.mean(axis=0), atol=1e-5)


def linear(source: Tensor, count: int, name: str) -> tuple[Operator, Tensor]:
    result = value(name, [*source.shape[:-1], count])
    table = weights(count, source.shape[-1])
    return new_operator(
        "FULLY_CONNECTED", [source, table, None], [result], keepNumDims=True
    ), result


def test_rows_are_all_leading_dimensions_when_a_linear_layer_keeps_them() -> None:
    x = value("x", [2, 5, 4])
    layer, y = linear(x, 3, "y")
    inputs = Drawn(2, 5, 4)
    ((_, moments),) = second_moments(model_of([x], [y], [layer]), [layer], inputs)
    rows = np.concatenate([inputs.arrays(index, None)[0].reshape(-1, 4) for index in range(2)])
    assert moments.rows == 20
    assert np.allclose(moments.second, rows.T @ rows / 20, atol=1e-6)


def three_layers() -> tuple[Model, list[Operator]]:
    """Two layers of the same input, and one behind the first."""
    x = value("x", [1, 6])
    one, h = linear(x, 5, "h")
    two, a = linear(x, 4, "a")
    three, b = linear(h, 3, "b")
    return model_of([x], [a, b], [one, two, three]), [one, two, three]


def test_moments_are_shared_when_layers_see_the_same() -> None:
    model, layers = three_layers()
    found = dict(second_moments(model, layers, Drawn(1, 6)))
    assert found[layers[0]] is found[layers[1]]
    assert found[layers[2]].second.shape == (5, 5)


@pytest.mark.parametrize(("limit", "runs"), [(4 * (36 + 25), 1), (4 * 36, 2), (1, 2)])
def test_model_runs_once_for_each_group_when_memory_is_limited(
    limit: int, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, layers = three_layers()
    calls: list[Sequence[Tensor]] = []
    observe = _moments.observe_values

    def counted(*arguments: object) -> None:
        calls.append(arguments[1])
        observe(*arguments)

    monkeypatch.setattr(_moments, "observe_values", counted)
    limited = dict(second_moments(model, layers, Drawn(1, 6), limit_bytes=limit))
    assert len(calls) == runs
    whole = dict(second_moments(model, layers, Drawn(1, 6)))
    for layer in layers:
        assert np.array_equal(limited[layer].second, whole[layer].second)


@pytest.mark.parametrize("side", [80, 160])  # 6,400 and 25,600 places
def test_rows_are_thinned_evenly_when_there_are_very_many(side: int) -> None:
    rows, columns = np.mgrid[:side, :side].astype(np.float32) / side

    class Ramp(Drawn):
        __slots__ = ()

        def arrays(self, index: int, model: Model) -> list[np.ndarray]:
            return [np.stack([rows, columns], axis=-1)[np.newaxis]]

    x, y = value("x", [1, side, side, 2]), value("y", [1, side, side, 3])
    layer = conv(x, weights(3, 1, 1, 2), y, stride=1, dilation=1, padding=SAME)
    ((_, moments),) = second_moments(model_of([x], [y], [layer]), [layer], Ramp(count=1))
    assert 2048 <= moments.rows <= 4096
    assert np.allclose(moments.mean, [rows.mean(), columns.mean()], atol=0.02)
    assert np.allclose(
        moments.second,
        [
            [np.square(rows).mean(), (rows * columns).mean()],
            [(rows * columns).mean(), np.square(columns).mean()],
        ],
        atol=0.02,
    )


def test_nothing_is_divided_by_zero_when_no_row_was_seen() -> None:
    empty = Moments(*(np.zeros(shape, np.float32) for shape in (2, (2, 2), 2)))
    assert not empty.second.any()
    assert not empty.mean.any()


def test_layer_is_refused_when_it_has_no_weights() -> None:
    x, y = value("x", [1, 4]), value("y", [1, 4])
    layer = new_operator("FULLY_CONNECTED", [x, None], [y])
    with pytest.raises(ValueError, match="has no input or weights"):
        list(second_moments(model_of([x], [y], [layer]), [layer], Drawn(1, 4)))


@pytest.mark.parametrize("lead", [(), (3,)])
def test_covariance_is_numpys_when_rows_hardly_vary(lead: tuple[int, ...]) -> None:
    rows = np.random.default_rng(0).normal(3, 1e-4, (4, *lead, 50, 5)).astype(np.float32)
    moments = Moments(*(np.zeros((*lead, *shape), np.float32) for shape in ((5,), (5, 5), (5,))))
    for part in rows:
        moments.add(part)
    every = np.concatenate(rows, axis=-2).astype(np.float64).reshape(-1, 200, 5)
    expected = np.stack([np.cov(part.T, bias=True) for part in every]).reshape(*lead, 5, 5)
    assert np.allclose(moments.covariance, expected, rtol=1e-3, atol=1e-12)
    assert np.allclose(moments.mean, every.mean(axis=-2).reshape(*lead, 5), rtol=1e-6)

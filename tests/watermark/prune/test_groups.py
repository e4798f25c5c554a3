"""Cutting units that do nothing changes nothing; the chosen cut costs what it says."""

from __future__ import annotations

import dataclasses
import sys

import pytest
import torch
from torch import Tensor, nn

from edgeseal.errors import MissingExtraError
from edgeseal.watermark.cards import Part
from edgeseal.watermark.models import build
from edgeseal.watermark.prune._choose_channels import (
    ChannelStatistics,
    choose_steps,
    cut,
    measure_statistics,
)
from edgeseal.watermark.prune._groups import ChannelGroup, groups, pruned_spec
from edgeseal.watermark.prune._prune import _prove_structure, _with_spec
from edgeseal.watermark.prune._refit import refit
from watermark.prune.detectors import FAMILIES, detector, pictures, small_card, twin


def silence(group: ChannelGroup, units: list[int]) -> Tensor:
    """Let the consumer ignore units; returns the features that are left."""
    gone = [unit * group.unit + at for unit in units for at in range(group.unit)]
    group.consumer.weight[:, gone] = 0
    return torch.tensor([i for i in range(group.consumer.in_features) if i not in gone])


def test_logits_stay_when_units_that_nothing_reads_are_cut() -> None:
    module = detector("vit")
    batch = pictures(2)
    for number, group in enumerate(groups(module)):
        units = [0] if group.kind == "heads" else [number, group.units - 1]
        kept = silence(group, units)
        expected = module(batch)
        group.cut(kept)
        group.consumer.weight.requires_grad_(False)
        found = module(batch)
        assert torch.allclose(found, expected, atol=1e-5)
        assert group.units == len(kept) // group.unit
    assert module(batch).shape == (2, 9)


def test_channels_are_those_left_when_a_convnext_block_is_cut() -> None:
    """Its response norm takes all channels together: what is cut is compared, not the result."""
    module = detector("convnext")
    for group in groups(module):
        block, size = group.block, group.consumer.in_features
        kept = torch.arange(0, size, 2)
        expected = {
            "pwconv1.weight": block.pwconv1.weight[kept], "pwconv1.bias": block.pwconv1.bias[kept],
            "grn.gamma": block.grn.gamma[..., kept], "grn.beta": block.grn.beta[..., kept],
            "pwconv2.weight": block.pwconv2.weight[:, kept],
        }  # fmt: skip
        expected = {name: value.clone() for name, value in expected.items()}
        group.cut(kept)
        state = block.state_dict()
        for name, value in expected.items():
            assert torch.equal(state[name], value), name
    assert module(pictures(1)).shape == (1, 9)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_card_builds_the_network_when_groups_were_cut(family: str) -> None:
    module, card = detector(family), small_card(family)
    for number, group in enumerate(groups(module)):
        left = max(1, group.units - 1 - number)
        group.cut(torch.arange(left * group.unit))
    own = dataclasses.replace(card, detector=pruned_spec(card, module))
    again = build(own, Part.DETECTOR).eval().requires_grad_(False)
    again.load_state_dict(module.state_dict(), strict=True)
    assert torch.equal(again(pictures(2)), module(pictures(2)))
    _prove_structure(module, _with_spec(card, module))


@pytest.mark.parametrize("family", list(FAMILIES))
def test_nothing_is_cut_when_everything_is_kept(family: str) -> None:
    module = detector(family)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    for group in groups(module):
        group.cut(torch.arange(group.consumer.in_features))
    after = module.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_detector_is_refused_when_it_is_of_no_known_family() -> None:
    with pytest.raises(TypeError, match="no detector to prune: Linear"):
        groups(nn.Linear(2, 2))
    with pytest.raises(TypeError, match="no detector of card small: Linear"):
        pruned_spec(small_card("vit"), nn.Linear(2, 2))
    with pytest.raises(TypeError, match="no detector of card small"):
        pruned_spec(small_card("convnext"), detector("vit"))


@pytest.mark.parametrize("kind", ["heads", "channels"])
def test_extra_is_named_when_torch_pruning_is_missing(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = next(group for group in groups(detector("vit")) if group.kind == kind)
    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    with pytest.raises(MissingExtraError, match=r"pruning a detector needs the extra \[prune\]"):
        group.cut(torch.arange(group.unit))


@pytest.mark.parametrize("family", list(FAMILIES))
def test_statistics_are_torchs_when_measured_on_pictures(family: str) -> None:
    module, batch = detector(family), pictures(6)
    found = groups(module)
    seen: dict[int, list[Tensor]] = {index: [] for index in range(len(found))}
    handles = [
        group.consumer.register_forward_pre_hook(
            lambda _, args, at=index: seen[at].append(args[0].detach().flatten(0, -2))
        )
        for index, group in enumerate(found)
    ]
    for start in (0, 4):
        module(batch[start : start + 4])
    for handle in handles:
        handle.remove()
    for index, statistics in enumerate(measure_statistics(module, found, batch, seed=0)):
        rows = torch.cat(seen[index]).double()
        assert statistics.positions == len(rows) // 6
        assert torch.allclose(statistics.mean, rows.mean(0), atol=1e-6)
        expected = torch.cov(rows.T, correction=0)
        assert torch.allclose(statistics.covariance, expected, atol=1e-5)
        assert statistics.gain > 0
    assert not any(group.consumer._forward_pre_hooks for group in found)
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_statistics_are_the_same_when_measured_again() -> None:
    module = detector("vit")
    one, other = (measure_statistics(module, groups(module), pictures(5), 3) for _ in range(2))
    assert [found.gain for found in one] == [found.gain for found in other]
    assert all(torch.equal(a.covariance, b.covariance) for a, b in zip(one, other, strict=True))


def test_gain_is_what_noise_does_to_the_logits_when_it_is_added() -> None:
    module, batch = detector("vit"), pictures(8)
    found = groups(module)
    measured = measure_statistics(module, found, batch, seed=0)
    generator = torch.Generator().manual_seed(9)
    clean = module(batch)[:, 1:]
    for group, statistics in zip(found, measured, strict=True):
        errors = []
        for _ in range(12):
            handle = group.consumer.register_forward_hook(
                lambda _, __, out: out + 1e-3 * torch.randn(out.shape, generator=generator)
            )
            errors.append(float((module(batch)[:, 1:] - clean).square().sum(1).mean()))
            handle.remove()
        # noise of variance 1 in each of the consumer's outputs, which are `out_features`
        expected = group.consumer.out_features * statistics.gain * 1e-6
        assert sum(errors) / len(errors) == pytest.approx(expected, rel=0.6)


@pytest.mark.parametrize("family", list(FAMILIES))
@pytest.mark.parametrize("ratio", [0.1, 0.4, 0.7])
def test_removed_work_reaches_the_ratio_when_steps_are_chosen(family: str, ratio: float) -> None:
    module = detector(family)
    found = groups(module)
    statistics = measure_statistics(module, found, pictures(4), seed=0)
    steps = choose_steps(found, statistics, ratio)
    weights = [group.units * group.weights for group in found]
    macs = [w * stats.positions for w, stats in zip(weights, statistics, strict=True)]
    shares = [
        0.5 * w / sum(weights) + 0.5 * m / sum(macs) for w, m in zip(weights, macs, strict=True)
    ]
    own = [count * group.step / group.units for count, group in zip(steps, found, strict=True)]
    removed = sum(share * part for share, part in zip(shares, own, strict=True))
    largest = max(s * g.step / g.units for s, g in zip(shares, found, strict=True))
    assert all(count * group.step < group.units for count, group in zip(steps, found, strict=True))
    is_exhausted = all(
        group.units - count * group.step <= group.step
        for count, group in zip(steps, found, strict=True)
    )
    assert is_exhausted or ratio - 1e-9 <= removed <= ratio + largest + 1e-9


def test_useless_units_go_first_when_one_group_has_them() -> None:
    module = detector("vit")
    found = groups(module)
    heads = next(group for group in found if group.kind == "heads")
    silence(heads, [1, 2])
    statistics = measure_statistics(module, found, pictures(4), seed=0)
    steps = choose_steps(found, statistics, 0.01)
    assert steps[found.index(heads)] >= 1
    expected = module(pictures(2))
    cut(heads, statistics[found.index(heads)], 2)
    assert heads.units == 2
    assert torch.allclose(module(pictures(2)), expected, atol=1e-3)


def test_mean_of_the_output_stays_when_units_are_cut() -> None:
    """What a cut takes away on average goes into the bias."""
    module, batch = detector("vit"), pictures(8)
    found = groups(module)
    group = found[1]  # channels of the first block
    (statistics,) = measure_statistics(module, [group], batch, seed=0)
    seen: list[Tensor] = []

    def mean() -> Tensor:
        seen.clear()
        handle = group.consumer.register_forward_hook(
            lambda _, __, out: seen.append(out.flatten(0, -2))
        )
        module(batch)
        handle.remove()
        return torch.cat(seen).mean(0)

    before = mean()
    cut(group, statistics, 1)
    assert group.consumer.in_features == group.consumer.weight.shape[1] == 32
    assert torch.allclose(mean(), before, atol=1e-4)


def test_group_is_left_alone_when_it_gives_up_nothing() -> None:
    module = detector("vit")
    group = groups(module)[0]
    before = group.consumer.weight.clone()
    nothing = ChannelStatistics(torch.zeros(1), torch.zeros(1, 1), 1, 1.0)
    cut(group, nothing, 0)
    assert torch.equal(group.consumer.weight, before)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_cheap_cut_is_nearer_than_a_blind_one_when_half_is_gone(family: str) -> None:
    teacher, batch = detector(family), pictures(8)
    chosen, blind = twin(teacher), twin(teacher)
    found = groups(chosen)
    statistics = measure_statistics(chosen, found, batch, seed=0)
    steps = choose_steps(found, statistics, 0.4)
    for group, stats, count in zip(found, statistics, steps, strict=True):
        cut(group, stats, count)
    for group, count in zip(groups(blind), steps, strict=True):
        group.cut(torch.arange((group.units - count * group.step) * group.unit))
    expected = teacher(batch)
    ours, theirs = ((one(batch) - expected).square().mean() for one in (chosen, blind))
    assert ours < 0.9 * theirs


@pytest.mark.parametrize("family", list(FAMILIES))
def test_weights_come_back_when_consumers_were_spoiled(family: str) -> None:
    """Nothing was cut: least squares finds the original's layers again."""
    teacher = detector(family)
    student = twin(teacher)
    found = groups(student)
    generator = torch.Generator().manual_seed(1)
    for group in found:
        noise = torch.randn(group.consumer.weight.shape, generator=generator)
        group.consumer.weight.add_(0.05 * noise)
        group.consumer.bias.add_(0.1)
    stages: list[tuple[int, int]] = []
    batch = pictures(16)
    spoiled = float((student(batch) - teacher(batch)).square().mean())
    refit(student, teacher, found, batch, lambda done, of: stages.append((done, of)))
    assert float((student(batch) - teacher(batch)).square().mean()) < 0.02 * spoiled
    assert stages == [(number + 1, len(stages)) for number in range(len(stages))]


def test_rows_are_in_the_order_of_windows_when_heads_are_fitted() -> None:
    teacher = detector("vit")
    student = twin(teacher)
    found, original = groups(student)[0], groups(teacher)[0]
    found.consumer.weight.mul_(0.5)
    refit(student, teacher, [found], pictures(32), lambda *_: None)
    error = (found.consumer.weight - original.consumer.weight).norm()
    assert error < 0.2 * original.consumer.weight.norm()  # but for the damping


def test_teacher_is_unchanged_when_the_student_is_fitted() -> None:
    teacher = detector("vit")
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    student = twin(teacher)
    found = groups(student)
    for group in found:
        group.cut(torch.arange(max(group.unit, group.consumer.in_features // 2)))
    refit(student, teacher, found, pictures(8), lambda *_: None)
    assert all(torch.equal(value, teacher.state_dict()[name]) for name, value in before.items())


@pytest.mark.parametrize("family", list(FAMILIES))
def test_fit_is_nearer_on_other_pictures_when_half_was_cut(family: str) -> None:
    teacher = detector(family)
    student = twin(teacher)
    found = groups(student)
    for group in found:
        group.cut(torch.arange(group.units // 2 * group.unit))
    student.requires_grad_(False)
    others = pictures(8, seed=1)
    before = float((student(others) - teacher(others)).square().mean())
    refit(student, teacher, found, pictures(32), lambda *_: None)
    assert float((student(others) - teacher(others)).square().mean()) < before


def test_refit_is_refused_when_it_is_of_no_known_family() -> None:
    with pytest.raises(TypeError, match="no detector to prune: Linear"):
        refit(nn.Linear(2, 2), nn.Linear(2, 2), [], pictures(1), lambda *_: None)

"""Names that are meant, and problems that are said together."""

from __future__ import annotations

import pytest

from edgeseal._did_you_mean import did_you_mean
from edgeseal._problems import Problems
from edgeseal.errors import FileError, MissingExtraError, OutputExistsError, UsageError
from edgeseal.watermark.cards import card_names


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("videoseal0", "videoseal_0.0"),
        ("videoseal1", "videoseal_1.0"),
        ("VideoSeal-1.0", "videoseal_1.0"),
        ("refrence", "reference"),
        ("pixel", "pixelseal"),
    ],
)
def test_nearest_name_is_proposed(name: str, meant: str) -> None:
    assert did_you_mean(name, card_names()) == f"did you mean {meant}? "


def test_nothing_is_proposed_when_nothing_is_near() -> None:
    assert did_you_mean("resnet50", card_names()) == ""


def test_only_problem_is_raised_as_it_is() -> None:
    problems = Problems()
    problems.check()
    problem = OutputExistsError("a: exists already")
    with problems.collected():
        raise problem
    with pytest.raises(OutputExistsError) as caught:
        problems.check()
    assert caught.value is problem


def test_all_problems_are_one_when_there_are_several() -> None:
    problems = Problems()
    with problems.collected():
        raise FileError("first")
    problems.expect_at_least(1, threads=0, workers=None, every=3)
    with problems.collected():
        raise MissingExtraError("second", "video")
    with pytest.raises(UsageError) as caught:
        problems.check()
    lines = str(caught.value).splitlines()
    assert lines[:2] == ["first", "  `threads`: expected 1 or more, got 0"]
    assert lines[2].startswith("  second needs the extra [video]")
    with pytest.raises(ZeroDivisionError), problems.collected():
        raise ZeroDivisionError

"""The reports to upstream still show what they say; one that does not is fixed, and good news."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pages import ROOT

FOLDER = ROOT / "docs" / "upstream"
SECTIONS = re.compile(r"^`(?P<script>\w+\.py)`\..*?^```\n(?P<quoted>.*?)^```", re.M | re.S)
QUOTED = {m["script"]: m["quoted"] for m in SECTIONS.finditer((FOLDER / "index.md").read_text())}
CPU = Path("/proc/cpuinfo")
HAS_VNNI = CPU.exists() and "avx512_vnni" in CPU.read_text()
NUMBER = re.compile(r"\d+\.\d+")


def printed(script: str) -> str:
    """Return what a program prints."""
    command = [sys.executable, str(FOLDER / script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def times_a_tap(text: str) -> list[float]:
    return [float(line.split(", ")[1].split()[0]) for line in text.strip().splitlines()]


def test_every_program_is_quoted_when_there_is_one() -> None:
    programs = {path.name for path in FOLDER.glob("*.py") if not path.name.startswith("_")}
    assert set(QUOTED) == programs


@pytest.mark.parametrize("script", ["batch_matmul_scales.py", "iota.py", "left_constant.py"])
def test_program_prints_what_the_page_quotes(script: str) -> None:
    lines = [line.strip() for line in QUOTED[script].strip().splitlines()]
    parts = [".*".join(map(re.escape, line.split("..."))) for line in lines]
    assert re.search(r".*?^".join(parts), printed(script), re.M | re.S)


def test_strided_constants_are_mixed_up_and_others_are_not() -> None:
    for text in (QUOTED["strided_constant.py"], printed("strided_constant.py")):
        contiguous, strided = re.findall(r"(\d+) of 16 tables have their own values", text)
        assert int(strided) < int(contiguous) == 16


def test_large_depthwise_convolutions_cost_many_times_more_a_tap() -> None:
    quoted, now = QUOTED["large_depthwise.py"], printed("large_depthwise.py")
    assert NUMBER.sub("N", now) == NUMBER.sub("N", quoted)
    for text in (quoted, now):
        small, five, seven, nine = times_a_tap(text)
        assert max(small, five) * 4 < min(seven, nine)


def test_products_with_a_zero_point_on_the_right_stay_behind() -> None:
    quoted, now = QUOTED["right_zero_point.py"], printed("right_zero_point.py")
    assert NUMBER.sub("N", now) == NUMBER.sub("N", quoted)
    for text in (quoted, now):
        none, left, right = map(float, NUMBER.findall(text))
        assert max(none, left) * 5 < right


@pytest.mark.skipif(not HAS_VNNI, reason="no AVX-512 VNNI, or not Linux")
def test_static_linear_layers_stay_behind_dynamic_ones_without_amx() -> None:
    quoted, now = QUOTED["static_linear.py"], printed("static_linear.py")
    assert NUMBER.sub("N", now) == NUMBER.sub("N", quoted)
    for text in (quoted, now):
        assert float(NUMBER.findall(text)[-1]) > 1.1

"""The reports to upstream still show what they say; one that does not is fixed, and good news.

Times are another machine's everywhere else, so only those of the pages are held to what they say.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys

import pytest

from docs.pages import ROOT
from patience import HANG_S
from tflite.devices.needs import needs

FOLDER = ROOT / "docs" / "upstream"
SECTIONS = re.compile(r"^`(?P<script>\w+\.py)`\..*?^```\n(?P<quoted>.*?)^```", re.M | re.S)
QUOTED = {m["script"]: m["quoted"] for m in SECTIONS.finditer((FOLDER / "index.md").read_text())}
NUMBER = re.compile(r"\d+\.\d+")
ONLY_LINUX_ON_X86 = pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="refuses AMX, by Linux"
)


def printed(script: str) -> str:
    """Return what a program prints."""
    command = [sys.executable, str(FOLDER / script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def times_a_tap(text: str) -> list[float]:
    return [float(line.split(", ")[1].split()[0]) for line in text.strip().splitlines()]


def test_every_program_is_quoted_when_there_is_one() -> None:
    programs = {path.name for path in FOLDER.glob("*.py") if not path.name.startswith("_")}
    assert set(QUOTED) == programs


@pytest.mark.parametrize(
    "script",
    [
        "batch_matmul_scales.py",
        "iota.py",
        "left_constant.py",
        pytest.param("gpu_shapes.py", marks=needs("gpu", everywhere=True)),
        pytest.param("gpu_versions.py", marks=needs("gpu", everywhere=True)),
        pytest.param("quantized_exp.py", marks=needs("qualcomm")),
    ],
)
def test_program_prints_what_the_page_quotes(script: str) -> None:
    lines = [line.strip() for line in QUOTED[script].strip().splitlines()]
    parts = [".*".join(map(re.escape, line.split("..."))) for line in lines]
    assert re.search(r".*?^".join(parts), printed(script), re.M | re.S)


def test_strided_constants_are_mixed_up_and_others_are_not() -> None:
    for text in (QUOTED["strided_constant.py"], printed("strided_constant.py")):
        contiguous, strided = re.findall(r"(\d+) of 16 tables have their own values", text)
        assert int(strided) < int(contiguous) == 16


@pytest.mark.parametrize(
    "script",
    [
        "large_depthwise.py",
        "right_zero_point.py",  # which names who runs the product, too
        pytest.param("static_linear.py", marks=ONLY_LINUX_ON_X86),
    ],
)
def test_program_prints_what_the_page_quotes_but_for_its_times(script: str) -> None:
    assert NUMBER.sub("N", printed(script)) == NUMBER.sub("N", QUOTED[script])


def test_quoted_times_show_what_the_page_says() -> None:
    small, five, seven, nine = times_a_tap(QUOTED["large_depthwise.py"])
    assert max(small, five) * 4 < min(seven, nine)
    none, left, right = map(float, NUMBER.findall(QUOTED["right_zero_point.py"]))
    assert max(none, left) * 5 < right
    assert all(float(ratio) > 1.1 for ratio in NUMBER.findall(QUOTED["static_linear.py"])[2::3])

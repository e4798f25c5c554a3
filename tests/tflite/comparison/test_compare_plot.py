"""The plot: well formed, self-contained, and nothing in names gets out of its text."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from html import escape
from pathlib import Path

import pytest

from edgeseal.errors import OutputExistsError, UsageError
from edgeseal.tflite.comparison import (
    Comparison,
    Means,
    OperatorError,
    OutputError,
    SampleReading,
    summary_lines,
    write_plot,
)
from edgeseal.tflite.graph import Operator
from edgeseal.tflite.metrics import TensorError
from graphs import value

SVG = "{http://www.w3.org/2000/svg}"


def operator_error(number: int, module: str, *errors: float | None, message: str = "") -> object:
    parts = [None if e is None else TensorError(e, e) for e in errors]
    operator = Operator("CONV_2D", [], [value(f"t{number}", [1])])
    return OperatorError(
        number, operator, module, operator, Means.NAME, True, SampleReading(*parts, message)
    )


def comparison(operators: Sequence[OperatorError]) -> Comparison:
    output = OutputError("out", TensorError(0.01, 0.5), 0.2, 0.75)
    return Comparison(
        Path("a.tflite"), Path("b <&>.tflite"), 2, tuple(operators), (), (output,), "", ""
    )


def blocks(count: int = 3) -> Comparison:
    operators = [
        operator_error(0, "net.stem", 1e-4, 0, 1e-4),
        *(
            operator_error(1 + i, f"net.blocks.{i}.conv", 10.0**-i, 1e-3, 2e-3)
            for i in range(count)
        ),
        operator_error(1 + count, "net.head<b>", None, 1e-3, 2e-3, message="refused & <done>"),
    ]
    return comparison(operators)


def drawing(found: Comparison, folder: Path) -> ET.Element:
    write_plot(found, folder / "plot.svg", overwrite=True)
    return ET.parse(folder / "plot.svg").getroot()


def texts(root: ET.Element, tag: str) -> list[str]:
    return [element.text or "" for element in root.iter(SVG + tag)]


def heights(root: ET.Element) -> list[float]:
    dots = (e for e in root.iter(SVG + "circle") if e.get("class") == "own" and e.get("cx") != "0")
    return [float(dot.get("cy", "")) for dot in dots]


def test_every_operator_tells_its_numbers_when_pointed_at(tmp_path: Path) -> None:
    titles = texts(drawing(blocks(), tmp_path), "title")
    assert len(titles) == 5
    assert titles[1] == "1 CONV_2D\nnet.blocks.0.conv\nown: 1.0e+00\narriving: 1.0e-03\n" + (
        "leaving: 2.0e-03"
    )
    assert "own: not measured" in titles[4]
    assert "refused & <done>" in titles[4]


def test_larger_errors_are_drawn_higher(tmp_path: Path) -> None:
    stem, first, second, third = heights(drawing(blocks(), tmp_path))
    assert first < second < third < stem  # 1, 0.1, 0.01, 0.0001; y grows downwards
    assert second - first == pytest.approx(third - second)


def test_modules_are_named_along_the_axis_without_what_they_share(tmp_path: Path) -> None:
    labels = texts(drawing(blocks(), tmp_path), "text")
    assert {"stem", "blocks.0.conv", "blocks.1.conv", "head<b>"} <= set(labels)


def test_numbers_stand_along_the_axis_when_there_are_too_many_modules(tmp_path: Path) -> None:
    operators = [operator_error(i, f"conv{i}", 1e-4, 0, 1e-4) for i in range(60)]
    assert {"0", "5", "55"} <= set(texts(drawing(comparison(operators), tmp_path), "text"))


def test_lower_edge_is_zero_when_there_are_no_errors(tmp_path: Path) -> None:
    root = drawing(comparison([operator_error(0, "", 0, 0, 0)]), tmp_path)
    assert "0" in texts(root, "text")
    assert heights(root) == []
    assert drawing(comparison([]), tmp_path).tag == SVG + "svg"


def test_line_is_broken_when_an_operator_was_not_measured(tmp_path: Path) -> None:
    operators = [operator_error(i, "", 0, 0, None if i == 1 else 0.1) for i in range(4)]
    root = drawing(comparison(operators), tmp_path)
    line = next(e for e in root.iter(SVG + "path") if e.get("class") == "leaving")
    assert re.sub(r"[^ML]", "", line.get("d", "")) == "MML"


def test_page_holds_everything_itself_when_written(tmp_path: Path) -> None:
    write_plot(blocks(), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "b &lt;&amp;&gt;.tflite against a.tflite" in page
    assert not re.findall(r"(?:src|href)=|url\(|@import|<script", page)
    assert "prefers-color-scheme: dark" in page
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'\"" in page
    for line in summary_lines(blocks()):
        assert escape(line) in page
    svg = page[page.index("<svg") : page.index("</svg>") + 6]
    assert len(list(ET.fromstring(svg).iter(SVG + "title"))) == 5


def test_plot_is_valid_xml_when_names_have_what_xml_has_not(tmp_path: Path) -> None:
    names = "a\0b\x1bc\udce9d\ufffee"
    root = drawing(comparison([operator_error(0, names, 0.1, 0.1, 0.1)]), tmp_path)
    assert any("a\ufffdb\ufffdc\ufffdd\ufffde" in text for text in texts(root, "title"))


def test_plot_is_refused_when_its_ending_or_an_existing_file_forbids_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.svg or \.html"):
        write_plot(blocks(), tmp_path / "plot.png")
    write_plot(blocks(), tmp_path / "plot.svg")
    before = (tmp_path / "plot.svg").read_bytes()
    with pytest.raises(OutputExistsError):
        write_plot(blocks(20), tmp_path / "plot.svg")
    assert (tmp_path / "plot.svg").read_bytes() == before


def test_summary_says_what_could_not_be_done() -> None:
    missing = Operator("ADD", [], [value("sum", [1])])
    found = dataclasses.replace(blocks(), missing=(missing,) * 5, candidate_refusal="no\n way")
    text = "\n".join(summary_lines(found))
    for expected in (
        "NSR 1.0e-02 (SNR 20.0 dB), NMSE(img) 2.0e-01",
        "sign agreement 75.00%",
        "5 operators: 5 matched by name",
        "not matched in a.tflite: ADD -> sum; ADD -> sum; ADD -> sum, and 2 more",
        "b <&>.tflite does not run as a whole: no way",
        "1 operator of b <&>.tflite did not run",
    ):
        assert expected in text

"""The report in a real browser: light and dark, on a phone and on a desk."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image
from selenium import webdriver

from edgeseal.watermark.evaluate import EvaluationReport, Examples, ShareEstimate, write_page
from edgeseal.watermark.evaluate.report._examples import Marked, Thumbnail
from edgeseal.watermark.evaluate.report._report_page import render_page

OVERFLOWING = """
return [...document.querySelectorAll("body *")].filter((element) =>
  !element.closest(".wide, svg") && element.getBoundingClientRect().right > innerWidth + 0.5
).map((element) => element.outerHTML.slice(0, 80))"""

CUT = """
return [...document.querySelectorAll("svg text")].filter((text) => {
  const box = text.getBBox(), view = text.ownerSVGElement.viewBox.baseVal;
  return box.x < -0.5 || box.x + box.width > view.width + 0.5
    || box.y + box.height > view.height + 1;
}).map((text) => text.textContent)"""

SMALL = """
return [...document.querySelectorAll("svg text")].filter((text) => {
  const svg = text.ownerSVGElement, scale = svg.clientWidth / svg.viewBox.baseVal.width;
  return scale * parseFloat(getComputedStyle(text).fontSize) < 9;
}).map((text) => text.textContent)"""

FAINT = """
const channel = (value) => {
  value /= 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
};
const luminance = (colour) => {
  const [r, g, b] = colour.match(/[0-9.]+/g).map(Number);
  return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
};
const ground = (element) => {
  for (; element; element = element.parentElement) {
    const colour = getComputedStyle(element).backgroundColor;
    if (!/, 0\\)$/.test(colour)) return colour;
  }
  return "rgb(255, 255, 255)";
};
return [...document.querySelectorAll("p, td, th, h1, h2, h3, li, dd, figcaption, small, svg text")]
  .filter((element) => element.textContent.trim()).filter((element) => {
    const style = getComputedStyle(element);
    const a = luminance(element.closest("svg") ? style.fill : style.color);
    const b = luminance(ground(element));
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
  }).map((element) => element.outerHTML.slice(0, 80))"""

UNNAMED = """
return [...document.querySelectorAll("img:not([alt]), svg:not([aria-label])")].length"""


@pytest.fixture(scope="module")
def page(report: EvaluationReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report #1.html"
    stored = io.BytesIO()
    Image.new("RGB", (360, 240), "teal").save(stored, "JPEG")
    picture = "data:image/jpeg;base64," + base64.b64encode(stored.getvalue()).decode()
    marked = tuple(Marked(f"{i}.jpg", picture, picture, picture) for i in range(3))
    attacked = tuple(Thumbnail(name, picture) for name in report.attack_names[:9])
    write_page(report, path, examples=Examples(marked, attacked))
    return path


def show(browser: webdriver.Chrome, page: Path, width: int, scheme: str) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(f"file://{quote(str(page))}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_page_is_readable_when_shown(
    browser: webdriver.Chrome, page: Path, width: int, scheme: str
) -> None:
    show(browser, page, width, scheme)
    browser.execute_script("document.querySelectorAll('details').forEach((d) => d.open = true)")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for check in (OVERFLOWING, CUT, SMALL, FAINT):
        assert browser.execute_script(check) == []
    assert browser.execute_script(UNNAMED) == 0
    broken = "return [...document.images].filter((image) => !image.naturalWidth).length"
    assert browser.execute_script(broken) == 0
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    events = [json.loads(e["message"])["message"] for e in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"].endswith("BeSent")]
    assert asked
    assert all(url.startswith(("file://", "data:")) for url in asked)


def test_markup_is_text_when_it_comes_from_names(browser: webdriver.Chrome, page: Path) -> None:
    show(browser, page, 1280, "light")
    assert browser.execute_script("return document.querySelectorAll('b, i').length") == 0
    text = browser.execute_script("return document.body.textContent")
    assert "_<b>&dynamic-int8" in text
    assert "<wbr>" not in text
    assert "<i>bad.png: not a picture" in text


def test_every_attack_is_drawn_and_listed(
    browser: webdriver.Chrome, page: Path, report: EvaluationReport
) -> None:
    show(browser, page, 1280, "light")
    cells = browser.execute_script(
        "return [...document.querySelectorAll('details td:first-child')].map((c) => c.textContent)"
    )
    assert set(report.attack_names) <= set(cells)
    tips = browser.execute_script(
        "return [...document.querySelectorAll('.panel .mark title')].map((t) => t.textContent)"
    )
    assert len([tip for tip in tips if tip.startswith("float")]) == len(report.attack_names) + 2


def test_difference_is_called_chance_when_its_interval_holds_zero(report: EvaluationReport) -> None:
    found = next(one for one in report.differences if one.model == "weights")
    first, second = (
        dataclasses.replace(found, points=ShareEstimate(-0.03, -0.03 - half, -0.03 + half))
        for half in (0.04, 0.02)
    )
    text = render_page(dataclasses.replace(report, differences=(first,)))
    assert "weights and float read alike as far as these pictures tell: -0.03 ± 0.04" in text
    text = render_page(dataclasses.replace(report, differences=(second,)))
    assert "weights loses 0.03 ± 0.02 points of bit accuracy against float" in text

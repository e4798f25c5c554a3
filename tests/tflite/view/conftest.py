"""Opens pages in a real browser, where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from edgeseal.tflite.graph import Model
from edgeseal.tflite.view import Overlay, write_page
from tflite.view.browser import Page, start_browser
from tflite.view.samples import saved

Show = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[webdriver.Chrome]:
    """Chromium without a window."""
    driver = start_browser()
    yield driver
    driver.quit()


@pytest.fixture
def show(browser: webdriver.Chrome, tmp_path: Path) -> Iterator[Show]:
    """Shows a model; at the end nothing may be in the console, or have asked for the network."""
    shown: list[Page] = []

    def show_model(model: Model, overlay: Overlay | None = None, fragment: str = "") -> Page:
        output = tmp_path / "page #1.html"
        write_page(model, saved(model, tmp_path), output, overlay=overlay, overwrite=True)
        page = Page(browser, output)
        page.resize(1400, 900)
        shown.append(page)
        return page.open(fragment)

    yield show_model
    for page in shown:
        assert page.errors() == []
        assert all(url.startswith(("file://", "data:")) for url in page.requests())

"""Sites of the bundled pair, of a tiny pair, and a browser to open them in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

import edgeseal
from tflite.view.browser import start_browser
from web.browsing import MODELS, OPTIONS, Page, served


@pytest.fixture(scope="module")
def chromium() -> Iterator[webdriver.Chrome]:
    """Chromium with WebGPU in software; ended at once, since left alone it took all cores."""
    driver = start_browser(OPTIONS)
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the bundled pair, with WebAssembly alone: in software WebGPU takes a minute."""
    folder = tmp_path_factory.mktemp("web") / "site"
    edgeseal.web(export=folder)
    index = folder / "index.html"
    page = index.read_text()
    first = '<option value="webgpu,webnn,wasm-threads,wasm">'
    assert first in page
    index.write_text(page.replace(first, '<option value="wasm">'))
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with served(site) as url:
        yield url


@pytest.fixture
def page(chromium: webdriver.Chrome, address: str) -> Page:
    """The page of the bundled pair; opened anew where another test went to another site."""
    found = Page(chromium, address)
    return found if chromium.current_url.startswith(address) else found.open()


@pytest.fixture(scope="session")
def detector(site: Path) -> edgeseal.LiteRTDetector:
    return edgeseal.load_detector(site / MODELS / "reference_detector_dynamic-int8.tflite")


@pytest.fixture(scope="session")
def embedder(site: Path) -> edgeseal.LiteRTEmbedder:
    return edgeseal.load_embedder(site / MODELS / "reference_embedder_float32.tflite")

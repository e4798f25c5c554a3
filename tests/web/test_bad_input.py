"""What a browser, a site or a visitor may lack: the page says so, and what to do."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from selenium import webdriver

from edgeseal.data import photo_paths
from patience import wait_until
from tflite.view.browser import start_browser
from web.browsing import MODELS, OPTIONS, Page, served

DETECTOR = MODELS / "reference_detector_dynamic-int8.tflite"
EMBEDDER = MODELS / "reference_embedder_float32.tflite"
NO_SIMD = "WebAssembly.validate = () => false;"
NO_GPU_NO_CANVAS = """
    Object.defineProperty(navigator, "gpu", {value: undefined});
    OffscreenCanvas.prototype.getContext = () => null;
"""


@pytest.fixture
def copy(site: Path, tmp_path: Path) -> Path:
    """The site, whose files are links: who changes one writes a new file."""
    folder = tmp_path / "site"
    shutil.copytree(site, folder, copy_function=os.link)
    return folder


def rewrite(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def change_worker(site: Path, script: str) -> None:
    """Take something from the browser, in the thread that computes."""
    path = site / "assets" / "worker.js"
    rewrite(path, script.encode() + path.read_bytes())


def replace_detector(site: Path, content: bytes) -> None:
    """Put another file in a model's place, whose checksum is said to be right."""
    rewrite(site / DETECTOR, content)
    path = site / "models" / "0" / "contract.json"
    contract = json.loads(path.read_text())
    for model in contract["models"]:
        if model["part"] == "detector":
            model["sha256"] = hashlib.sha256(content).hexdigest()
    rewrite(path, json.dumps(contract).encode())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no model" * 999, "is broken: it is no model that LiteRT.js can open. Convert"),
        (None, "is another model than its pack says"),
    ],
    ids=["broken", "another model"],
)
def test_a_sentence_is_said_when_a_model_is_none_or_another(
    chromium: webdriver.Chrome, copy: Path, content: bytes | None, words: str
) -> None:
    replace_detector(copy, (copy / EMBEDDER).read_bytes() if content is None else content)
    with served(copy) as url:
        page = Page(chromium, url).open()
        assert f"reference_detector_dynamic-int8.tflite {words}" in page.problem()
        assert page.write(photo_paths()[0], "aB-1") is not None  # the other model is usable


def test_a_sentence_is_said_when_there_are_no_models(
    chromium: webdriver.Chrome, copy: Path
) -> None:
    rewrite(copy / "models" / "index.json", b'{"packs": []}')
    with served(copy) as url:
        page = Page(chromium, url).open()
        assert "has no models" in page.problem()
        assert "export it again with models" in page.problem()


def test_a_sentence_is_said_when_simd_is_missing(chromium: webdriver.Chrome, copy: Path) -> None:
    change_worker(copy, NO_SIMD)
    with served(copy) as url:
        page = Page(chromium, url).open()
        assert "lacks WebAssembly's SIMD" in page.problem()
        assert "Update the browser" in page.problem()


def test_the_next_backend_is_used_and_pictures_are_refused_when_gpu_and_canvas_are_missing(
    chromium: webdriver.Chrome, copy: Path
) -> None:
    change_worker(copy, NO_GPU_NO_CANVAS)
    index = (copy / "index.html").read_bytes()
    rewrite(copy / "index.html", index.replace(b'"wasm">', b'"webgpu,wasm">', 1))
    with served(copy) as url:
        page = Page(chromium, url).open()
        tried = [(backend, is_right) for backend, is_right, _ in page.trials()[:2]]
        assert tried == [("webgpu", False), ("wasm", True)]
        assert page.trials()[0][2] == "Reading: WebGPU is not used: this browser has no WebGPU."
        (card,) = page.read(photo_paths()[0])
        assert card["status"] == "failed"
        assert "too little memory for 512 x 512 pixels; close other tabs" in card["text"]


def test_a_sentence_is_said_when_the_browser_refuses_memory(copy: Path) -> None:
    """WebAssembly may have 100 pages of 64 KiB, less than LiteRT.js begins with."""
    driver = start_browser((*OPTIONS, "--js-flags=--wasm-max-mem-pages=100"))
    try:
        with served(copy) as url:
            page = Page(driver, url).open()
            assert "the browser gives it too little memory; close other tabs" in page.problem()
    finally:
        driver.quit()


def test_pictures_are_read_when_the_tab_is_in_the_background(page: Page) -> None:
    """Timers of hidden tabs are slowed down, and nothing is drawn."""
    script = """
        const later = document.createElement("input");
        Object.assign(later, {type: "file", id: "later", multiple: true});
        document.body.append(later);
        document.addEventListener("visibilitychange", () => {
          const input = document.getElementById("read-file");
          input.files = later.files;
          input.dispatchEvent(new Event("change"));
          new MutationObserver(() => {
            const cards = document.querySelectorAll("#results > [data-status=absent]").length;
            localStorage.setItem("ended", `${document.visibilityState}, ${cards} read`);
          }).observe(document.documentElement, {attributeFilter: ["data-busy"]});
        }, {once: true});"""
    driver = page.driver
    own = driver.current_window_handle
    page.run(script)
    page.find("#later").send_keys("\n".join(map(str, photo_paths()[:2])))
    driver.switch_to.new_window("tab")
    try:
        driver.get(page.url + "licences.txt")
        wait_until(lambda: page.run("return localStorage.getItem('ended')"))
        assert page.run("return localStorage.getItem('ended')") == "hidden, 2 read"
    finally:
        driver.close()
        driver.switch_to.window(own)
        page.open()

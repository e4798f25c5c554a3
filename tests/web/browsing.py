"""The page of a site in a real browser."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.by import By

from edgeseal.watermark.web._serve import server_of
from patience import wait_until

MODELS = Path("models", "0", "models")
"""Where a site has the models of its first pack."""

OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # containers have no other one
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--window-size=1200,1000",
    # WebGPU in software, which Chromium brings along
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
)


@contextmanager
def served(site: Path) -> Iterator[str]:
    """Serve a site; yield its address."""
    with server_of(site, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class Page:
    """What a visitor can see and do."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver = driver
        self.url = url

    def open(self) -> Page:
        self.driver.get(self.url)
        return self.until_ready()

    def until_ready(self) -> Page:
        wait_until(lambda: self.run("return document.documentElement.dataset.ready") == "yes")
        self.settle()
        return self

    def settle(self) -> None:
        wait_until(lambda: self.run("return document.documentElement.dataset.busy") != "yes")

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        found: str = self.find(selector).get_property("textContent")
        return found.strip()

    def problem(self) -> str:
        return "" if self.find("#problem").get_property("hidden") else self.text("#problem")

    def read(self, *files: Path) -> list[dict[str, Any]]:
        """Have pictures read; return their cards."""
        self.find("#tab-read").click()
        self.run("document.getElementById('results').replaceChildren()")  # an earlier test's
        self.find("#read-file").send_keys("\n".join(map(str, files)))
        cards = "document.querySelectorAll('#results > article').length"
        wait_until(lambda: self.run(f"return {cards}") == len(files))
        self.settle()
        script = """
            return [...document.querySelectorAll("#results > article")].map((card) => ({
              status: card.dataset.status, record: card.dataset.record, text: card.innerText}))"""
        found = self.run(script)
        return [{**one, "record": json.loads(one["record"] or "null")} for one in found]

    def write(self, file: Path, content: str, kind: str = "text") -> bytes | None:
        """Have a picture marked; return the file that can be saved, or None after a problem."""
        self.find("#tab-write").click()
        script = """
            const [kind, content] = arguments;
            document.getElementById("kind").value = kind;
            document.getElementById("content").value = content;
            document.getElementById("marked").replaceChildren()"""
        self.run(script, kind, content)
        self.find("#write-file").send_keys(str(file))
        self.find("#write").click()
        self.settle()
        if self.problem():
            return None
        with tempfile.TemporaryDirectory() as folder:
            behavior = {"behavior": "allow", "downloadPath": folder}
            self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", behavior)
            self.find("#marked .actions a").click()
            path = Path(folder, self.find("#marked .actions a").get_attribute("download"))
            wait_until(path.exists)  # it has another name until it is whole
            return path.read_bytes()

    def trials(self) -> list[tuple[str, bool, str]]:
        """Return what came of each backend: its name, whether it is right, and why."""
        script = """
            return [...document.querySelectorAll("#trials li")].map(
              (item) => [item.dataset.backend, item.dataset.right === "true", item.textContent])"""
        return [tuple(one) for one in self.run(script)]

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the last call."""
        entries = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        sent = [entry for entry in entries if entry["method"] == "Network.requestWillBeSent"]
        return [entry["params"]["request"]["url"] for entry in sent]

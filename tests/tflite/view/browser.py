"""A page open in a real browser."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from patience import HANG_S, wait_until

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # containers have no other one
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--hide-scrollbars",
    "--window-size=1400,900",
)


def start_browser(wanted: Sequence[str] = _OPTIONS) -> webdriver.Chrome:
    """Start Chromium without a window; where it is missing, tests are skipped, but not in CI."""
    driver = shutil.which("chromedriver")
    browser = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if driver is None or browser is None:
        reason = "needs chromium and chromedriver (Debian: chromium-driver) on the PATH"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for option in wanted:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(driver))


class Page:
    """What a user can see and do; everything goes through the document."""

    def __init__(self, driver: webdriver.Chrome, path: Path) -> None:
        self._driver = driver
        self._path = path

    def open(self, fragment: str = "") -> Page:
        self._driver.get("about:blank")
        for kind in ("browser", "performance"):
            self._driver.get_log(kind)
        self._driver.get(f"file://{quote(str(self._path))}{fragment}")
        self.wait(lambda: self.run("return document.documentElement.dataset.ready") == "yes")
        self.settle()
        return self

    def resize(self, width: int, height: int, *, scheme: str = "light") -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        wishes = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def run(self, script: str, *arguments: object) -> Any:
        return self._driver.execute_script(script, *arguments)

    def run_until_done(self, script: str) -> Any:
        """Run a script that calls its last argument with the result."""
        self._driver.set_script_timeout(HANG_S)
        return self._driver.execute_async_script(script)

    def wait(self, condition: Callable[[], object]) -> None:
        wait_until(condition, pause_s=0.02)

    def settle(self) -> None:
        """Wait until nothing moves any more and nothing is being laid out."""
        state: list[Any] = [None, object()]
        script = """
            return [document.querySelector("#graph .sheet").getAttribute("transform"),
                    document.getElementById("status").textContent]"""

        def is_still() -> bool:
            state[:] = [self.run(script), state[0]]
            time.sleep(0.06)
            return state[0] == state[1] and not state[0][1]

        self.wait(is_still)

    def titles(self) -> list[str]:
        """Return the titles of the boxes that are drawn: operators, folded modules, ends."""
        script = """
            const boxes = document.querySelectorAll(
              "#graph .boxes > :is(.operator, .group, .terminal)");
            return [...boxes].map((box) => box.querySelector(".title")?.textContent ?? "")"""
        found: list[str] = self.run(script)
        return found

    def headers(self) -> list[str]:
        """Return the titles of the unfolded modules that are drawn."""
        script = """
            const titles = document.querySelectorAll("#graph .header .title");
            return [...titles].map((title) => title.textContent)"""
        found: list[str] = self.run(script)
        return found

    def box(self, title: str) -> Any:
        """Return the box of a title."""
        script = """
            const boxes = [...document.querySelectorAll("#graph .boxes > g")];
            return boxes.find((box) => box.querySelector(".title")?.textContent === arguments[0])"""
        found = self.run(script, title)
        assert found is not None, (title, self.titles())
        return found

    def toggle(self, title: str) -> None:
        self.click(self.box(title).find_element(By.CSS_SELECTOR, ".toggle rect"))

    def everything(self) -> Page:
        """Zoom out until all of the graph is in sight."""
        self.click("fit")
        return self

    def click(self, target: Any) -> None:
        """Click an element, or what has that id."""
        element = self.find(f"#{target}") if isinstance(target, str) else target
        ActionChains(self._driver, duration=10).click(element).perform()
        self.settle()

    def drag(self, identity: str, dx: int, dy: int) -> None:
        """Drag from near the corner of an element, where the graph shows its ground."""
        element = self.find(f"#{identity}")
        corner = -element.rect["width"] // 2 + 20, -element.rect["height"] // 2 + 20
        actions = ActionChains(self._driver, duration=10)
        actions.move_to_element_with_offset(element, *map(int, corner)).click_and_hold()
        actions.move_by_offset(dx, dy).release().perform()
        self.settle()

    def keys(self, *keys: str) -> None:
        ActionChains(self._driver, duration=10).send_keys(*keys).perform()
        self.settle()

    def search(self, text: str) -> None:
        field = self.find("#search")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)
        self.settle()

    def choose(self, field: str, value: str) -> None:
        script = """
            const [field, value] = arguments;
            field.value = value;
            field.dispatchEvent(new Event("change"))"""
        self.run(script, self.find(f"#{field}"), value)
        self.settle()

    def find(self, selector: str) -> Any:
        return self._driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        found: str = self.find(selector).text
        return found

    def fragment(self) -> str:
        found: str = self.run("return location.hash")
        return found

    def zoom(self) -> float:
        transform: str = self.run(
            'return document.querySelector("#graph .sheet").getAttribute("transform")'
        )
        return float(transform.rpartition("scale(")[2].rstrip(")"))

    def errors(self) -> list[str]:
        """Return what the page wrote to the console since it was opened."""
        return [entry["message"] for entry in self._driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the page was opened."""
        entries = [json.loads(e["message"]) for e in self._driver.get_log("performance")]
        messages = [entry["message"] for entry in entries]
        sent = [m for m in messages if m["method"] == "Network.requestWillBeSent"]
        return [message["params"]["request"]["url"] for message in sent]

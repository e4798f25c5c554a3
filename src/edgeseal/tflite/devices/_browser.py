"""A browser without a window that runs models in LiteRT.js, and does as it is told.

Its page asks a server here for work, which needs no driver: any Chromium will do.
"""

from __future__ import annotations

import http.server
import json
import os
import queue
import struct
import subprocess
import sys
import tarfile
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from edgeseal._closing import Closing
from edgeseal.data import browser_script, litert_archive

__all__ = ["SOFTWARE_WEBGPU", "Browser", "BrowserError", "BrowserGoneError"]

_PAGE = b'<!doctype html><script type="module" src="/device.js"></script>'
_HEADERS = {  # with both, pages may have memory that threads share
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}
_TYPES = {"": "text/html", ".js": "text/javascript", ".wasm": "application/wasm"}
_OPTIONS = (
    "--headless=new",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--enable-unsafe-webgpu",
)
SOFTWARE_WEBGPU = ("--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan")
"""Options for WebGPU without a graphics processor."""
_GOODBYE_S = 1.0
_LAST_WORDS = 400  # characters


class BrowserError(Exception):
    """LiteRT.js does not do something, in its own words."""


class BrowserGoneError(Exception):
    """The browser, or the page in it, is no more; it crashed, or ran out of memory."""


class Browser(Closing):
    """A browser with a page that waits for work; started at once."""

    def __init__(self, program: str, options: Sequence[str], folder: Path) -> None:
        """Start it.

        Args:
            program: a Chromium.
            options: more than it always gets.
            folder: for its files.
        """
        self._jobs: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._server = _Server(self._jobs, self._answers)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        is_root = hasattr(os, "geteuid") and os.geteuid() == 0  # for whom there is no sandbox
        self._log = (folder / "browser.log").open("w+b")
        self._process = subprocess.Popen(
            [
                program,
                *_OPTIONS,
                *options,
                *(["--no-sandbox"] if is_root else []),
                f"--user-data-dir={folder / 'profile'}",
                f"http://127.0.0.1:{self._server.server_port}/",
            ],
            stdout=self._log,
            stderr=self._log,
        )
        threading.Thread(target=self._watch, daemon=True).start()
        if self._answers.get() is None:
            raise self._gone()

    def ask(self, job: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytes]:
        """Let the page do something; ``web/device/device.ts`` says what it knows.

        Raises:
            BrowserError: LiteRT.js cannot; says why.
            BrowserGoneError: there is no answer, and no page any more.
        """
        head = json.dumps(job).encode()
        self._jobs.put(struct.pack("<I", len(head)) + head + content)
        answer = self._answers.get()
        if answer is None:
            raise self._gone()
        end = 4 + struct.unpack_from("<I", answer)[0]
        found: dict[str, Any] = json.loads(answer[4:end])
        if "error" in found:
            raise BrowserError(" ".join(found["error"].split()))
        return found, answer[end:]

    def close(self) -> None:
        """End it."""
        self._process.kill()  # what it started ends with it
        self._process.wait()
        self._server.shutdown()
        self._server.server_close()
        self._log.close()

    def _watch(self) -> None:
        self._process.wait()
        self._answers.put(None)

    def _gone(self) -> BrowserGoneError:
        try:
            status = self._process.wait(_GOODBYE_S)  # its connections end a moment before it does
        except subprocess.TimeoutExpired:
            self.close()
            return BrowserGoneError("the page crashed, as it does where memory runs out")
        self._log.seek(0)
        said = " ".join(self._log.read().decode("utf-8", "replace").split())
        self.close()
        return BrowserGoneError(f"the browser ended with status {status}: {said[-_LAST_WORDS:]}")


class _Server(http.server.ThreadingHTTPServer):
    """Serves the page and LiteRT.js to this device alone, and hands out work."""

    daemon_threads = True

    def __init__(self, jobs: queue.SimpleQueue[bytes], answers: queue.SimpleQueue[Any]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.jobs, self.answers = jobs, answers

    @cached_property
    def files(self) -> dict[str, bytes]:
        """What is served, by its path."""
        files = {"/": _PAGE, "/device.js": browser_script().read_bytes()}
        with tarfile.open(litert_archive(), "r:xz") as archive:
            for member in archive:
                content = archive.extractfile(member)
                files[f"/litert/{member.name}"] = b"" if content is None else content.read()
        return files

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing where the browser ended in the middle of something."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/alive":  # which a page keeps open while it lives
            self.rfile.read(1)
            self.server.answers.put(None)
            self.close_connection = True
        elif self.path in self.server.files:
            self._reply(self.server.files[self.path])
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        self.server.answers.put(self.rfile.read(int(self.headers["Content-Length"])))
        self._reply(self.server.jobs.get())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _reply(self, content: bytes) -> None:
        self.send_response(200)
        suffix = Path(self.path).suffix
        headers = {"Content-Type": _TYPES[suffix], "Content-Length": str(len(content))}
        for name, value in {**_HEADERS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

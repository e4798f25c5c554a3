"""Models in LiteRT.js in a browser, and browsers that break."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from edgeseal import tflite
from edgeseal.errors import UsageError
from edgeseal.tflite.devices import Verdict, check_on
from edgeseal.tflite.devices._browser import Browser, BrowserError, BrowserGoneError
from edgeseal.tflite.graph import write_model
from tflite.devices.models import added_matrix, quantized_exponential
from tflite.devices.needs import needs


@needs("browser", everywhere=True)
def test_each_backend_is_timed_beside_the_processor_and_a_wrong_one_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    write_model(added_matrix(), path)
    found = tflite.bench(path, browser=True, rounds=1, draws=2, threads=2)
    native, single, several, graphics = found.engines
    assert [one.failure for one in found.engines] == [None] * 4, found
    assert native.timings is not None and single.timings is not None
    assert "1 thread" in single.engine and "2 threads" in several.engine
    assert single.timings.processor_ms is None
    assert (single.timings.peak_memory_bytes or 0) > path.stat().st_size
    assert found.agreements[1].nmse == found.agreements[2].nmse == pytest.approx(0, abs=1e-9)
    assert (found.agreements[3].nmse or 0) > 0.1  # the first row of the matrix is added to each
    if "SwiftShader" in graphics.engine:
        assert graphics.timings is None


@needs("browser", everywhere=True)
def test_operator_is_named_when_webgpu_computes_it_wrong(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    write_model(added_matrix(), path)
    (result,) = check_on(path, ["browser:webgpu"]).results
    assert result.verdict is Verdict.WRONG
    assert [(one.code, one.kind) for one in result.wrong] == [("ES032", "ADD")]


@needs("browser", everywhere=True)
def test_types_that_a_page_cannot_give_are_said(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    write_model(quantized_exponential(), path)
    (result,) = check_on(path, ["browser"]).results
    assert result.verdict is Verdict.REFUSED
    assert "takes float32, int32, uint8, and no int8" in str(result)


def test_backends_are_listed_when_there_is_no_such_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'webnn'; known ones: wasm, wasm-threads, webgpu"):
        check_on(tmp_path / "model.tflite", ["browser:webnn"])


def test_one_line_says_what_to_install_when_there_is_no_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"browser:wasm: install Chromium or Chrome \(Debian: `ch"):
        tflite.bench(tmp_path / "model.tflite", browser=True)


PAGE = """
import http.client, json, struct, time
port = int(sys.argv[-1].rstrip("/").rpartition(":")[2])
alive, work = (http.client.HTTPConnection("127.0.0.1", port) for _ in range(2))
alive.request("GET", "/alive")
work.request("POST", "/next", b"")
work.getresponse().read()
"""


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ("sys.exit('no display')", BrowserGoneError, "ended with status 1: no display"),
        (
            PAGE + "print('out of order', flush=True); os._exit(1)",
            BrowserGoneError,
            "ended with status 1: out of order",
        ),
        (PAGE + "alive.close(); time.sleep(600)", BrowserGoneError, "the page crashed"),
        (
            PAGE + "head = json.dumps({'error': 'no\\n room'}).encode()\n"
            "work.request('POST', '/next', struct.pack('<I', len(head)) + head)\ntime.sleep(600)",
            BrowserError,
            "^no room$",
        ),
    ],
    ids=["never starts", "ends", "its page crashes", "refuses"],
)
def test_what_became_of_a_browser_is_an_answer(
    body: str, kind: type[Exception], words: str, tmp_path: Path
) -> None:
    program = tmp_path / "browser"
    pid = f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(os.getpid()))"
    program.write_text(f"#!{sys.executable}\nimport os, pathlib, sys\n{pid}\n{body}\n")
    program.chmod(0o755)
    with pytest.raises(kind, match=words), Browser(str(program), (), tmp_path) as browser:
        browser.ask({"verb": "open"}, b"")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)

"""Payloads from ``edgeseal embed`` to ``edgeseal detect``."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.commands import Run
from pairs import Pair, write_pair


@pytest.fixture(scope="session")
def pair96(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A pair with messages of 96 bits."""
    return write_pair(tmp_path_factory.mktemp("pair"), bits=96)


@pytest.fixture
def smooth(tmp_path: Path) -> Path:
    """A folder of a picture without texture."""
    folder = tmp_path / "smooth"
    folder.mkdir()
    Image.new("RGB", (32, 32), (120, 130, 90)).save(folder / "a.png")
    return folder


@pytest.mark.parametrize(
    ("option", "value", "payload"),
    [
        ("--text", "hello", {"kind": "text", "value": "hello"}),
        ("--id", 123456789, {"kind": "id", "value": 123456789}),
        ("--hex", "0x00ff", {"kind": "hex", "value": "00ff"}),
        ("--bits", "00101", {"kind": "bits", "value": "00101"}),
    ],
)
def test_payload_is_found_without_being_told_when_it_was_embedded(
    option: str, value: object, payload: object, run: Run, pair96: Pair, smooth: Path
) -> None:
    out = smooth.parent / "marked"
    done = run("embed", smooth, "--model", pair96.embedder, option, value, "-o", out, "--json")
    assert done.status == 0, done.err
    assert len(done.json["message"]) == 24
    arguments = ["detect", out, smooth, "--model", pair96.detector]
    marked, unmarked = (
        r["detection"]["reading"] for r in run(*arguments, "--json").json["results"]
    )
    assert marked["status"] == "present"
    assert marked["payload"] == payload
    assert marked["corrected_errors"] <= marked["correctable_errors"] == 10
    assert marked["p_value"] <= marked["false_positive_rate"] == 1e-6
    assert (unmarked["status"], unmarked["payload"]) == ("absent", None)
    done = run(*arguments)
    assert f"{option.removeprefix('--')} {value}".replace("0x", "") in done.out
    assert "absent" in done.out
    assert "absent: no payload (embed --text, --id, --hex or --bits) was found" in done.err
    assert run("detect", out, "--model", pair96.detector).err == ""


def test_hint_leads_to_the_message_when_it_is_a_raw_one(
    run: Run, pair96: Pair, smooth: Path
) -> None:
    out, message = smooth.parent / "marked", "0123456789abcdef01234567"
    run("embed", smooth, "--model", pair96.embedder, "--message", message, "-o", out)
    arguments = ["detect", out, "--model", pair96.detector]
    done = run(*arguments)
    assert "shows only with --expect HEX" in done.err
    found = run(*arguments, "--expect", message)
    assert "96 of 96" in found.out
    assert found.err == ""
    assert run(*arguments, "--raw").err == ""


def test_hint_says_what_tells_when_messages_are_too_short(
    run: Run, detector: Path, smooth: Path
) -> None:
    done = run("detect", smooth, "--model", detector)
    assert "16 bits have no room for a payload" in done.err
    assert "--expect HEX" in done.err


def test_payload_is_not_looked_for_when_a_message_is_expected_or_raw(
    run: Run, pair96: Pair, smooth: Path
) -> None:
    for more in (["--raw"], ["--expect", "0" * 24]):
        done = run("detect", smooth, "--model", pair96.detector, *more, "--json")
        assert done.json["results"][0]["detection"]["reading"] is None
        error = run("detect", smooth, "--model", pair96.detector, *more, "--fpr", 0.1).refused()
        assert "leave out --raw and --expect" in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--text", "much too long"], "there is room for 5 characters of a-z"),
        (["--text", "\u2603\u2603"], "3 bytes of UTF-8"),
        (["--id", 2**31], "numbers up to 2147483647"),
        (["--id", -1], "0 or more"),
        (["--hex", "12345678"], "6 hexadecimal digits"),
        (["--hex", "xyz"], "'x' at position 1"),
        (["--bits", "1" * 96], "27 bits"),
        (["--bits", ""], "at least one character"),
        (["--text", "a", "--id", 1], "got --text and --id"),
        ([], "expected one of --message, --text, --id, --hex, --bits, got none"),
    ],
)
def test_payload_is_refused_when_it_cannot_be_embedded(
    options: list[object], message: str, run: Run, pair96: Pair, smooth: Path
) -> None:
    out = smooth.parent / "marked"
    error = run("embed", smooth, "--model", pair96.embedder, *options, "-o", out).refused()
    assert message in error
    assert not out.exists()


def test_payload_is_refused_when_messages_are_too_short(
    run: Run, detector: Path, embedder: Path, smooth: Path
) -> None:
    out = smooth.parent / "marked"
    error = run("embed", smooth, "--model", embedder, "--id", 1, "-o", out).refused()
    assert "16 bits is too short" in error
    error = run("detect", smooth, "--model", detector, "--fpr", 1e-4).refused()
    assert "16 bits is too short" in error


def test_rate_is_refused_when_it_is_none(run: Run, pair96: Pair, smooth: Path) -> None:
    error = run("detect", smooth, "--model", pair96.detector, "--fpr", 0).refused()
    assert "above 0 and below 1" in error


def test_logits_are_searched_when_bits_are_damaged(run: Run, pair96: Pair, smooth: Path) -> None:
    out = smooth.parent / "marked"
    run("embed", smooth, "--model", pair96.embedder, "--text", "mark", "-o", out)
    with Image.open(out / "a.png") as image:
        pixels = np.asarray(image).astype(int)
    noise = np.random.default_rng(0).normal(scale=250, size=pixels.shape)
    Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(out / "a.png")
    reading = run("detect", out, "--model", pair96.detector, "--json").json["results"][0]
    reading = reading["detection"]["reading"]
    assert reading["payload"] == {"kind": "text", "value": "mark"}
    assert reading["corrected_errors"] > 0


def test_status_is_explained_when_a_payload_is_damaged(
    run: Run, pair96: Pair, monkeypatch: pytest.MonkeyPatch, smooth: Path
) -> None:
    from edgeseal.watermark.payload import MarkStatus, PayloadReading
    from edgeseal.watermark.runtime import LiteRTDetector

    damaged = PayloadReading(
        status=MarkStatus.DAMAGED,
        fpr=1e-6,
        log10_p_value=-4.0,
        payload=None,
        corrected_errors=None,
        correctable_errors=10,
    )
    detect_many = LiteRTDetector.detect_many

    def with_damage(self: LiteRTDetector, *arguments: object, **options: object) -> object:
        for outcome in detect_many(self, *arguments, **options):  # type: ignore[arg-type]
            detection = dataclasses.replace(outcome.detection, reading=damaged)
            yield dataclasses.replace(outcome, detection=detection)

    monkeypatch.setattr(LiteRTDetector, "detect_many", with_damage)
    done = run("detect", smooth, "--model", pair96.detector)
    assert "damaged" in done.out
    assert "damaged: nearer to a payload than chance explains" in done.err
    assert "absent" not in done.err

"""What native code prints: held back, shown where the work fails, and read."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import pytest

from edgeseal._native import native_output_held_back, native_words


def speak(text: bytes) -> None:
    """Say something on both descriptors, as native code does."""
    os.write(1, b"out: " + text)
    os.write(2, b"err: " + text)


def test_only_stderr_is_quiet_when_results_may_be_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with native_output_held_back(stdout=False, show_on_failure=True):
        speak(b"inside")
    speak(b"outside")
    assert capfd.readouterr() == ("out: insideout: outside", "err: outside")


def test_nothing_is_heard_when_both_are_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    with native_output_held_back(stdout=True, show_on_failure=True):
        with native_output_held_back(stdout=True, show_on_failure=True):  # by one thread, again
            speak(b"inner")
        speak(b"outer")
    speak(b"outside")
    assert capfd.readouterr() == ("out: outside", "err: outside")


@pytest.mark.parametrize(
    ("reason", "show", "heard"),
    [
        (RuntimeError, True, "out: whyerr: why"),
        (RuntimeError, False, ""),
        (KeyboardInterrupt, True, ""),  # whose answer is one line
    ],
)
def test_what_was_held_back_is_said_when_the_work_fails(
    reason: type[BaseException], show: bool, heard: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(reason), native_output_held_back(stdout=True, show_on_failure=show):
        speak(b"why")
        raise reason
    speak(b"!")
    assert capfd.readouterr() == ("out: !", f"{heard}err: !")


def test_words_can_be_read_while_they_are_said(capfd: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(RuntimeError), native_words() as said:
        assert said() == ""
        speak(b"one ")
        assert said() == "out: one err: one "
        speak(b"\xff")
        assert said() == "out: one err: one out: \N{REPLACEMENT CHARACTER}err: \ufffd"
        raise RuntimeError
    speak(b"outside")
    assert capfd.readouterr() == ("out: outside", "err: outside")


PRINTS = """
import os
from edgeseal._native import native_output_held_back
print("before")
with native_output_held_back(stdout=True, show_on_failure=False):
    print("inside")
    os.write(1, b"native")
print("after")
"""


def test_lines_of_python_are_on_their_side_when_they_wait_in_a_buffer() -> None:
    command = [sys.executable, "-c", PRINTS]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"before\nafter\n"

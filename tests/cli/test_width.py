"""At 80 columns every table fits, on a terminal as where COLUMNS says so."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from cli.commands import Run
from edgeseal.tflite.graph import new_operator, write_model
from graphs import constant, model_of, value

COLUMNS = 80
COMMANDS = {
    "models": ["models"],
    "recipes": ["recipes"],
    "inspect": ["inspect", "{quantized}", "--ops"],
    "check": ["check", "{quantized}"],
    "targets": ["check", "{quantized}", "--target", "gpu", "--target", "npu"],
    "repair": ["repair", "{broken}", "-o", "{folder}/mended.tflite"],
    "lean": ["lean", "{padded}", "-o", "{folder}/lean.tflite"],
    "compare": ["compare", "{detector}", "{quantized}", "--draws", "1"],
    "profile": ["profile", "{quantized}", "--rounds", "1"],
    "bench": ["bench", "{detector}", "{quantized}", "--rounds", "1", "--compiled-model"],
    "sensitivity": ["sensitivity", "{detector}"],
    "embed": [
        "embed",
        "{photos}",
        "--model",
        "{embedder}",
        "--message",
        "b0b0",
        "-o",
        "{folder}/m",
    ],
    "detect": ["detect", "{photos}", "--model", "{detector}", "--expect", "b0b0"],
    "convert": ["convert", "tiny", "--random-weights", "1", "-o", "{folder}/converted"],
    "tune": ["tune", "{detector}", "--max-drop", "20", "-o", "{folder}/tuned.tflite"],
}


@pytest.fixture
def files(
    detector: Path, embedder: Path, refused_model: Path, photos: Path, tmp_path: Path
) -> dict[str, Path]:
    quantized = detector.with_name("tiny_detector_dynamic-int8.tflite")
    x, y = value("x", (1, 8, 8, 3)), value("y", (1, 10, 10, 3))
    widths = constant("widths", [[0, 0], [1, 1], [1, 1], [0, 0]])
    padded = tmp_path / "padded.tflite"
    pad = new_operator("MIRROR_PAD", [x, widths], [y], mode=0)
    write_model(model_of([x], [y], [pad]), padded)
    return {
        "padded": padded,
        "detector": detector,
        "embedder": embedder,
        "photos": photos,
        "quantized": quantized,
        "broken": refused_model,
        "folder": tmp_path,
    }


def tables(text: str) -> list[str]:
    """Return the lines of tables: headings, rules and rows; texts below rows are indented."""
    blocks = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line and set(line) == {"─"}:
            rest = lines[number:]
            end = next((i for i, row in enumerate(rest) if not row.strip()), len(rest))
            blocks += [lines[number - 1], *(row for row in rest[:end] if " " in row.strip())]
    return blocks


@pytest.mark.usefixtures("known_tiny")
@pytest.mark.parametrize("name", COMMANDS)
def test_tables_fit_when_a_line_has_80_columns(
    name: str, run: Run, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    command = [part.format_map(files) for part in COMMANDS[name]]
    done = run(*command)
    assert done.status in (0, 1), done.err
    found = tables(done.out)
    assert found
    assert [line for line in found if len(line) > COLUMNS and not is_text(line)] == []


def test_ranges_fit_when_a_line_has_80_columns(
    run: Run, detector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = tmp_path / "ranges.json"
    options = ["--recipe", "hybrid-int8", "--save-ranges", saved, "-o", tmp_path / "q.tflite"]
    assert run("quantize", detector, *options).status == 0
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    found = tables(run("ranges", saved).out)
    assert len(found) > 3
    assert max(map(len, found)) <= COLUMNS


def is_text(line: str) -> bool:
    """Whether a line says something about a file as a whole, below the last table."""
    return any(mark in line for mark in (", ", "; ", ": "))


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_tables_fit_when_stdout_is_a_terminal() -> None:
    leader, follower = pty.openpty()
    os.set_inheritable(follower, True)
    import fcntl
    import struct
    import termios

    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    command = [sys.executable, "-m", "edgeseal", "recipes"]
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    with subprocess.Popen(command, stdout=follower, env=environment) as process:
        os.close(follower)
        pieces = []
        while True:
            try:
                piece = os.read(leader, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            pieces.append(piece)
    os.close(leader)
    assert process.returncode == 0
    lines = b"".join(pieces).decode().replace("\r\n", "\n").splitlines()
    assert any(line.startswith("  ") for line in lines)  # texts have moved below their rows
    assert max(map(len, lines)) <= COLUMNS

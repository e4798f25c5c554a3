"""Every command of the documentation works, on the reference pair."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from docs.pages import ROOT, Block, blocks, pages, programs
from edgeseal.data import photo_paths
from patience import HANG_S

# The reference pair has the message length of VideoSeal 0.0 and stands in for it: its checkpoint
# comes with the package.
STAND_IN = ("videoseal_0.0", "reference")

# Exit status 1 says that a check found something, which is what some pages show.
PROGRAMS = {
    # What a page converts may be there already, for the other pages.
    "edgeseal": '[ "$1" = convert ] && set -- "$@" --overwrite\n'
    f'{sys.executable} -m edgeseal "$@"; status=$?; [ $status = 1 ] || exit $status',
    "pip": f'{sys.executable} {Path(__file__).with_name("pip.py")} "$@"',
    "make": f'grep -q "^$1:" {ROOT}/Makefile',
    # A program that a page has made is run; those of the repository are there.
    "python": f'if [ -e "$1" ]; then exec {sys.executable} "$@"; else [ -e "{ROOT}/$1" ]; fi',
}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the pages take for granted."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "bin").mkdir()
    for name, text in PROGRAMS.items():
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    shutil.copy(photo_paths()[0], folder / "photo.jpg")
    (folder / "photos").mkdir()
    for path in photo_paths()[:2]:  # small ones: pages attack them dozens of times
        photo = Image.open(path)
        photo.resize((photo.width // 2, photo.height // 2)).save(folder / "photos" / path.name)
    (folder / "list.txt").write_text("photo.jpg\n")
    (folder / "scans" / "old").mkdir(parents=True)
    Image.open(photo_paths()[2]).save(folder / "scans" / "old" / "scan.tif")
    _write_movie(folder / "movie.mp4")
    _run(Block("conversion", "edgeseal convert reference --part both -o models", None), folder)
    shutil.copytree(folder / "models", folder / "report" / "models")  # not converted once more
    for name, source in {
        "float32.tflite": "detector_float32",
        "float.tflite": "detector_float32",
        "dynamic-int8.tflite": "detector_dynamic-int8",
        "int8.tflite": "detector_dynamic-int8",
        "model.tflite": "detector_dynamic-int8",
        "detector.tflite": "detector_float32",
        "embedder.tflite": "embedder_float32",
    }.items():
        shutil.copy(folder / "models" / f"reference_{source}.tflite", folder / name)
    shutil.copytree(folder / "models", folder / "edgeseal-demo")
    stock = folder / "edgeseal-demo" / "stock_detector_dynamic-int8.tflite"
    shutil.copy(folder / "model.tflite", stock)
    return folder


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_commands_of_a_page_work_when_run_in_order(
    page: Path, workplace: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "here"
    shutil.copytree(workplace, folder)
    for block in blocks(page):
        if block.reason is None:
            _run(block, folder)


@pytest.mark.parametrize(
    "page", [page for page in pages() if programs(page)], ids=lambda page: page.name
)
def test_programs_of_a_page_work(page: Path, workplace: Path, tmp_path: Path) -> None:
    for number, program in enumerate(programs(page)):
        if program.reason is not None:
            continue
        folder = tmp_path / str(number)
        shutil.copytree(workplace, folder)
        (folder / "program.py").write_text(program.script.replace(*STAND_IN))
        command = [sys.executable, "program.py"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=HANG_S)
        assert done.returncode == 0, f"{program.where}\n{done.stderr}"


def test_blocks_that_are_not_run_say_why() -> None:
    found = [block for page in pages() for block in (*blocks(page), *programs(page))]
    skipped = [block for block in found if block.reason is not None]
    assert all(len(block.reason or "") > 10 for block in skipped)
    assert len(found) > 3 * len(skipped)


def _write_movie(path: Path) -> None:
    """Write a second of a photograph that moves."""
    pixels = np.asarray(Image.open(photo_paths()[1]).convert("RGB").resize((360, 240)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for shift in range(12):
            frame = np.ascontiguousarray(pixels[:, shift : shift + 320])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _run(block: Block, folder: Path) -> None:
    """Let a shell run a block as it stands, but for the model's name."""
    script = block.script.replace(*STAND_IN)
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, f"{block.where}\n{script}\n{done.stdout}\n{done.stderr}"

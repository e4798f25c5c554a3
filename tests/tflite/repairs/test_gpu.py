"""A file that LiteRT's GPU accelerator refuses for a version, and takes once it is repaired."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeseal.tflite.graph import (
    Model,
    float32_constant,
    new_arithmetic,
    new_dequantize,
    write_model,
)
from edgeseal.tflite.repairs.tidy._versions_needed import STATE_NEEDED_VERSIONS
from graphs import constant, model_of, value

CHROMIUM = Path("/usr/lib/chromium")  # Debian's: with SwiftShader, Vulkan without a GPU
DRIVER = CHROMIUM / "vk_swiftshader_icd.json"

COMPILE = """
import sys
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.hardware_accelerator import HardwareAccelerator
from ai_edge_litert.options import Options
options = Options()
options.hardware_accelerators = HardwareAccelerator.GPU
print("whole:", CompiledModel.from_file(sys.argv[1], options=options).is_fully_accelerated())
"""


def on_gpu(path: Path) -> str:
    """Return what the accelerator says of a file, in a process that finds the driver."""
    paths = {"LD_LIBRARY_PATH": str(CHROMIUM), "VK_ICD_FILENAMES": str(DRIVER)}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE, str(path)],
        env=os.environ | paths,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def table_model() -> Model:
    """A sum with an INT8 table whose DEQUANTIZE states the version of a scale per channel."""
    table = constant("table", np.arange(-64, 64, dtype=np.int8).reshape(1, 4, 4, 8), 0.1)
    x, y, wide = (value(name, table.shape) for name in ("x", "y", "wide"))
    widen = new_dequantize(table, wide)
    widen.state_version(5)
    half = value("half", table.shape)
    halved = new_arithmetic("MUL", x, float32_constant("0.5", np.full(1, 0.5, np.float32)), half)
    return model_of([x], [y], [halved, widen, new_arithmetic("ADD", half, wide, y)])


@pytest.mark.skipif(
    not DRIVER.exists() and "CI" not in os.environ,
    reason="there is no software Vulkan: install Debian's chromium",
)
def test_gpu_takes_a_file_when_its_versions_are_repaired(tmp_path: Path) -> None:
    model = table_model()
    write_model(model, tmp_path / "stated.tflite")
    assert "DEQUANTIZE: Max version supported: 3" in on_gpu(tmp_path / "stated.tflite")
    [change] = STATE_NEEDED_VERSIONS.apply(model)
    assert (change.code, change.text) == (
        "ES030",
        "1 DEQUANTIZE that stated version 5 given 2, which they need",
    )
    write_model(model, tmp_path / "repaired.tflite")
    assert "whole: True" in on_gpu(tmp_path / "repaired.tflite")

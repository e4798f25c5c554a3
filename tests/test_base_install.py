"""Everything but conversion works where torch is not installed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgeseal._extras import install_command

TFLITE = (
    "graph probe inputs metrics devices diagnosis repairs rewrites quantization calibration tuning "
    "targets comparison profiling reduction benchmark view"
)
WATERMARK = "cards runtime evaluate payload video peers pack registry scan web"
ROOMS = (
    "data",
    "pictures",
    *(f"tflite.{room}" for room in TFLITE.split()),
    *(f"watermark.{room}" for room in WATERMARK.split()),
)
_BLOCK = """
import sys
for name in ("torch", "litert_torch", "ai_edge_quantizer", "matplotlib", "skimage", "scipy", "av",
             "pyarrow", "fsspec"):
    sys.modules[name] = None  # importing it now raises ModuleNotFoundError
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _BLOCK + code], capture_output=True, text=True, check=False
    )


_ONLY = """
import sys
class Absent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] not in {{*sys.stdlib_module_names, "edgeseal", *{names}}}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent)
"""


@pytest.mark.parametrize("room", ROOMS)
def test_room_and_its_names_import_when_torch_is_missing(room: str) -> None:
    result = run(f"import edgeseal.{room} as room\nfor name in room.__all__: getattr(room, name)")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(("room", "extra"), [("convert", "convert"), ("prune", "prune")])
def test_extra_is_named_when_a_room_needs_torch(room: str, extra: str) -> None:
    result = run(f"import edgeseal.watermark.{room}")
    assert install_command(extra) in result.stderr.splitlines()[-1]


def test_missing_extra_is_one_clear_line_when_converting_without_torch(tmp_path: Path) -> None:
    arguments = ["edgeseal", "convert", "reference", "--part", "detector", "-o", str(tmp_path)]
    code = f"sys.argv = {arguments}\n"
    result = run(code + "from edgeseal.cli import main; sys.exit(main())")
    assert result.returncode == 2
    assert install_command("convert") in result.stderr
    assert "Traceback" not in result.stderr


def test_public_names_are_importable_when_listed() -> None:
    result = run("import edgeseal\nfor name in edgeseal.__all__: getattr(edgeseal, name)")
    assert result.returncode == 0, result.stderr


def test_worker_starts_when_only_what_emulation_brings_is_there() -> None:
    script = (Path(__file__).parents[1] / "tools" / "arm.sh").read_text()
    [fetched] = re.findall(r'-d "\$dir/wheels" (.*)', script)
    names = [{"Pillow": "PIL"}.get(name, name).replace("-", "_") for name in fetched.split()]
    result = run(_ONLY.format(names=names) + "import edgeseal.tflite.devices._cpu_worker")
    assert result.returncode == 0, result.stderr

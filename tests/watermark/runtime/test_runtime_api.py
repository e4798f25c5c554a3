"""The public surface of the runtime, and what it must not need."""

from __future__ import annotations

import subprocess
import sys

from edgeseal.watermark import runtime


def test_every_name_exists_when_listed() -> None:
    assert all(hasattr(runtime, name) for name in runtime.__all__)
    assert len(set(runtime.__all__)) == len(runtime.__all__)


def test_torch_is_not_imported_when_the_runtime_is() -> None:
    heavy = "{'torch', 'tensorflow', 'scipy'}"
    code = f"import sys, edgeseal.watermark.runtime; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

"""What the module for browsers is held to is what Python computes."""

from __future__ import annotations

import base64
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def test_stored_vectors_are_those_of_this_version() -> None:
    spec = importlib.util.spec_from_file_location("web_vectors", ROOT / "tools" / "web_vectors.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    stored = json.loads((ROOT / "web" / "tests" / "vectors.json").read_text())
    compare(json.loads(json.dumps(module.all_vectors())), stored, "vectors")


def compare(found: Any, stored: Any, where: str) -> None:
    """Compare records: numbers to rounding, pixels to a level, all else exactly."""
    assert type(found) is type(stored), where
    if isinstance(stored, dict) and "floats" in stored:
        assert found["shape"] == stored["shape"], where
        np.testing.assert_allclose(numbers(found), numbers(stored), atol=1e-6, err_msg=where)
    elif isinstance(stored, dict) and "bytes" in stored:
        levels = [
            np.frombuffer(base64.b64decode(one["bytes"]), np.uint8) for one in (found, stored)
        ]
        assert np.abs(np.subtract(*levels, dtype=np.int16)).max() <= 1, where
    elif isinstance(stored, dict):
        assert found.keys() == stored.keys(), where
        for name, value in stored.items():
            compare(found[name], value, f"{where}.{name}")
    elif isinstance(stored, list):
        assert len(found) == len(stored), where
        for index, (one, other) in enumerate(zip(found, stored, strict=True)):
            compare(one, other, f"{where}[{index}]")
    elif isinstance(stored, float):
        np.testing.assert_allclose(found, stored, rtol=1e-5, err_msg=where)
    else:
        assert found == stored, where


def numbers(record: Any) -> Any:
    return np.frombuffer(base64.b64decode(record["floats"]), "<f4")

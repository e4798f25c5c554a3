"""Without torch, the package says what is missing, and what needs no torch works."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgeseal._extras import install_command
from edgeseal.watermark import models
from patience import HANG_S

SCRIPT = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, Blocker())
from edgeseal.watermark import cards, models
from edgeseal.errors import MissingExtraError
card = cards.load_card("videoseal_0.0")
print(models.checkpoint_state(card).where.value)
try:
    models.load_checkpoint
except MissingExtraError as error:
    print(error)
"""


def test_cards_and_cache_work_when_torch_is_missing(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGESEAL_CACHE", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    command = [sys.executable, "-W", "error", "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=HANG_S)
    state, message = done.stdout.splitlines()
    assert state == "absent"
    assert install_command("convert") in message


def test_every_public_name_is_there_when_torch_is_installed() -> None:
    assert all(getattr(models, name) is not None for name in models.__all__)
    assert models.__all__ == sorted(models.__all__)
    assert set(models._NEEDS_TORCH) <= set(models.__all__)


def test_attribute_error_is_raised_when_a_name_does_not_exist() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        models.nothing  # noqa: B018

"""What devices make of the models of a pack, and what their compilers make for it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgeseal._files import sha256_of
from edgeseal.errors import ModelError
from edgeseal.tflite.devices import Device, DeviceResult, DeviceSession, Examiner
from edgeseal.tflite.graph import Model, read_model
from edgeseal.tflite.probe import Prober

__all__ = ["Variant", "make_variants"]

_TIMEOUT_S = 3600.0  # for one model: emulators are slow


@dataclass(frozen=True, slots=True)
class Variant:
    """A model on a device, where it was shown to be right.

    Attributes:
        device: such as ``qualcomm:SM8650``.
        model: name of the file that was examined.
        nsr: squared error of its worst output against this processor, as a share of the squares;
            None where outputs are zero.
        signs: share of outputs of equal sign; None if all have one sign.
        file: the compiled one, below ``models/``; None where the device runs the model's own file.
        size_bytes: of the compiled file.
        sha256: its checksum.
    """

    device: str
    model: str
    nsr: float | None
    signs: float | None
    file: str | None = None
    size_bytes: int = 0
    sha256: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        record: dict[str, Any] = {"device": self.device, "nsr": self.nsr, "signs": self.signs}
        if self.file is None:
            return {**record, "file": None}
        compiled = {"file": f"models/{self.file}", "size_bytes": self.size_bytes}
        return {**record, **compiled, "sha256": self.sha256}


def make_variants(
    paths: Sequence[Path], devices: Sequence[Device], pictures: Sequence[Path], folder: Path
) -> tuple[Variant, ...]:
    """Let devices run models, and keep what they compiled.

    Args:
        paths: the models.
        devices: ones with nothing missing.
        pictures: what models are compared on.
        folder: where compiled files are written, each named after its model and its device.

    Raises:
        ModelError: a device does not take a model whole or computes it wrong; all are said.
        UsageError: nothing answers for a device.
        ProbeError: a process cannot start.
    """
    made: list[Variant] = []
    refused: list[str] = []
    with Prober(timeout_s=_TIMEOUT_S) as prober:
        for path in paths if devices else ():
            model = read_model(path)
            examiner = Examiner(model, path, prober, pictures=pictures)
            for device in devices:
                found = _variant(path, model, device, examiner, folder)
                if isinstance(found, Variant):
                    made.append(found)
                else:
                    refused.append(f"{path} on {device.name}: {found.summary}")
    if refused:
        raise ModelError(
            f"not packed, since devices do not compute it right: {'; '.join(refused)}. "
            "`edgeseal check --on DEVICE` says more, `edgeseal repair --for DEVICE` may help"
        )
    return tuple(made)


def _variant(
    path: Path, model: Model, device: Device, examiner: Examiner, folder: Path
) -> Variant | DeviceResult:
    """Return what a device makes of a model; its verdict if that is not right."""
    with DeviceSession(device, timeout_s=_TIMEOUT_S) as session:
        result = examiner.examine(model, session, one_by_one=False)
        if not result.is_good:
            return result
        nsr = None if result.error is None else result.error.nsr
        variant = Variant(device.name, path.name, nsr, result.signs)
        if session.compiled() is None:
            return variant
        session.ask(model, ())  # with signatures and metadata, which the trial is without
        compiled = session.compiled()
        if compiled is None:
            raise ModelError(f"{path}: {device.name} does not compile it a second time; try again")
        target = folder / f"{path.stem}_{device.name.replace(':', '_')}.tflite"
        shutil.copyfile(compiled, target)
    size_bytes, checksum = target.stat().st_size, sha256_of(target)
    return replace(variant, file=target.name, size_bytes=size_bytes, sha256=checksum)

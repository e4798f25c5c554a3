"""Finds what is wrong with a file, or what a target does not take of it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, overload

from edgeseal._progress import SILENT, Progress
from edgeseal.errors import UsageError
from edgeseal.pictures import ImageInput, given_pictures
from edgeseal.tflite.devices import DeviceReport, check_on, find_devices
from edgeseal.tflite.diagnosis import CheckReport
from edgeseal.tflite.diagnosis import check as check_model
from edgeseal.tflite.graph import Model, read_model
from edgeseal.tflite.inputs import InputForm, InputOptions, samples_of
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.targets import Target, TargetReport, assess
from edgeseal.tflite.verbs._limits import bytes_of
from edgeseal.tflite.verbs._shaped import shaped

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["CheckReport", "DeviceReport", "TargetReports", "check"]

_MACS = 256
_TIMEOUT_S = 60.0
_DEVICE_TIMEOUT_S = 600.0  # an emulator takes a minute for a full-size picture


@dataclass(frozen=True, slots=True)
class TargetReports:
    """A file on some targets.

    Attributes:
        path: the file.
        reports: one for each target.
    """

    path: Path
    reports: tuple[TargetReport, ...]

    @property
    def is_good(self) -> bool:
        """Whether every target takes every operator."""
        return all(report.is_good for report in self.reports)

    def to_json(self) -> dict[str, object]:
        """Return it for JSON."""
        return {"path": str(self.path), "targets": [report.to_json() for report in self.reports]}

    def __str__(self) -> str:
        return "\n".join([f"{self.path}", *map(str, self.reports)])


@overload
def check(
    path: str | Path,
    *,
    images: ImageInput | Iterable[ImageInput] | None = None,
    targets: None = None,
    devices: None = None,
    float_model: None = None,
    macs: int | None = None,
    prepare_only: bool = False,
    timeout_s: float | None = None,
    memory_limit_mib: float | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> CheckReport: ...


@overload
def check(
    path: str | Path,
    *,
    images: ImageInput | Iterable[ImageInput] | None = None,
    targets: Sequence[str],
    devices: None = None,
    float_model: None = None,
    macs: int | None = None,
    prepare_only: bool = False,
    timeout_s: float | None = None,
    memory_limit_mib: float | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> TargetReports: ...


@overload
def check(
    path: str | Path,
    *,
    images: ImageInput | Iterable[ImageInput] | None = None,
    targets: None = None,
    devices: Sequence[str],
    float_model: str | Path | None = None,
    macs: int | None = None,
    prepare_only: bool = False,
    timeout_s: float | None = None,
    memory_limit_mib: float | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> DeviceReport: ...


def check(
    path: str | Path,
    *,
    images: ImageInput | Iterable[ImageInput] | None = None,
    targets: Sequence[str] | None = None,
    devices: Sequence[str] | None = None,
    float_model: str | Path | None = None,
    macs: int | None = None,
    prepare_only: bool = False,
    timeout_s: float | None = None,
    memory_limit_mib: float | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> CheckReport | TargetReports | DeviceReport:
    """Find what is wrong with a ``.tflite`` file, all of it at once.

    Every operator is cut out and tried by the installed LiteRT on the values that reach it.

    Args:
        path: any ``.tflite`` file.
        images: pictures, or files of arrays (``.npy``, ``.npz``), to run it on; without any, one
            run on drawn inputs.
        targets: instead, say which operators these take: ``cpu``, ``gpu``, ``npu``, ``ethos-u85``.
        devices: instead, let these compile and run it, and compare what they compute: ``cpu``,
            ``gpu``, ``qualcomm``, ``qualcomm:SOC``, ``arm`` or ``arm:CPU``.
        float_model: with ``devices``, the file that it was made from: one that is as near to that
            as this processor is right, too, where both round differently.
        macs: size of the Ethos-U85, in multiply-accumulates per cycle; 256 if None.
        prepare_only: prepare the operators without running them.
        timeout_s: longest time for one trial; default: 60, on devices 600.
        memory_limit_mib: for the process that tries; default: half of the machine's.
        seed: for what is drawn.
        progress: hears what goes on.
        inputs: how pixels are fed, and sizes that the file leaves open; see :class:`InputOptions`.

    Raises:
        UsageError: arguments that contradict each other, no such target or device, or something
            has to be installed for a device.
        FileError, ModelError: the file cannot be read, or is no model.
        ProbeError: the process that loads LiteRT, or a compiler, fails.
        MissingExtraError: a target's compiler is not installed.
    """
    path = Path(path)
    _check_arguments(targets, macs=macs, has_images=images is not None, prepare_only=prepare_only)
    if devices:
        if targets or prepare_only or memory_limit_mib is not None:
            raise UsageError(
                "`devices` run the file: leave `targets`, `prepare_only` and `memory_limit_mib` out"
            )
        limit_s = _DEVICE_TIMEOUT_S if timeout_s is None else timeout_s
        return _on_devices(path, devices, float_model, images, seed, limit_s, progress, inputs)
    if float_model is not None:
        raise UsageError("`float_model` goes with `devices`; `edgeseal compare` compares two files")
    form = InputForm.of(**inputs)
    model = read_model(path)
    limit_s = _TIMEOUT_S if timeout_s is None else timeout_s
    limit_bytes = bytes_of(memory_limit_mib)
    if targets:
        size = _MACS if macs is None else macs
        return _on_targets(path, form.apply(model), targets, size, limit_s, limit_bytes, progress)
    prober = Prober(timeout_s=limit_s, memory_limit_bytes=limit_bytes)
    with shaped(path, model, form) as file:
        samples = [] if prepare_only else samples_of(model, images)
        with progress.busy(f"checking {path.name}"), prober:
            found = check_model(model, file, prober, samples=samples, seed=seed)
    return dataclasses.replace(found, path=path)


def _on_targets(
    path: Path,
    model: Model,
    targets: Sequence[str],
    macs: int,
    timeout_s: float,
    memory_limit_bytes: int | None,
    progress: Progress,
) -> TargetReports:
    reports = []
    for name in dict.fromkeys(targets):
        with progress.busy(f"checking {path.name} for {name}"):
            reports.append(
                assess(
                    model,
                    Target(name),
                    macs=macs,
                    timeout_s=timeout_s,
                    memory_limit_bytes=memory_limit_bytes,
                )
            )
    return TargetReports(path, tuple(reports))


def _on_devices(
    path: Path,
    devices: Sequence[str],
    float_model: str | Path | None,
    images: ImageInput | Iterable[ImageInput] | None,
    seed: int,
    timeout_s: float,
    progress: Progress,
    inputs: InputOptions,
) -> DeviceReport:
    names = list(dict.fromkeys(devices))
    find_devices(names)  # before anything is said to be done
    form = InputForm.of(**inputs)
    pictures = None if images is None else given_pictures(images)
    text = f"checking {path.name} on {', '.join(names)}"
    with (
        progress.busy(text) as say,
        shaped(path, read_model(path), form) as file,
        _float_file(float_model, form) as real,
    ):
        found = check_on(
            file,
            names,
            float_model=real,
            pictures=pictures,
            seed=seed,
            timeout_s=timeout_s,
            progress=lambda what: say(f"{text}: {what}"),
        )
    return dataclasses.replace(found, path=path)


def _float_file(
    path: str | Path | None, form: InputForm
) -> contextlib.AbstractContextManager[Path | None]:
    if path is None:
        return contextlib.nullcontext()
    return shaped(Path(path), read_model(path), form)


def _check_arguments(
    targets: Sequence[str] | None, *, macs: int | None, has_images: bool, prepare_only: bool
) -> None:
    """Refuse arguments that would change nothing.

    Raises:
        UsageError: they belong to the other use, or there is no such target.
    """
    known = [target.value for target in Target]
    unknown = [name for name in targets or () if name not in known]
    if unknown:
        raise UsageError(f"there is no target {', '.join(unknown)}; targets are {', '.join(known)}")
    if macs is not None and Target.ETHOS_U85.value not in (targets or ()):
        raise UsageError("`macs` goes with `targets` ethos-u85; leave it out")
    if targets and (has_images or prepare_only):
        raise UsageError("`images` and `prepare_only` go with trying the file, without `targets`")
    if has_images and prepare_only:
        raise UsageError("`images` and `prepare_only`: give one of them; pictures need a run")

"""Mends what a check finds in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeseal._files import check_apart, check_output
from edgeseal._progress import SILENT, Progress
from edgeseal.errors import UsageError
from edgeseal.pictures import ImageInput
from edgeseal.tflite.devices import DeviceSession, Examiner, find_devices
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.inputs import InputForm, InputOptions, are_arrays, given_inputs, samples_of
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.repairs import OutputAgreement, Preference, RepairResult, Unmended
from edgeseal.tflite.repairs import repair as repair_model
from edgeseal.tflite.verbs._limits import bytes_of, device_limit_s
from edgeseal.tflite.verbs._shaped import shaped

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["RepairedFile", "repair"]


@dataclass(frozen=True, slots=True)
class RepairedFile:
    """A file that was written.

    Attributes:
        source: the file that was mended.
        path: the file.
        size_bytes_before: of the source.
        size_bytes: of the file.
        result: what was done.
    """

    source: Path
    path: Path
    size_bytes_before: int
    size_bytes: int
    result: RepairResult

    @property
    def is_good(self) -> bool:
        """Whether no finding of level error is left, and the device computes it right."""
        return self.result.is_good

    def to_json(self) -> dict[str, object]:
        """Return all of it for JSON."""
        result, companion = self.result, self.result.companion
        on_device = result.on_device
        return {
            "source": str(self.source),
            "path": str(self.path),
            "size_bytes_before": self.size_bytes_before,
            "size_bytes": self.size_bytes,
            "changes": [change.to_json() for change in result.changes],
            "unmended": [_unmended_record(item) for item in result.unmended],
            "agreement": _agreement_record(result.agreement),
            "float_agreement_before": companion and _agreement_record(companion.before),
            "float_agreement": companion and _agreement_record(companion.after),
            "device_before": on_device and on_device.before.to_json(),
            "device": on_device and on_device.after.to_json(),
            "before": result.before.to_json(),
            "after": {**result.after.to_json(), "path": str(self.path)},
        }

    def __str__(self) -> str:
        report = self.result.after
        state = {None: "prepares", True: "runs", False: "fails when it runs"}[report.runs]
        if not report.prepares:
            state = "cannot be prepared by this LiteRT"
        before, after = self.size_bytes_before / 2**20, self.size_bytes / 2**20
        return f"{self.path}: {before:.2f} MiB -> {after:.2f} MiB, {state}"


def repair(
    source: str | Path,
    output: str | Path,
    *,
    float_model: str | Path | None = None,
    prefer: str = Preference.ACCURACY.value,
    device: str | None = None,
    images: ImageInput | Iterable[ImageInput] | None = None,
    timeout_s: float = 60.0,
    time_limit_s: float = 1800.0,
    memory_limit_mib: float | None = None,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> RepairedFile:
    """Mend what :func:`edgeseal.tflite.check` finds, as far as it can be mended.

    Every repair is tried by the installed LiteRT first, and outputs are compared. The file is
    written in any case.

    Args:
        source: any ``.tflite`` file.
        output: file to write.
        float_model: the float model it came from, to compare with; layers that read a picture get
            back what rounding cut off, if that brings the outputs closer.
        prefer: where several repairs work: ``accuracy`` for the most accurate one, then the
            smallest, then the fastest; ``integer`` for those first that compute in integers.
        device: rewrite as well what this one refuses or computes wrong, as
            :func:`edgeseal.tflite.check` with ``devices`` finds it: ``gpu``, ``qualcomm:SM8650``
            and so on. What does not make its verdict better is left.
        images: pictures, or files of arrays (``.npy``, ``.npz``), to run it on; without any,
            inputs are drawn.
        timeout_s: longest time for one trial; ten times that for a device.
        time_limit_s: after it nothing more is tried, and what is left is said.
        memory_limit_mib: for the process that tries; default: half of the machine's.
        seed: for what is drawn.
        overwrite: whether to replace the file.
        progress: hears what goes on.
        inputs: how pixels are fed, and sizes that the file leaves open; see :class:`InputOptions`.

    Raises:
        UsageError: arguments that make no sense, a float model of another graph, or a device that
            cannot be asked here.
        FileError, ModelError: a file cannot be read or written, or devices cannot compile it.
        ProbeError: the process that loads LiteRT cannot start.
    """
    source, output = Path(source), Path(output)
    preference = _preference(prefer)
    asked = None if device is None else find_devices([device])[0]
    form = InputForm.of(**inputs)
    model = read_model(source)
    pictures = _pictures(images, device)
    named = [picture for picture in pictures or () if isinstance(picture, str | Path)]
    check_apart([source, float_model, *named], [output])
    check_output(output, overwrite=overwrite)
    prober = Prober(timeout_s=timeout_s, memory_limit_bytes=bytes_of(memory_limit_mib))
    text = f"repairing {source.name}" + (f" for {device}" if device else "")
    with ExitStack() as stack:
        file = stack.enter_context(shaped(source, model, form, progress))
        samples = samples_of(model, pictures)
        companion = stack.enter_context(_shaped_float(float_model, form))
        say = stack.enter_context(progress.busy(text))
        stack.enter_context(prober)

        def tell(what: str) -> None:
            say(f"{text}: {what}")

        judge = None
        if asked is not None:
            examiner = Examiner(model, file, prober, pictures=pictures, seed=seed)
            session = DeviceSession(asked, timeout_s=device_limit_s(timeout_s))
            judge = partial(examiner.examine, session=stack.enter_context(session), progress=tell)
        result = repair_model(
            model,
            file,
            prober,
            samples=samples,
            companion=companion,
            prefer=preference,
            seed=seed,
            judge=judge,
            time_limit_s=time_limit_s,
            say=tell,
        )
    write_model(result.model, output, overwrite=overwrite)
    return RepairedFile(source, output, source.stat().st_size, output.stat().st_size, result)


def _pictures(
    images: ImageInput | Iterable[ImageInput] | None, device: str | None
) -> list[Any] | None:
    found = None if images is None else given_inputs(images)
    if device is not None and found is not None and are_arrays(found):
        raise UsageError("`device` is tried on pictures: leave the arrays out")
    return found


@contextmanager
def _shaped_float(path: str | Path | None, form: InputForm) -> Iterator[Path | None]:
    if path is None:
        yield None
        return
    with shaped(Path(path), read_model(path), form) as file:
        yield file


def _preference(name: str) -> Preference:
    known = [preference.value for preference in Preference]
    if name not in known:
        raise UsageError(f"`prefer` {name}: expected one of {', '.join(known)}")
    return Preference(name)


def _unmended_record(item: Unmended) -> dict[str, object]:
    return {"code": item.code, "title": item.title, "text": item.text, "names": list(item.names)}


def _agreement_record(agreement: OutputAgreement | None) -> dict[str, object] | None:
    if agreement is None:
        return None
    return {
        "nmse": agreement.nmse,
        "sign_agreement": agreement.sign_agreement,
        "identical": agreement.is_identical,
        "parts": list(agreement.parts),
    }

"""Measures time, memory and agreement of models."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgeseal._progress import SILENT, Progress
from edgeseal.errors import UsageError
from edgeseal.pictures import ImageInput
from edgeseal.tflite.benchmark import (
    Engine,
    EngineMeasurement,
    LiteRTCompiledModel,
    LiteRTInBrowser,
    LiteRTInterpreter,
    run_on_device,
)
from edgeseal.tflite.benchmark import bench as measure
from edgeseal.tflite.comparison import ModelFile, check_ends
from edgeseal.tflite.devices import BROWSER_BACKENDS, find_devices
from edgeseal.tflite.inputs import (
    InputForm,
    InputOptions,
    ModelInputs,
    given_inputs,
    model_inputs,
)
from edgeseal.tflite.metrics import nmse
from edgeseal.tflite.probe import check_meaning
from edgeseal.tflite.verbs._shaped import shaped

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "BenchResult",
    "Bencher",
    "EngineAgreement",
    "agreements_of",
    "bench",
    "check_devices",
    "files_of",
    "plain_agreement",
]

_DRAWS = 8
_BUSY = 1.2  # times the processor's own time; with one thread, an idle machine shows 1.0
_PACKAGES = ("ai-edge-litert", "torch", "onnxruntime", "openvino", "nncf")


@dataclass(frozen=True, slots=True)
class EngineAgreement:
    """How an engine's results compare with those of the first that ran.

    Attributes:
        nmse: :func:`~edgeseal.tflite.metrics.nmse`; None where that says nothing.
    """

    nmse: float | None = None


Judge = Callable[[NDArray[np.float32], NDArray[np.float32]], EngineAgreement]
"""Compares finite results with finite ones of the first engine, float32 [pictures, ...]."""


@dataclass(frozen=True, slots=True)
class BenchResult:
    """What was measured.

    Attributes:
        engines: one for each model and engine.
        agreements: of each; an empty one where it failed or gave values that are not finite.
        own: number of engines, the first ones, that have to run; those on a device have no timings.
        threads: that each might use.
        rounds: timed runs of each.
        pictures: number of inputs.
        seed: for what was drawn.
    """

    engines: tuple[EngineMeasurement, ...]
    agreements: tuple[EngineAgreement, ...]
    own: int
    threads: int
    rounds: int
    pictures: int
    seed: int

    @property
    def is_good(self) -> bool:
        """Whether every model ran in LiteRT."""
        return all(one.failure is None for one in self.engines[: self.own])

    @property
    def machine(self) -> str:
        """What it was measured on."""
        return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that matter, as far as they are installed."""
        found = {"edgeseal": importlib.metadata.version("edgeseal")}
        for name in _PACKAGES:
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return found

    def notes(self) -> Iterator[str]:
        """Yield what to mind."""
        for one in self.engines:
            if one.failure is not None:
                yield f"{one.model} in {one.engine}: {one.failure}"
        timed = [one.timings for one in self.engines if one.timings is not None]
        busy = [t for t in timed if t.processor_ms and t.median_ms > _BUSY * t.processor_ms]
        if self.threads == 1 and busy:
            yield "other programs keep the processor busy: times are too long, ratios hold"

    def to_json(self) -> dict[str, object]:
        """Return all of it for JSON."""
        engines = [
            {
                "model": one.model,
                "engine": one.engine,
                "size_bytes": one.size_bytes,
                "timings": None if one.timings is None else dataclasses.asdict(one.timings),
                "agreement": dataclasses.asdict(agreement),
                "failure": one.failure,
            }
            for one, agreement in zip(self.engines, self.agreements, strict=True)
        ]
        return {
            "threads": self.threads,
            "rounds": self.rounds,
            "pictures": self.pictures,
            "seed": self.seed,
            "machine": self.machine,
            "versions": self.versions,
            "engines": engines,
        }

    def __str__(self) -> str:
        plural = "s" * (self.threads != 1)
        lines = [
            f"{self.rounds} rounds in turn, {self.threads} thread{plural}, "
            f"{self.pictures} pictures, seed {self.seed}; {self.machine}"
        ]
        for one in self.engines:
            timings = one.timings
            found = one.failure or ("cannot run" if one.outputs is None else "not timed")
            if timings is not None:
                found = f"{timings.median_ms:.2f} ms, {timings.ratio:.3f} of the first"
            lines.append(f"{one.model} in {one.engine}: {found}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Bencher:
    """How models are measured.

    Attributes:
        files: of one graph.
        names: what to call them, by their paths.
        compiled_model: whether to time LiteRT's CompiledModel beside its interpreter.
        threads: that each may use.
        rounds: timed runs of each, in turn.
        seed: for what is drawn.
        timeout_s: longest wait for an engine.
        device: where to run the files as well; None for nowhere.
        browser: whether to run them in a browser as well.
    """

    files: Sequence[ModelFile]
    names: Mapping[str, str]
    compiled_model: bool
    threads: int
    rounds: int
    seed: int
    timeout_s: float
    device: str | None = None
    browser: bool = False

    def run(
        self,
        pictures: Sequence[ImageInput] | None,
        draws: int | None,
        judge: Judge,
        say: Callable[[str], None],
        more: Sequence[Engine] = (),
    ) -> BenchResult:
        """Measure.

        Args:
            pictures: to run on; None to draw inputs.
            draws: number of inputs if they are drawn.
            judge: compares results.
            say: hears what is done next.
            more: engines that are timed beside, on the first file's inputs.
        """
        samples = model_inputs(
            [file.model for file in self.files], pictures, draws=draws or _DRAWS, seed=self.seed
        )
        own, inputs = self._engines(samples)
        beside: list[tuple[Engine | LiteRTInBrowser, ModelInputs]] = [
            *self._in_browser(samples),
            *[(engine, samples[0]) for engine in more],
        ]
        found = measure(
            [*own, *(engine for engine, _ in beside)],
            [*inputs, *(sample for _, sample in beside)],
            rounds=self.rounds,
            timeout_s=self.timeout_s,
            advance=say,
        )
        there = list(self._on_device(samples, say))
        found = [*found[: len(own)], *there, *found[len(own) :]]
        found = [replace(one, model=self.names.get(one.model, one.model)) for one in found]
        return BenchResult(
            engines=tuple(found),
            agreements=tuple(agreements_of(found, judge)),
            own=len(own) + len(there),
            threads=self.threads,
            rounds=self.rounds,
            pictures=len(samples[0]),
            seed=self.seed,
        )

    def _on_device(
        self, samples: Sequence[ModelInputs], say: Callable[[str], None]
    ) -> Iterator[EngineMeasurement]:
        if self.device is None:
            return
        for file, inputs in zip(self.files, samples, strict=True):
            yield run_on_device(
                file.path, self.device, inputs, timeout_s=self.timeout_s, advance=say
            )

    def _in_browser(
        self, samples: Sequence[ModelInputs]
    ) -> Iterator[tuple[LiteRTInBrowser, ModelInputs]]:
        threads = self.threads if self.threads > 1 else os.cpu_count() or 1
        for file, inputs in zip(self.files, samples, strict=True):
            for backend in BROWSER_BACKENDS if self.browser else ():
                yield LiteRTInBrowser(file.path, backend, threads), inputs

    def _engines(self, samples: Sequence[ModelInputs]) -> tuple[list[Engine], list[ModelInputs]]:
        kinds: tuple[Any, ...] = (LiteRTInterpreter,)
        kinds += (LiteRTCompiledModel,) * self.compiled_model
        pairs = [
            (kind(file.path, self.threads), inputs)
            for file, inputs in zip(self.files, samples, strict=True)
            for kind in kinds
        ]
        return [engine for engine, _ in pairs], [inputs for _, inputs in pairs]


def bench(
    paths: str | Path | Iterable[str | Path],
    *,
    compiled_model: bool = False,
    threads: int = 1,
    rounds: int = 30,
    device: str | None = None,
    browser: bool = False,
    images: ImageInput | Iterable[ImageInput] | None = None,
    draws: int | None = None,
    seed: int = 0,
    timeout_s: float = 600.0,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> BenchResult:
    """Measure time, memory and agreement of models.

    Every engine has a process of its own, and all run in turn, so that ratios hold on a busy
    machine.

    Args:
        paths: ``.tflite`` files of one graph; the others are measured by the first.
        compiled_model: time LiteRT's CompiledModel beside its interpreter.
        threads: that each may use.
        rounds: timed runs of each, in turn.
        device: run each there as well, as :func:`edgeseal.tflite.check` takes its name, to see how
            far its results agree; that is not timed.
        browser: time LiteRT.js in a browser beside: in WebAssembly with one thread and with
            several, and on the graphics processor.
        images: pictures to run on.
        draws: number of drawn inputs instead, 2 or more; 8 if neither is given.
        seed: for what is drawn.
        timeout_s: longest wait for an engine.
        progress: hears what goes on.
        inputs: how pixels are fed, and sizes that the file leaves open; see :class:`InputOptions`.

    Raises:
        UsageError: arguments that contradict each other, files with other inputs or outputs, or a
            device that cannot be asked here.
        FileError, ModelError: a file cannot be read, or is no model.
    """
    check_devices(device, browser=browser)
    form = InputForm.of(**inputs)
    with (
        files_of(paths, form, has_images=images is not None, draws=draws, progress=progress) as (
            files,
            names,
        ),
        progress.busy("measuring") as say,
    ):
        pictures = None if images is None else given_inputs(images)
        bencher = Bencher(
            files, names, compiled_model, threads, rounds, seed, timeout_s, device, browser
        )
        return bencher.run(pictures, draws, plain_agreement, say)


def check_devices(device: str | None, *, browser: bool) -> None:
    """Refuse to measure where something is missing.

    Raises:
        UsageError: there is no such device, or something has to be installed; says what.
    """
    find_devices([*([] if device is None else [device]), *(["browser"] if browser else [])])


@contextlib.contextmanager
def files_of(
    paths: str | Path | Iterable[str | Path],
    form: InputForm,
    *,
    has_images: bool,
    draws: int | None,
    progress: Progress,
) -> Iterator[tuple[list[ModelFile], dict[str, str]]]:
    """Yield files of one graph as they are to run, and what was given by the name of each.

    Raises:
        UsageError, FileError, ModelError: as :func:`bench`.
    """
    if has_images and draws is not None:
        raise UsageError("`images` and `draws`: give one of them")
    if draws is not None and draws < 2:
        raise UsageError(f"`draws`: expected 2 or more, got {draws}")
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    with contextlib.ExitStack() as stack:
        known = [ModelFile.read(path) for path in given]
        opened = [stack.enter_context(shaped(one.path, one.model, form, progress)) for one in known]
        for one in known:
            check_meaning(one.model, one.path)
            check_ends(known[0], one)
        names = {str(file): str(one.path) for file, one in zip(opened, known, strict=True)}
        yield (
            [ModelFile(file, one.model) for file, one in zip(opened, known, strict=True)],
            names,
        )


def plain_agreement(
    outputs: NDArray[np.float32], reference: NDArray[np.float32]
) -> EngineAgreement:
    """Compare values of which nothing is known."""
    return EngineAgreement(nmse(outputs, reference))


def agreements_of(found: Sequence[EngineMeasurement], judge: Judge) -> Iterator[EngineAgreement]:
    """Compare every engine's results with those of the first that ran.

    Engines that failed, or gave values that are not finite, agree with nothing.
    """
    reference = next((one.outputs for one in found if one.outputs is not None), None)
    for one in found:
        if one.outputs is None or reference is None or one.outputs.shape != reference.shape:
            yield EngineAgreement()
        elif not (np.isfinite(one.outputs).all() and np.isfinite(reference).all()):
            yield EngineAgreement()  # signs of such values say nothing
        else:
            yield judge(one.outputs, reference)

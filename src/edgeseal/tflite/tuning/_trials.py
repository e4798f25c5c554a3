"""Quantizes, runs and measures; what was measured once is kept and never measured again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from edgeseal._documents import parse_json, read_document
from edgeseal._files import sha256_of, write_text
from edgeseal._leftovers import scratch_folder
from edgeseal._native import native_output_held_back
from edgeseal.errors import FileError, ModelError, UsageError
from edgeseal.tflite.calibration import Calibration, CalibrationInputs
from edgeseal.tflite.graph import Model, read_model, write_model
from edgeseal.tflite.metrics import nmse_img
from edgeseal.tflite.probe import Prober, check_comes_back
from edgeseal.tflite.quantization import Recipe, bundled_calibration, quantize, recipe_to_json
from edgeseal.tflite.tuning._task import Task

__all__ = ["RecipeTrial", "Trials", "state_path"]

_SCHEMA_VERSION = 1
_FLOAT = "float32"
_SUBSET = 8  # inputs on which single layers are tried

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RecipeTrial:
    """What a recipe makes of the model.

    Attributes:
        size_bytes: of the file.
        nmse_img: of the results, against the float model's.
        score: of the task, 0..1.
        processor_ms: processor time of a run at one thread, the least of all runs.
        refusal: why LiteRT cannot run it, in its own words; None if it can. The figures then say
            nothing.
    """

    size_bytes: int
    nmse_img: float
    score: float
    processor_ms: float
    refusal: str | None = None


class Trials:
    """Measures recipes on one float model and one task.

    Args:
        source: the float model.
        task: what it is tried on.
        calibration: pictures that recipes see a float model on; None: the bundled photographs.
        state: file that keeps what was measured; None for none.
        on_trial: called before each measurement with what is measured.

    Attributes:
        measured: trials that this object made itself; the others came from the state.

    Raises:
        UsageError: the state belongs to another model, task or calibration.
        FileError: the state cannot be read.
        ModelError: the float model cannot be run.
    """

    def __init__(
        self,
        source: Path,
        task: Task,
        *,
        calibration: CalibrationInputs | None = None,
        state: Path | None = None,
        on_trial: Callable[[str], None] = lambda what: None,
    ) -> None:
        self.source = source
        self.task = task
        self.measured = 0
        self._pictures = calibration
        self._state = state
        self._on_trial = on_trial
        self._prober = Prober()  # files that end the process end that one
        weakref.finalize(self, self._prober.close)
        self._fingerprint = f"{sha256_of(source)} {task.digest()}"
        if calibration is not None:
            self._fingerprint += f" {calibration.digest(len(calibration))}"
        self._known: dict[str, RecipeTrial] = self._read_state()
        on_trial("the float model")
        self._expected, self._float_ms = _run(source, task.inputs, self._prober)

    @property
    def float_trial(self) -> RecipeTrial:
        """The float model as it is."""
        score = 1.0 if self.task.score is None else self.task.score(self._expected)
        known = self._known.get(_FLOAT)
        if known is None:
            known = RecipeTrial(self.source.stat().st_size, 0.0, score, self._float_ms)
            self._keep(_FLOAT, known)
        return known

    @property
    def is_calibrated(self) -> bool:
        """Whether pictures to calibrate on were given."""
        return self._pictures is not None

    def calibration(self, model: Model, recipe: Recipe) -> Calibration | None:
        """Return what a recipe is to see of a model, as ``edgeseal quantize`` would."""
        if self._pictures is None or not recipe.uses_calibration:
            return bundled_calibration(model, recipe)
        return Calibration.on(model, self._pictures)

    def measure(self, recipe: Recipe, what: str, *, quick: bool = False) -> RecipeTrial:
        """Quantize the model and measure it, unless that was done before.

        Args:
            recipe: how.
            what: for people, such as the layer that it is about.
            quick: use the first inputs alone. The score is then that of one minus the error.
        """
        content = recipe_to_json(dataclasses.replace(recipe, name="tuned", summary=""))
        key = hashlib.sha256(f"{quick} {content}".encode()).hexdigest()[:24]
        if key not in self._known:
            self._on_trial(what)
            self.measured += 1
            self._keep(key, self._measure(recipe, quick=quick))
        return self._known[key]

    def _measure(self, recipe: Recipe, *, quick: bool) -> RecipeTrial:
        inputs = self.task.inputs[:_SUBSET] if quick else self.task.inputs
        with scratch_folder() as folder:
            path = folder / "trial.tflite"
            model = read_model(self.source)
            try:
                quantize(model, recipe, calibration=self.calibration(model, recipe))
                write_model(model, path)
            except (ModelError, UsageError) as refused:
                return RecipeTrial(0, float("inf"), 0.0, float("inf"), str(refused))
            size_bytes = path.stat().st_size
            try:
                results, processor_ms = _run(path, inputs, self._prober)
            except ModelError as refused:
                return RecipeTrial(size_bytes, float("inf"), 0.0, float("inf"), str(refused))
        error = _error(results, self._expected[: len(inputs)])
        score = 1 - error
        if self.task.score is not None and not quick:
            score = self.task.score(results)
        return RecipeTrial(size_bytes, error, score, processor_ms)

    def _keep(self, key: str, trial: RecipeTrial) -> None:
        self._known[key] = trial
        if self._state is None:
            return
        record = {
            "schema_version": _SCHEMA_VERSION,
            "fingerprint": self._fingerprint,
            "trials": {name: dataclasses.asdict(known) for name, known in self._known.items()},
        }
        write_text(self._state, json.dumps(record), overwrite=True)

    def _read_state(self) -> dict[str, RecipeTrial]:
        path = self._state
        if path is None or not path.exists():
            return {}
        try:
            record = parse_json(read_document(path), allow_nan=True)
            version, fingerprint = record["schema_version"], record["fingerprint"]
            known = {name: RecipeTrial(**values) for name, values in record["trials"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FileError(
                f"{path}: is no state of an interrupted run ({error}); delete it"
            ) from error
        if version != _SCHEMA_VERSION or fingerprint != self._fingerprint:
            raise UsageError(
                f"{path}: is the state of a run with another model, other pictures or another "
                "version; repeat that run, or delete the file"
            )
        return known


def state_path(path: Path) -> Path:
    """Return the file beside an output in which an unfinished run is kept."""
    return path.with_name(path.name + ".part")


def _run(path: Path, inputs: Any, prober: Prober) -> tuple[Float, float]:
    """Return the first result for every input, float32 [N, ...], and the least processor time.

    Raises:
        ModelError: LiteRT cannot run it, or results are not finite.
    """
    check_comes_back(path, prober=prober)
    results, times_ms = [], []
    with native_output_held_back(stdout=False, show_on_failure=False):
        try:
            interpreter = Interpreter(model_path=str(path), num_threads=1)
            interpreter.allocate_tensors()
            places = [detail["index"] for detail in interpreter.get_input_details()]
            result = interpreter.get_output_details()[0]["index"]
            for arrays in inputs:
                for place, array in zip(places, arrays, strict=True):
                    interpreter.set_tensor(place, array)
                start = time.process_time()
                interpreter.invoke()
                times_ms.append((time.process_time() - start) * 1e3)
                results.append(np.array(interpreter.get_tensor(result), np.float32))
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{path.name}: LiteRT cannot run it: {str(error).strip()}") from error
    found = np.concatenate(results)
    if not np.isfinite(found).all():
        raise ModelError(f"{path.name}: gives values that are not finite")
    return found, min(times_ms)


def _error(results: Float, expected: Float) -> float:
    error = nmse_img(results, expected)
    return math.inf if error is None else error

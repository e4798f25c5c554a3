"""LiteRT interpreters for one file, one per thread that uses them at the same time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import ModelError, RuntimeRefusalError, UsageError
from edgeseal.pictures._workers import suitable_workers
from edgeseal.tflite.graph import Model, Signature, Tensor, read_model
from edgeseal.tflite.probe import check_validity, new_interpreter, refusal
from edgeseal.watermark.runtime._model_info import EMBEDDER, ModelInfo, read_info

__all__ = [
    "Session",
    "open_session",
]

_SIGNATURE = "serving_default"
_Shapes: TypeAlias = Mapping[str, tuple[int, ...]]  # without the batch, by name


class Session:
    """A model ready to run; safe to use from several threads.

    Every thread that runs at the same time has an interpreter of its own (with its own packed
    weights: count the file's size in memory for each). They are kept for the next run.

    Attributes:
        path: the file.
        info: its description.
        batch: pictures per run, from the file.
    """

    def __init__(self, path: Path, info: ModelInfo, *, batch: int, threads: int) -> None:
        """Prepare the first interpreter.

        Raises:
            RuntimeRefusalError: LiteRT cannot load or prepare the model.
        """
        self.path = path
        self.info = info
        self.batch = batch
        self._threads = threads
        self._size_bytes = path.stat().st_size
        self._lock = threading.Lock()
        self._idle: list[Any] = [self._prepare()]

    @property
    def workers(self) -> int:
        """How many threads may use the session at the same time where nobody says."""
        return suitable_workers(threads=self._threads, weights_bytes=self._size_bytes)

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """Run any number of items, in runs of the file's batch size.

        Args:
            inputs: float32 [N, ...] by the signature's names, the same N of at least 1 for each.

        Returns:
            float32 [N, ...] by the signature's names.

        Raises:
            RuntimeRefusalError: LiteRT fails while running.
            ModelError: the result has values that are not finite.
        """
        total = len(next(iter(inputs.values())))
        runs = [
            self._run_once({name: values[i : i + self.batch] for name, values in inputs.items()})
            for i in range(0, total, self.batch)
        ]
        results = {name: np.concatenate([run[name] for run in runs])[:total] for name in runs[0]}
        for name, values in results.items():
            if not np.isfinite(values).all():
                raise ModelError(
                    f"{self.path}: {name!r} has values that are not finite: the file is broken; "
                    "convert or quantize it again"
                )
        return results

    def _run_once(self, inputs: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        with self._lock:
            runner = self._idle.pop() if self._idle else None
        if runner is None:
            runner = self._prepare()
        try:
            results: dict[str, NDArray[np.float32]] = runner(
                **{name: self._filled(values) for name, values in inputs.items()}
            )
        except (RuntimeError, ValueError) as error:
            raise _refusal(self.path, "run", error) from error
        with self._lock:
            self._idle.append(runner)
        return results

    def _filled(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Fill the last, incomplete batch up with zeros."""
        missing = self.batch - len(values)
        if missing:
            values = np.concatenate([values, np.zeros((missing, *values.shape[1:]), np.float32)])
        return np.ascontiguousarray(values)

    def _prepare(self) -> Any:
        try:
            interpreter = new_interpreter(self.path, threads=self._threads)
            return _RealEnds(interpreter.get_signature_runner(_SIGNATURE))
        except (RuntimeError, ValueError) as error:
            raise _refusal(self.path, "prepare", error) from error


class _RealEnds:
    """Runs a signature on real values, whatever types the model takes and gives."""

    def __init__(self, runner: Any) -> None:
        self._runner = runner
        self._inputs = runner.get_input_details()
        self._outputs = runner.get_output_details()

    def __call__(self, **values: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        stored = {name: _stored(array, self._inputs[name]) for name, array in values.items()}
        results = self._runner(**stored)
        return {name: _real(array, self._outputs[name]) for name, array in results.items()}


def _stored(values: NDArray[np.float32], detail: dict[str, Any]) -> NDArray[Any]:
    scale, zero = detail["quantization"]
    if detail["dtype"] == np.float32:
        return values
    limits = np.iinfo(detail["dtype"])
    stored: NDArray[Any] = np.rint(values / np.float32(scale)) + zero
    return stored.clip(limits.min, limits.max).astype(detail["dtype"])


def _real(values: NDArray[Any], detail: dict[str, Any]) -> NDArray[np.float32]:
    scale, zero = detail["quantization"]
    if values.dtype == np.float32:
        return values
    real: NDArray[np.float32] = (values.astype(np.float32) - zero) * np.float32(scale)
    return real


def open_session(path: str | Path, part: str, *, threads: int) -> Session:
    """Open a file and check that it is what its description says.

    Args:
        path: a ``.tflite`` file written by Edgeseal.
        part: ``detector`` or ``embedder``, whichever is wanted.
        threads: threads per run.

    Raises:
        UsageError: ``threads`` is below 1.
        FileError: the file cannot be read.
        ModelError: it is no model, was not written by Edgeseal, is another part, or has parameters
            that no kernel can compute with.
        RuntimeRefusalError: LiteRT cannot prepare it, or does not come back from it.
    """
    if threads < 1:
        raise UsageError(f"threads: expected 1 or more, got {threads}")
    path = Path(path)
    model = read_model(path)
    info = read_info(model, source=str(path))
    if info.part != part:
        raise ModelError(
            f"{path}: holds the {info.part} of {info.card}, expected {_with_article(part)}; make "
            f"one with `edgeseal convert {info.card} --part {part} -o DIR`"
        )
    batch = _check_contract(model, info, path)
    try:
        check_validity(model)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    if (reason := refusal(path)) is not None:
        raise _refusal(path, "prepare", reason)
    return Session(path, info, batch=batch, threads=threads)


def _refusal(path: Path, verb: str, why: object) -> RuntimeRefusalError:
    words = " ".join(str(why).split()).rstrip(".")
    return RuntimeRefusalError(
        f"{path}: LiteRT cannot {verb} this model: {words}; see what is in it with "
        "`edgeseal inspect`, or make one that runs with `edgeseal quantize`"
    )


def _check_contract(model: Model, info: ModelInfo, path: Path) -> int:
    """Compare names, types and shapes with the description; return the batch size."""
    signature = next((s for s in model.signatures if s.key == _SIGNATURE), None)
    if signature is None:
        raise ModelError(f"{path}: lacks the signature {_SIGNATURE!r}; convert it again")
    picture = (info.image_size, info.image_size, 3)
    inputs: _Shapes = {"image": picture}
    outputs: _Shapes = {"logits": (1 + info.bits,)}
    if info.part == EMBEDDER:
        inputs = {**inputs, "message": (info.bits,)}
        outputs = {"delta": (*picture[:2], _watermark_channels(signature))}
    image = signature.inputs.get("image")
    batch = image.shape[0] if image is not None and image.shape else 1
    found = _describe(signature.inputs), _describe(signature.outputs)
    expected = _expectation(inputs, batch), _expectation(outputs, batch)
    if found != expected:
        raise ModelError(
            f"{path}: the {info.part} does not fit its description: expected {_listed(expected)}, "
            f"got {_listed(found)}; convert it again"
        )
    return batch


def _watermark_channels(signature: Signature) -> int:
    """Return 1 for a watermark that is the same in red, green and blue, else 3."""
    delta = signature.outputs.get("delta")
    return 1 if delta is not None and delta.shape[-1:] == (1,) else 3


def _describe(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    return {name: f"{_type(t)} {list(t.shape)}" for name, t in sorted(tensors.items())}


def _type(tensor: Tensor) -> str:
    """Return a tensor's type; 8 bits with a scale are as good as FLOAT32."""
    is_scaled = tensor.dtype in ("INT8", "UINT8") and tensor.quantization is not None
    return "FLOAT32" if is_scaled else tensor.dtype


def _expectation(shapes: _Shapes, batch: int) -> dict[str, str]:
    return {name: f"FLOAT32 {[batch, *shape]}" for name, shape in sorted(shapes.items())}


def _listed(sides: tuple[dict[str, str], dict[str, str]]) -> str:
    texts = [", ".join(f"{name} {kind}" for name, kind in side.items()) for side in sides]
    return " -> ".join(texts)


def _with_article(part: str) -> str:
    return f"an {part}" if part[0] in "aeiou" else f"a {part}"

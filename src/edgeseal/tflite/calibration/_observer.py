"""Runs a float model in LiteRT and shows the values of its tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from edgeseal._leftovers import scratch_folder
from edgeseal._native import native_output_held_back
from edgeseal.errors import ModelError, RuntimeRefusalError
from edgeseal.tflite.calibration._calibration_inputs import CalibrationInputs
from edgeseal.tflite.graph import Model, Tensor, write_model

__all__ = ["Visit", "float_activations", "groups", "observe_values"]

Visit = Callable[[Tensor, NDArray[np.float32]], None]

_GROUP_BYTES = 384 << 20  # of tensors that are watched in one run
_THREADS = 2


def float_activations(model: Model) -> list[Tensor]:
    """Return the FLOAT32 tensors of the main function that are computed or given, in order."""
    main = model.main
    made = [*main.inputs, *(tensor for operator in main.operators for tensor in operator.outputs)]
    return [tensor for tensor in dict.fromkeys(made) if _is_observable(tensor)]


def groups(tensors: Iterable[Tensor], limit_bytes: int = _GROUP_BYTES) -> Iterator[list[Tensor]]:
    """Split tensors into groups that together take no more than a limit, or have one member."""
    group: list[Tensor] = []
    held = 0
    for tensor in tensors:
        size = 4 * int(np.prod(tensor.shape, dtype=np.int64))
        if group and held + size > limit_bytes:
            yield group
            group, held = [], 0
        group.append(tensor)
        held += size
    if group:
        yield group


def observe_values(
    model: Model,
    tensors: Sequence[Tensor],
    inputs: CalibrationInputs,
    visit: Visit,
    *,
    start: int = 0,
    after_each: Callable[[int], None] = lambda index: None,
) -> None:
    """Show the values of tensors for one input after the other.

    Args:
        model: a float model; it is not changed.
        tensors: of its main function, as :func:`float_activations` lists them.
        inputs: what to run it on.
        visit: called with each tensor and its values, float32, for each input.
        start: index of the first input to run.
        after_each: called with the index of each input after its last tensor.

    Raises:
        RuntimeRefusalError: LiteRT cannot prepare or run the float model.
        ModelError: a value is not finite.
        UsageError, FileError, ImageError: an input cannot be given.
    """
    if start >= len(inputs):
        return
    with scratch_folder() as folder:
        runner = _Runner(model, tensors, folder / "observed.tflite")
        for index in range(start, len(inputs)):
            for tensor, values in runner.run(inputs.arrays(index, model)):
                visit(tensor, values)
            after_each(index)


class _Runner:
    """An interpreter for a model whose results are the tensors to watch."""

    def __init__(self, model: Model, tensors: Sequence[Tensor], path: Path) -> None:
        self._given = {id(tensor): at for at, tensor in enumerate(model.main.inputs)}
        self._watched = [tensor for tensor in tensors if id(tensor) not in self._given]
        self._inputs = [tensor for tensor in tensors if id(tensor) in self._given]
        # A model has to have a result even if only its input is wanted.
        results = self._watched or model.main.outputs
        main = dataclasses.replace(model.main, outputs=list(results))
        watching = dataclasses.replace(
            model, subgraphs=[main, *model.subgraphs[1:]], signatures=[], metadata={}
        )
        write_model(watching, path)
        with native_output_held_back(stdout=False, show_on_failure=False):
            # what nothing read before may be damaged, too: LiteRT looks at what is watched
            self._interpreter = self._attempt(
                "read", lambda: Interpreter(model_path=str(path), num_threads=_THREADS)
            )
            self._attempt("prepare", self._interpreter.allocate_tensors)
        self._input_details = self._interpreter.get_input_details()
        self._output_details = self._interpreter.get_output_details()

    def run(self, arrays: Sequence[NDArray[Any]]) -> Iterator[tuple[Tensor, NDArray[np.float32]]]:
        for detail, array in zip(self._input_details, arrays, strict=True):
            self._interpreter.set_tensor(detail["index"], array)
        self._attempt("run", self._interpreter.invoke)
        for tensor in self._inputs:
            yield tensor, arrays[self._given[id(tensor)]]
        for tensor, detail in zip(self._watched, self._output_details, strict=False):
            values = self._interpreter.get_tensor(detail["index"])
            if not np.isfinite(values).all():
                raise ModelError(
                    f"tensor {tensor.name!r} of the float model has values that are not finite; "
                    "mend the checkpoint that it was converted from"
                )
            if values.size:
                yield tensor, values

    @staticmethod
    def _attempt(verb: str, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except (RuntimeError, ValueError) as error:
            raise RuntimeRefusalError(
                f"LiteRT cannot {verb} the float model to calibrate it: {str(error).strip()}; see "
                "`edgeseal check`"
            ) from error


def _is_observable(tensor: Tensor) -> bool:
    return (
        tensor.dtype == "FLOAT32"
        and not tensor.is_constant
        and not tensor.is_external
        and not tensor.is_variable
        and min(tensor.shape, default=1) >= 0
    )

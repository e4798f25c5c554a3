"""Observations of float graphs: made when they are asked for, kept in a file, resumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgeseal.errors import ModelError, UsageError
from edgeseal.tflite.calibration._calibration_inputs import CalibrationInputs, bundled_inputs
from edgeseal.tflite.calibration._fingerprint import fingerprint, tensor_keys
from edgeseal.tflite.calibration._observer import float_activations, groups, observe_values
from edgeseal.tflite.calibration._ranges import (
    GraphRanges,
    InputsRecord,
    Ranges,
    read_ranges,
    write_ranges,
)
from edgeseal.tflite.calibration._tensor_statistics import TensorStatistics
from edgeseal.tflite.graph import Model, Tensor

__all__ = ["Calibration", "Observed", "progress_path"]

_SAVE_EVERY_S = 2.0

Observed = Mapping[Tensor, TensorStatistics]


@dataclass(slots=True)
class Calibration:
    """What was seen of the values inside a model, and how to see more.

    A recipe may rewrite the graph before it needs ranges, so observations belong to graphs: the
    model as it was given, and what recipes made of it.

    Attributes:
        source: fingerprint of the model that is quantized.
        inputs: what to run graphs on; None where only what was saved counts.
        ranges: what was seen.
        progress_file: where unfinished observations are kept; None to keep none.
        advance: called after each input.
    """

    source: str
    inputs: CalibrationInputs | None
    ranges: Ranges
    progress_file: Path | None = None
    advance: Callable[[], None] = lambda: None
    _saved_s: float = field(default=0.0, repr=False)

    @classmethod
    def on(
        cls, model: Model, inputs: CalibrationInputs | None = None, *, save_to: Path | None = None
    ) -> Calibration:
        """Prepare to observe a model; continues what an interrupted run left behind.

        Args:
            model: the float model to quantize.
            inputs: what to run it on; default: the bundled photographs.
            save_to: the ranges file that :meth:`save` will be asked for; progress is kept beside.

        Raises:
            ModelError: the progress file is none, or belongs to another model.
            UsageError: it was made with other inputs.
        """
        source = fingerprint(model)
        chosen = bundled_inputs() if inputs is None else inputs
        described = InputsRecord.of(chosen)
        progress_file = None if save_to is None else progress_path(save_to)
        ranges = Ranges(source, described, {})
        if progress_file is not None and progress_file.exists():
            ranges = read_ranges(progress_file)
            _check_source(ranges, source, progress_file)
            if ranges.inputs != described:
                raise UsageError(
                    f"{progress_file}: holds the progress of a calibration with other pictures "
                    f"({ranges.inputs.count} inputs); give the same again, or delete it"
                )
        return cls(source, chosen, ranges, progress_file)

    @classmethod
    def load(cls, path: Path, model: Model) -> Calibration:
        """Take over saved ranges.

        Raises:
            FileError: the file cannot be read.
            ModelError: it is no ranges file, or belongs to another model.
        """
        source = fingerprint(model)
        ranges = read_ranges(path)
        _check_source(ranges, source, path)
        return cls(source, None, ranges)

    @property
    def resumed(self) -> int:
        """Number of inputs that an interrupted run had observed."""
        return max((graph.done for graph in self.ranges.graphs.values()), default=0)

    def observe(self, model: Model, tensors: Iterable[Tensor] | None = None) -> Observed:
        """Return statistics of tensors, running the model where they are not known yet.

        Args:
            model: a float graph, the source itself or what a recipe made of it.
            tensors: of its main function; default: all that are FLOAT32 and computed or given.

        Raises:
            UsageError: only saved ranges may be used, and they lack some of these.
            RuntimeRefusalError, ModelError: the model cannot be run.
            UsageError, FileError, ImageError: an input cannot be given.
        """
        known = float_activations(model)
        wanted = known if tensors is None else [t for t in known if t in set(tensors)]
        keys = tensor_keys(model.main)
        graph = self.ranges.graphs.setdefault(fingerprint(model), GraphRanges())
        missing = [t for t in wanted if not self._is_complete(graph, keys[t])]
        if missing:
            self._run(model, graph, missing, keys)
        return {tensor: graph.tensors[keys[tensor]] for tensor in wanted}

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write all that was seen, and remove the progress file.

        Raises:
            OutputExistsError, FileError: the file cannot be written.
        """
        write_ranges(self.ranges, path, overwrite=overwrite)
        if self.progress_file is not None:
            self.progress_file.unlink(missing_ok=True)

    def _is_complete(self, graph: GraphRanges, key: str) -> bool:
        found = graph.tensors.get(key)
        return found is not None and found.pictures >= self.ranges.inputs.count

    def _run(
        self, model: Model, graph: GraphRanges, missing: list[Tensor], keys: dict[Tensor, str]
    ) -> None:
        if self.inputs is None:
            raise UsageError(
                f"the saved ranges lack {len(missing)} tensors that this recipe needs, such as "
                f"{missing[0].name!r}; save them again with this recipe: --save-ranges"
            )
        for group in groups(missing):
            found = [graph.tensors.setdefault(keys[t], TensorStatistics()) for t in group]
            start = min(statistics.pictures for statistics in found)
            for tensor, statistics in zip(group, found, strict=True):
                if statistics.pictures != start:  # interrupted between two tensors
                    graph.tensors[keys[tensor]] = TensorStatistics()
                    start = 0
            if start == 0:
                graph.tensors.update({keys[t]: TensorStatistics() for t in group})
            self._observe_group(model, graph, group, keys, start)

    def _observe_group(
        self,
        model: Model,
        graph: GraphRanges,
        group: list[Tensor],
        keys: dict[Tensor, str],
        start: int,
    ) -> None:
        assert self.inputs is not None
        total = len(self.inputs)

        def after_each(index: int) -> None:
            graph.done = max(graph.done, index + 1)
            if index + 1 == total or time.monotonic() - self._saved_s > _SAVE_EVERY_S:
                self._save_progress()
            self.advance()

        observe_values(
            model,
            group,
            self.inputs,
            lambda tensor, values: graph.tensors[keys[tensor]].add(values),
            start=start,
            after_each=after_each,
        )

    def _save_progress(self) -> None:
        if self.progress_file is not None:
            write_ranges(self.ranges, self.progress_file, overwrite=True)
            self._saved_s = time.monotonic()


def progress_path(path: Path) -> Path:
    """Return the file beside a ranges file in which an unfinished calibration is kept."""
    return path.with_name(path.name + ".progress")


def _check_source(ranges: Ranges, source: str, path: Path) -> None:
    if ranges.source != source:
        raise ModelError(
            f"{path}: these are ranges of another model (fingerprint {ranges.source[:12]}, "
            f"expected {source[:12]}); calibrate this one"
        )

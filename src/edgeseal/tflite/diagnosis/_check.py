"""Checks a file: what cannot run, why, and what else is worth mending."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeseal.tflite.diagnosis._causes import code_of
from edgeseal.tflite.diagnosis._codes import Level
from edgeseal.tflite.diagnosis._dead_code import find_dead
from edgeseal.tflite.diagnosis._file_trial import EntryPoint, Failure, FileTrial, Samples, try_model
from edgeseal.tflite.diagnosis._finding import Finding, Node, with_modules
from edgeseal.tflite.diagnosis._islands import find_islands
from edgeseal.tflite.diagnosis._quantization_findings import find_quantization
from edgeseal.tflite.diagnosis._shape_findings import find_shapes
from edgeseal.tflite.diagnosis._version_findings import find_versions
from edgeseal.tflite.graph import Model, Tensor, find_modules, read_model
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.workers import Status

__all__ = ["CheckReport", "check", "check_file"]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found.

    Attributes:
        path: the file.
        runtime: version of ai-edge-litert.
        findings: the worst first.
        operators: number of operators tried, over all functions.
        fallback: how many of them the accelerated delegate does not take.
        partitions: pieces of the main subgraph that the delegate takes; 0 where it does not load.
        prepares: whether the runtime loads and prepares the file.
        runs: whether it ran on every sample; None where that was not tried.
    """

    path: Path
    runtime: str
    findings: tuple[Finding, ...]
    operators: int
    fallback: int
    partitions: int
    prepares: bool
    runs: bool | None

    @property
    def is_good(self) -> bool:
        """Whether there is no finding of level error."""
        return not any(finding.level is Level.ERROR for finding in self.findings)

    @property
    def verdict(self) -> str:
        """Whether it runs, and where, in a line."""
        if not self.prepares:
            return "cannot be prepared by this LiteRT"
        ran = {None: "", True: ", runs", False: ", but fails when it runs"}[self.runs]
        place = f"; {self.operators - self.fallback} operators on the accelerated delegate"
        count = f"{self.partitions} piece{'s' * (self.partitions != 1)}"
        pieces = f" in {count}" if self.partitions else ""
        return f"prepares{ran}{place}{pieces}, {self.fallback} on fallback kernels"

    def to_json(self) -> dict[str, object]:
        """Return it for JSON."""
        return {
            "path": str(self.path),
            "runtime": self.runtime,
            "prepares": self.prepares,
            "runs": self.runs,
            "operators": self.operators,
            "fallback": self.fallback,
            "partitions": self.partitions,
            "findings": [finding.to_json() for finding in self.findings],
        }

    def __str__(self) -> str:
        return "\n".join([f"{self.path}: {self.verdict}", *map(str, self.findings)])


def check_file(
    path: str | Path,
    *,
    samples: Sequence[Samples] = ({},),
    seed: int = 0,
    timeout_s: float = 60.0,
    memory_limit_bytes: int | None = None,
) -> CheckReport:
    """Check any ``.tflite`` file with the installed LiteRT.

    Args:
        path: the file.
        samples: runs to try: arrays by the names of the main subgraph's inputs, in their types
            and shapes. An input that a sample lacks is drawn from its range, so the default runs
            the model once on drawn inputs. Empty: prepare only.
        seed: for what is drawn.
        timeout_s: longest time for one trial.
        memory_limit_bytes: for the process that tries; default: half of the machine's.

    Raises:
        FileError: the file cannot be read.
        ModelError: it is no ``.tflite`` model, or a damaged one.
        ProbeError: the process that loads LiteRT cannot start.
    """
    path = Path(path)
    model = read_model(path)
    with Prober(timeout_s=timeout_s, memory_limit_bytes=memory_limit_bytes) as prober:
        return check(model, path, prober, samples=samples, seed=seed)


def check(
    model: Model, path: Path, prober: Prober, *, samples: Sequence[Samples] = ({},), seed: int = 0
) -> CheckReport:
    """Check a model that was read already; see :func:`check_file`.

    Args:
        model: what the file holds; the findings refer to its operators.
        path: the file.
        prober: where it is tried.
        samples: runs to try.
        seed: for what is drawn.
    """
    trial = try_model(model, path, prober, samples=samples, seed=seed)
    main = trial.entry_points[0]
    findings = [
        *_trial_findings(trial, samples, prober),
        *find_quantization(model),
        *find_islands(model),
        *find_shapes(model),
        *find_dead(model),
        *find_versions(model),
    ]
    findings = with_modules(findings, find_modules(model))
    order = list(Level)
    return CheckReport(
        path=path,
        runtime=importlib.metadata.version("ai-edge-litert"),
        findings=tuple(sorted(findings, key=lambda f: (order.index(f.level), f.code))),
        operators=trial.operators,
        fallback=len(trial.fallback),
        partitions=main.prepared.delegated,
        prepares=main.prepared.is_prepared,
        runs=None if main.ran is None else not main.ran.is_broken,
    )


def _trial_findings(
    trial: FileTrial, samples: Sequence[Samples], prober: Prober
) -> Iterable[Finding]:
    groups: dict[tuple[str, str], list[Node]] = {}
    for failure in trial.failures:
        code = _code(failure, trial.entry_points[0], samples, prober)
        groups.setdefault((code, failure.message), []).append(failure.node)
    for (code, message), nodes in groups.items():
        yield Finding(code, tuple(nodes), message=message)
    for entry in trial.entry_points:
        if entry.broken is not None and not any(map(entry.is_explained_by, trial.failures)):
            yield Finding(_code_of_whole(entry, samples), message=entry.broken.message)
    for code, found in (
        ("ES008", trial.too_large),
        ("ES017", trial.not_a_number),
        ("ES029", trial.wrong),
        ("ES020", trial.fallback),
    ):
        if found:
            yield Finding(code, tuple(found))


def _code(failure: Failure, main: EntryPoint, samples: Sequence[Samples], prober: Prober) -> str:
    if failure.signature:
        return "ES009"
    code = code_of(failure, prober)
    if code == "ES002" and _is_made_up(main, samples):
        return "ES018"
    # drawn from its whole range, an input reaches zero whatever the model is for
    if code == "ES012" and any(tensor in main.subgraph.inputs for tensor in _operands(failure)):
        return "ES018" if _is_made_up(main, samples) else code
    return code


def _operands(failure: Failure) -> list[Tensor]:
    return [tensor for tensor in failure.node.operator.inputs if tensor is not None]


def _code_of_whole(entry: EntryPoint, samples: Sequence[Samples]) -> str:
    if entry.signature:
        return "ES009"
    if entry.broken is not None and entry.broken.status is Status.CRASHED:
        return "ES003"
    if entry.broken is not None and entry.broken.status is Status.TIMED_OUT:
        return "ES004"
    return "ES018" if entry.broken is entry.ran and _is_made_up(entry, samples) else "ES007"


def _is_made_up(entry: EntryPoint, samples: Sequence[Samples]) -> bool:
    """Whether an input was drawn at random: only the model's maker knows what it may be."""
    return any(tensor.name not in sample for tensor in entry.subgraph.inputs for sample in samples)

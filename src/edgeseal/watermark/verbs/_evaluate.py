"""Compares detectors on the same marked and attacked pictures, and writes a report."""

from __future__ import annotations

import dataclasses
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeseal._files import check_apart, check_outputs, listed
from edgeseal._problems import Problems
from edgeseal._progress import SILENT, Progress
from edgeseal.errors import EdgesealError
from edgeseal.pictures import list_pictures
from edgeseal.pictures._folder import LeftOut
from edgeseal.tflite.benchmark import measure_interleaved
from edgeseal.tflite.devices import find_devices
from edgeseal.watermark.evaluate import (
    ALL,
    EvaluationOrigin,
    EvaluationPlan,
    EvaluationReport,
    EvaluationSettings,
    LayerErrors,
    PictureRecord,
    Regression,
    Speed,
    State,
    check_baseline,
    compare_with_baseline,
    evaluate_pictures,
    find_attacks,
    layer_pairs,
    make_examples,
    make_plan,
    measure_layers,
    open_detector,
    read_report,
    require_evaluation,
    summarize,
    versions,
    write_page,
    write_report,
)
from edgeseal.watermark.verbs._evaluated_models import choose_models, make_reference_pair
from edgeseal.watermark.video import VIDEO_SUFFIXES

__all__ = ["EvaluationResult", "evaluate"]

_PAGE, _DATA = "report.html", "report.json"
_MODELS = "models"
_TIMED_S = 15.0  # about as long as all timed runs take together
_ROUNDS = (3, 30)
_RATES = (0.01, 1e-6)


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """An evaluation that was written.

    Attributes:
        page: the report for people.
        report: everything in it.
        regressions: how the models changed since an earlier report; empty without one.
    """

    page: Path
    report: EvaluationReport
    regressions: tuple[Regression, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether all pictures could be evaluated, and no model is worse than it was."""
        return not self.is_worse and not self.report.failed

    @property
    def is_worse(self) -> bool:
        """Whether a model is worse than in the earlier report."""
        return any(found.is_worse for found in self.regressions)

    def to_json(self) -> dict[str, object]:
        """Return everything, for ``json.dumps``."""
        content = self.report.to_json()
        del content["schema_version"]
        return {**content, "regressions": [dataclasses.asdict(one) for one in self.regressions]}

    def changes(self) -> Iterator[str]:
        """Yield how each model changed since the earlier report, and where it is worse."""
        for found in self.regressions:
            if found.attack == ALL or found.is_worse:
                yield (
                    f"{found.model}, {found.attack}: {0 - found.drop.value:+.2f} points against "
                    f"the baseline: {'WORSE' if found.is_worse else 'good'}"
                )

    def __str__(self) -> str:
        """Return the bits that each model read, how that changed, and where the report is."""
        lines = (
            f"{result.model}: {result.overall.bit_accuracy.value:.2%} of bits read"
            for result in self.report.results
        )
        return "\n".join([*lines, *self.changes(), f"report: {self.page}"])


def evaluate(
    images: str | Path | Sequence[str | Path],
    output: str | Path,
    models: str | Path | Sequence[str | Path] = (),
    *,
    embedder: str | Path | None = None,
    attacks: str = "quick",
    unmarked: str | Path | Sequence[str | Path] = (),
    rates: Iterable[float] = _RATES,
    message: str | None = None,
    seed: int = 0,
    max_side: int = 1024,
    frames: int = 24,
    card: str | None = None,
    device: str | None = None,
    workers: int | None = None,
    baseline: str | Path | None = None,
    max_drop: float = 0.1,
    timed: bool = True,
    layered: bool = True,
    overwrite: bool = False,
    command: str = "edgeseal.evaluate",
    progress: Progress = SILENT,
) -> EvaluationResult:
    """Measure how well detectors read messages under attack; what ``edgeseal evaluate`` does.

    Writes ``report.html`` and ``report.json``. What was interrupted goes on where it stopped, with
    the same result. With several workers, a script needs ``if __name__ == "__main__"``.

    Args:
        images: pictures to mark, or videos: files, folders, patterns and lists.
        output: folder for the report.
        models: detectors and an embedder, or folders of them; the bundled pair if none.
        embedder: what marks the pictures; the one among ``models`` if None.
        attacks: what happens to marked pictures: quick, full, video or a file.
        unmarked: more pictures without a mark.
        rates: false-positive rates to detect at.
        message: hexadecimal digits for all pictures; drawn for each if None.
        seed: of messages, attacks and resamples.
        max_side: larger pictures are shrunk to this side first; 0 for none.
        frames: of each video, from its beginning.
        card: model card of files that do not say it.
        device: where ``.tflite`` detectors run instead of this processor, as
            :func:`edgeseal.tflite.check` takes its name: in one process, and without ``timed`` and
            ``layered``. The embedder stays on this processor.
        workers: processes; as many as cores if None.
        baseline: an earlier ``report.json`` to compare with.
        max_drop: points of bit accuracy that may be lost since.
        timed: whether to time the models.
        layered: whether to find the error of each module.
        overwrite: whether to replace a report.
        command: what the report says it was made with.
        progress: hears what goes on, and of pictures that fail, which do not end the work.

    Raises:
        UsageError: arguments are unknown, out of range or contradict each other; all of it is said.
        OutputExistsError, FileError: a report is there and may not be replaced; or a file cannot be
            read or written.
        ModelError, CheckpointError: a model cannot be used, or models do not belong together.
        MissingExtraError: the extra for evaluation, or that of an engine, is not installed.
    """
    require_evaluation("edgeseal evaluate")
    folder, models, problems = Path(output), listed(models), Problems()
    problems.expect_at_least(1, workers=workers)
    problems.expect_at_least(0, max_drop=max_drop)
    if device is not None:
        _check_device(problems, device, workers)
        workers, timed, layered = 1, False, False
    with problems.collected():
        check_outputs(folder, (_PAGE, _DATA), overwrite=overwrite)
    with problems.collected():
        check_apart([*models, embedder, attacks, baseline], [folder / _PAGE, folder / _DATA])
        earlier = None if baseline is None else read_report(Path(baseline))
    with problems.collected():
        settings = EvaluationSettings(
            find_attacks(attacks),
            seed=seed,
            max_side=max_side,
            rates=tuple(sorted(set(rates), reverse=True)),
            message=message,
            card=card,
            frames=frames,
            device=device,
        )
        pictures = _sources(settings, listed(images), progress)
        more = _sources(settings, listed(unmarked), progress)
    problems.check()
    found = list(map(Path, models)) or [make_reference_pair(folder / _MODELS, progress)]
    detectors, writer = choose_models(found, None if embedder is None else Path(embedder), progress)
    plan = make_plan(detectors, writer, pictures, settings, unmarked=more)
    if earlier is not None:
        check_baseline(earlier, plan, max_drop=max_drop)
    report = _evaluate(plan, folder, workers, command, progress)
    if timed:
        report = dataclasses.replace(report, speeds=tuple(_time(plan, progress)))
    if layered:
        report = dataclasses.replace(report, layers=tuple(_find_layers(plan, report, progress)))
    changes = () if earlier is None else compare_with_baseline(report, earlier, max_drop=max_drop)
    with progress.busy("writing the report"):
        _write(plan, report, changes, folder, overwrite=overwrite)
    return EvaluationResult(folder / _PAGE, report, changes)


def _check_device(problems: Problems, device: str, workers: int | None) -> None:
    with problems.collected():
        find_devices([device])
    if workers is not None and workers > 1:
        problems.add("`workers`: a device is asked in one process; leave it out")


def _is_for_videos(settings: EvaluationSettings) -> bool:
    return any(attack.is_clip for attack in settings.attacks)


def _sources(
    settings: EvaluationSettings, names: Sequence[str | Path], progress: Progress
) -> list[Path]:
    """Return the pictures that are named, or the videos where the attacks are for these."""
    if not names:
        return []
    if _is_for_videos(settings):
        return list_pictures(names, suffixes=VIDEO_SUFFIXES, kind="videos")
    others = LeftOut()
    found = list_pictures(names, others=others)
    if others.counts:
        progress.note(str(others))
    return found


def _evaluate(
    plan: EvaluationPlan, output: Path, workers: int | None, command: str, progress: Progress
) -> EvaluationReport:
    state = State(output, plan.fingerprint())
    total = len(plan.pictures) + len(plan.unmarked)
    text = f"evaluating: {len(plan.models)} models, {len(plan.settings.attacks)} attacks"
    with progress.pictures(text, total) as advance:

        def report_one(record: PictureRecord) -> None:
            if record.error:
                progress.note(f"Error: {record.error}")
            advance()

        evaluation = evaluate_pictures(plan, workers=workers, state=state, advance=report_one)
    if evaluation.resumed:
        progress.note(f"went on after {evaluation.resumed} pictures of an interrupted run")
    for one in evaluation.duplicates:
        progress.note(f"{one.name}: the same picture as {one.original}, counted once")
    origin = EvaluationOrigin(
        command=command,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        machine=f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        versions=versions(),
        seed=plan.settings.seed,
        max_side=plan.settings.max_side,
        attacks=len(plan.settings.attacks),
    )
    return summarize(plan, evaluation, origin)


def _time(plan: EvaluationPlan, progress: Progress) -> Iterator[Speed]:
    """Time the models in turn on noise, the reference first."""
    ordered = sorted(plan.models, key=lambda model: model.name != plan.reference.name)
    calls: dict[str, Callable[[], object]] = {}
    rng = np.random.default_rng(plan.settings.seed)
    with progress.busy("timing the models"):
        for model in ordered:
            detector = open_detector(model.path, card=plan.settings.card).detector
            batch = rng.random((1, model.image_size, model.image_size, 3), np.float32)
            calls[model.name] = lambda detector=detector, batch=batch: detector.logits(batch)  # type: ignore[misc]
        start = time.perf_counter()
        for call in calls.values():
            call()
        rounds = int(_TIMED_S / max(time.perf_counter() - start, 1e-6))
        found = measure_interleaved(calls, rounds=min(max(rounds, _ROUNDS[0]), _ROUNDS[1]))
    for name, latency in found.items():
        yield Speed(name, latency.median_ms, latency.ratio)


def _find_layers(
    plan: EvaluationPlan, report: EvaluationReport, progress: Progress
) -> Iterator[LayerErrors]:
    if _is_for_videos(plan.settings):
        return
    bad = {record.name for record in report.failed}
    pictures = [path for path in plan.pictures if path.name not in bad]
    for reference, model in layer_pairs(plan):
        with progress.busy(f"comparing {model.name} with {reference.name}, operator by operator"):
            try:
                found = measure_layers(reference, model, pictures)
            except EdgesealError as failure:  # the report goes without
                progress.note(f"no error by module for {model.name}: {failure}")
                continue
        if found is not None:
            yield found


def _write(
    plan: EvaluationPlan,
    report: EvaluationReport,
    changes: tuple[Regression, ...],
    folder: Path,
    *,
    overwrite: bool,
) -> None:
    examples = make_examples(plan)
    page = folder / _PAGE
    write_page(report, page, examples=examples, regressions=changes, overwrite=overwrite)
    write_report(report, folder / _DATA, overwrite=overwrite)
    State(folder, plan.fingerprint()).remove()

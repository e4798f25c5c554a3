"""``edgeseal evaluate``."""

from __future__ import annotations

import dataclasses
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal._files import check_apart, check_outputs
from edgeseal.cli._evaluate_models import choose_models, make_reference_pair
from edgeseal.cli._shared._console import (
    busy,
    mib,
    new_table,
    note,
    picture_bar,
    print_json,
    print_table,
    print_text,
    printable,
)
from edgeseal.cli._shared._options import JsonOption
from edgeseal.cli._shared._pictures import exit_after_pictures
from edgeseal.errors import EdgesealError, UsageError

if TYPE_CHECKING:
    from edgeseal.watermark.evaluate import (
        EvaluationPlan,
        EvaluationReport,
        LayerErrors,
        PictureRecord,
        Regression,
        Speed,
    )

__all__ = ["evaluate"]

_PAGE, _DATA = "report.html", "report.json"
_MODELS = "models"
_TIMED_S = 15.0  # about as long as all timed runs take together
_ROUNDS = (3, 30)


def evaluate(
    images: Annotated[
        list[Path],
        typer.Option("--images", metavar="IMAGE|DIR", help="Pictures to mark; may be repeated."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the report.")
    ],
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="MODEL|DIR",
            help="Detectors and an embedder, or folders of them; without any the bundled pair.",
        ),
    ] = None,
    embedder: Annotated[
        Path | None,
        typer.Option(metavar="EMBEDDER", help="What marks the pictures; else the folder's."),
    ] = None,
    attacks: Annotated[
        str,
        typer.Option(metavar="quick|full|video|FILE.json", help="What happens to marked pictures."),
    ] = "quick",
    unmarked: Annotated[
        list[Path] | None,
        typer.Option("--unmarked", metavar="IMAGE|DIR", help="More pictures without a mark."),
    ] = None,
    rates: Annotated[
        list[float] | None,
        typer.Option(
            "--fpr", metavar="RATE", help="False-positive rate; may be repeated. [0.01, 1e-6]"
        ),
    ] = None,
    message: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="One message for all; else drawn for each picture."),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="Of messages, attacks and resamples.")
    ] = 0,
    max_side: Annotated[
        int, typer.Option(metavar="PIXELS", help="Shrink larger pictures first; 0 for none.")
    ] = 1024,
    frames: Annotated[
        int, typer.Option(metavar="N", help="Of each video, from its beginning.")
    ] = 24,
    card: Annotated[
        str | None,
        typer.Option(
            metavar="CARD", help="Model card of files that do not say it: .pth, .onnx, .xml."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Processes. [as many as cores]")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="REPORT.json", help="Exit with 1 if worse than this report."),
    ] = None,
    max_drop: Annotated[
        float, typer.Option(metavar="POINTS", help="Points of bit accuracy that may be lost.")
    ] = 0.1,
    timed: Annotated[bool, typer.Option("--time/--no-time", help="Time the models.")] = True,
    layered: Annotated[
        bool, typer.Option("--layers/--no-layers", help="Find the error of each module.")
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a report.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how well detectors read messages under attack, and write a report.

    Writes report.html and report.json. What was interrupted goes on where it stopped, with the same
    result. Exits with 1 if some pictures could not be read, or for --baseline if a model is worse.
    """
    from edgeseal.watermark.evaluate import (
        EvaluationSettings,
        check_baseline,
        find_attacks,
        make_plan,
        require_evaluation,
    )
    from edgeseal.watermark.video import VIDEO_SUFFIXES

    require_evaluation("edgeseal evaluate")
    inputs = (*(models or ()), embedder, attacks, baseline)
    check_apart(inputs, [output / _PAGE, output / _DATA])
    check_outputs(output, (_PAGE, _DATA), overwrite=overwrite)
    earlier = _baseline(baseline, max_drop)
    settings = EvaluationSettings(
        find_attacks(attacks),
        seed=seed,
        max_side=max_side,
        rates=tuple(sorted(set(rates or (0.01, 1e-6)), reverse=True)),
        message=message,
        card=card,
        frames=frames,
    )
    is_for_videos = any(attack.is_clip for attack in settings.attacks)
    suffixes = VIDEO_SUFFIXES if is_for_videos else None
    pictures = _list_sources(images, suffixes)
    more = _list_sources(unmarked, suffixes) if unmarked else []
    folders = list(models or []) or [make_reference_pair(output / _MODELS)]
    detectors, writer = choose_models(folders, embedder)
    plan = make_plan(detectors, writer, pictures, settings, unmarked=more)
    if earlier is not None:
        check_baseline(earlier, plan, max_drop=max_drop)
    report = _evaluate(plan, output, workers)
    report = dataclasses.replace(
        report,
        speeds=tuple(_time(plan)) if timed else (),
        layers=tuple(_find_layers(plan, report)) if layered and not is_for_videos else (),
    )
    regressions = _compare(report, earlier, max_drop)
    _write(plan, report, regressions, output, overwrite=overwrite)
    _show(report, regressions, output, as_json=as_json)
    if any(found.is_worse for found in regressions):
        raise typer.Exit(1)
    exit_after_pictures(len(report.failed), len(report.records))


def _list_sources(paths: list[Path], suffixes: tuple[str, ...] | None) -> list[Path]:
    """Return pictures, or videos where their endings are given."""
    from edgeseal.pictures import list_pictures

    if suffixes is None:
        return list_pictures(paths)
    return list_pictures(paths, suffixes=suffixes, kind="videos")


def _baseline(path: Path | None, max_drop: float) -> EvaluationReport | None:
    from edgeseal.watermark.evaluate import read_report

    if not max_drop >= 0:
        raise UsageError(f"--max-drop: expected 0 or more, got {max_drop:g}")
    return None if path is None else read_report(path)


def _evaluate(plan: EvaluationPlan, output: Path, workers: int | None) -> EvaluationReport:
    from edgeseal.watermark.evaluate import (
        EvaluationOrigin,
        State,
        evaluate_pictures,
        summarize,
        versions,
    )

    state = State(output, plan.fingerprint())
    total = len(plan.pictures) + len(plan.unmarked)
    text = f"{len(plan.models)} models, {len(plan.settings.attacks)} attacks"
    with picture_bar(f"evaluating: {text}", total) as advance:

        def report_one(record: PictureRecord) -> None:
            if record.error:
                note(f"Error: {record.error}")
            advance()

        evaluation = evaluate_pictures(plan, workers=workers, state=state, advance=report_one)
    if evaluation.resumed:
        note(f"went on after {evaluation.resumed} pictures of an interrupted run")
    for one in evaluation.duplicates:
        note(f"{one.name}: the same picture as {one.original}, counted once")
    origin = EvaluationOrigin(
        command=shlex.join(["edgeseal", *sys.argv[1:]]),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        machine=f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        versions=versions(),
        seed=plan.settings.seed,
        max_side=plan.settings.max_side,
        attacks=len(plan.settings.attacks),
    )
    return summarize(plan, evaluation, origin)


def _time(plan: EvaluationPlan) -> Iterator[Speed]:
    """Time the models in turn on noise, the reference first."""
    import numpy as np

    from edgeseal.tflite.benchmark import measure_interleaved
    from edgeseal.watermark.evaluate import Speed, open_detector

    ordered = sorted(plan.models, key=lambda model: model.name != plan.reference.name)
    calls: dict[str, Callable[[], object]] = {}
    rng = np.random.default_rng(plan.settings.seed)
    with busy("timing the models"):
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


def _find_layers(plan: EvaluationPlan, report: EvaluationReport) -> Iterator[LayerErrors]:
    from edgeseal.watermark.evaluate import layer_pairs, measure_layers

    bad = {record.name for record in report.failed}
    pictures = [path for path in plan.pictures if path.name not in bad]
    for reference, model in layer_pairs(plan):
        with busy(f"comparing {model.name} with {reference.name}, operator by operator"):
            try:
                found = measure_layers(reference, model, pictures)
            except EdgesealError as failure:  # the report goes without
                note(f"no error by module for {model.name}: {failure}")
                continue
        if found is not None:
            yield found


def _compare(
    report: EvaluationReport, baseline: EvaluationReport | None, max_drop: float
) -> tuple[Regression, ...]:
    from edgeseal.watermark.evaluate import compare_with_baseline

    if baseline is None:
        return ()
    return compare_with_baseline(report, baseline, max_drop=max_drop)


def _write(
    plan: EvaluationPlan,
    report: EvaluationReport,
    regressions: tuple[Regression, ...],
    output: Path,
    *,
    overwrite: bool,
) -> None:
    from edgeseal.watermark.evaluate import State, make_examples, write_page, write_report

    with busy("writing the report"):
        write_page(
            report,
            output / _PAGE,
            examples=make_examples(plan),
            regressions=regressions,
            overwrite=overwrite,
        )
        write_report(report, output / _DATA, overwrite=overwrite)
    State(output, plan.fingerprint()).remove()


def _show(
    report: EvaluationReport, regressions: tuple[Regression, ...], output: Path, *, as_json: bool
) -> None:
    for line in report.notes:
        note(line)
    if as_json:
        content = report.to_json()
        del content["schema_version"]
        changes = [dataclasses.asdict(found) for found in regressions]
        print_json("evaluate", {**content, "regressions": changes})
        return
    _print_models(report)
    for found in regressions:
        if found.attack == "all" or found.is_worse:
            verdict = "WORSE" if found.is_worse else "good"
            print_text(
                f"{found.model}, {found.attack}: {0 - found.drop.value:+.2f} points against the "
                f"baseline: {verdict}"
            )
    print_text(f"report: {output / _PAGE}")


def _print_models(report: EvaluationReport) -> None:
    rates = (f"found at {rate.threshold.rate:g}" for rate in report.results[0].rates)
    columns = ("size", "clean", "all attacks", "against reference", *rates)
    table = new_table("model", *columns, right=columns, names=("model",))
    differences = {one.model: one.points for one in report.differences if one.attack == "all"}
    for model, result in zip(report.models, report.results, strict=True):
        clean = next((one for one in result.attacks if one.attack == "identity"), None)
        points = differences.get(model.name)
        overall = result.overall.bit_accuracy
        table.add_row(
            printable(model.name),
            mib(model.size_bytes),
            "" if clean is None else f"{100 * clean.bit_accuracy.value:.2f} %",
            f"{100 * overall.value:.2f} % [{100 * overall.low:.2f}, {100 * overall.high:.2f}]",
            ""
            if points is None
            else f"{points.value:+.2f} [{points.low:+.2f}, {points.high:+.2f}] points",
            *(f"{100 * found.share.value:.1f} %" for found in result.overall.detections),
        )
    print_table(table)

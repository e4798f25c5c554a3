r"""What an evaluation of the reference pair finds, and what it costs.

::

    edgeseal demo -o edgeseal-demo
    python benchmarks/evaluation.py --models edgeseal-demo --images KODAK --unmarked PHOTOS

Marks photographs with the reference embedder and lets three detectors read them after the full set
of attacks: float32, dynamic-int8, and the stock dynamic INT8 file after ``edgeseal repair``. Prints
bits read by family, differences with their intervals, and false positives on unmarked photographs.
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
from pathlib import Path

import numpy as np

from edgeseal.pictures import find_pictures
from edgeseal.pictures._workers import cores
from edgeseal.watermark.evaluate import (
    ALL,
    EvaluationOrigin,
    EvaluationReport,
    EvaluationSettings,
    ModelResult,
    PictureRecord,
    evaluate_pictures,
    find_attacks,
    make_plan,
    summarize,
    versions,
)

_MODELS = {
    "float32": "reference_detector_float32.tflite",
    "dynamic-int8": "reference_detector_dynamic-int8.tflite",
    "stock INT8, repaired": "stock_detector_dynamic-int8_repaired.tflite",
}
_EMBEDDER = "reference_embedder_float32.tflite"
_RATES = (0.1, 0.05, 0.02, 0.01, 1e-6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", type=Path, required=True, help="folder that the demo made")
    parser.add_argument("--images", type=Path, required=True, help="photographs to mark")
    parser.add_argument("--unmarked", type=Path, nargs="*", default=[], help="more photographs")
    parser.add_argument("--limit", type=int, help="number of photographs to mark")
    parser.add_argument("--attacks", default="full")
    parser.add_argument("--workers", type=int)
    arguments = parser.parse_args()
    plan = make_plan(
        [arguments.models / name for name in _MODELS.values()],
        arguments.models / _EMBEDDER,
        find_pictures(arguments.images)[: arguments.limit],
        EvaluationSettings(find_attacks(arguments.attacks), rates=_RATES),
        unmarked=find_pictures(arguments.unmarked),
    )
    start = time.perf_counter()

    def show(record: PictureRecord) -> None:
        print(f"{time.perf_counter() - start:7.1f} s  {record.name}", flush=True)

    evaluation = evaluate_pictures(plan, workers=arguments.workers, advance=show)
    wall_s = time.perf_counter() - start
    origin = EvaluationOrigin(
        "", "", platform.machine(), versions(), 0, 0, len(plan.settings.attacks)
    )
    report = summarize(plan, evaluation, origin)
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    busy_s = sum(one.ru_utime + one.ru_stime for one in usage)
    print(", ".join(f"{name} {version}" for name, version in versions().items()))
    print(
        f"{len(report.marked)} photographs marked, {len(plan.settings.attacks)} attacks, "
        f"{len(report.models)} models: {wall_s:.0f} s on {arguments.workers or cores()} cores, "
        f"{busy_s:.0f} s of processor time"
    )
    print_quality(report)
    print_families(report)
    print_detection(report)


def print_quality(report: EvaluationReport) -> None:
    for name, found in (("PSNR, dB", report.psnr_db), ("SSIM", report.ssim)):
        if found is not None:
            print(f"{name}: {found.value:.4f} [{found.low:.4f}, {found.high:.4f}]")


def print_families(report: EvaluationReport) -> None:
    """Print the mean over the strengths of each family, then over all attacks."""
    print(f"{'bits read, %':32}" + "".join(f"{name:>24}" for name in _MODELS))
    families = list(dict.fromkeys(one.family for one in report.results[0].attacks))
    for family in families:
        print(f"{family:32}" + "".join(f"{_mean(r, family):24.2f}" for r in report.results))
    overall = [result.overall.bit_accuracy for result in report.results]
    texts = [f"{100 * o.value:.2f} [{100 * o.low:.2f}, {100 * o.high:.2f}]" for o in overall]
    print(f"{'all attacks [95 %]':32}" + "".join(f"{text:>24}" for text in texts))
    words = [100 * result.overall.word_accuracy.value for result in report.results]
    print(f"{'messages without an error, %':32}" + "".join(f"{word:24.2f}" for word in words))
    points = {one.model: one.points for one in report.differences if one.attack == ALL}
    found = [points.get(result.model) for result in report.results]
    texts = ["" if o is None else f"{o.value:+.2f} [{o.low:+.2f}, {o.high:+.2f}]" for o in found]
    print(f"{'against float32, points':32}" + "".join(f"{text:>24}" for text in texts))


def print_detection(report: EvaluationReport) -> None:
    pictures = report.results[0].rates[0].pictures
    print(f"false positives, {pictures} unmarked photographs, every message in use")
    for name, result in zip(_MODELS, report.results, strict=True):
        spread = f"deviation x {result.unmarked_spread:.3f} of the binomial law's"
        print(f"  {name}: bits in common {100 * result.unmarked_accuracy:.2f} %, {spread}")
        for rate, detection in zip(result.rates, result.overall.detections, strict=True):
            origin = "calibrated" if rate.threshold.is_calibrated else "binomial"
            measured = rate.measured
            print(
                f"    {rate.threshold.rate:<6g} {rate.threshold.matching_bits:3} bits, {origin:10} "
                f"law {rate.stated:.2e}, measured {measured.value:.2e} [{measured.low:.2e}, "
                f"{measured.high:.2e}], agree: {'yes' if rate.agrees else 'NO'}; "
                f"found after all attacks {100 * detection.share.value:.2f} %"
            )


def _mean(result: ModelResult, family: str) -> float:
    values = [one.bit_accuracy.value for one in result.attacks if one.family == family]
    return float(100 * np.mean(values))


if __name__ == "__main__":
    main()

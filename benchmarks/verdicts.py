"""Judges what verbs make of a file that may be damaged in any way."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeseal import tflite
from edgeseal._leftovers import scratch_folder
from edgeseal.errors import EdgesealError, NothingToReduceError
from edgeseal.tflite.diagnosis import CheckReport, Level, check
from edgeseal.tflite.graph import read_model, summarize
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.reduction import ReduceSettings, bug_report, reduce_finding
from edgeseal.tflite.repairs import repair_file
from edgeseal.watermark.runtime import load_detector

__all__ = ["VERBS", "Verdict", "judge"]

_MEANINGLESS = "ES015"  # numbers that mean nothing are an error though LiteRT computes with them
_TRIAL_S = 3.0
_WORKER_BYTES = 2 * 2**30

_INTERNALS = re.compile(
    r"\n|Traceback|NoneType|has no attribute|out of range|out of bounds|subscriptable|unpack|"
    r"\b\w+Error\b|numpy|memoryview|<class|object at 0x|bytes-like|must be|codec"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a verb.

    Attributes:
        name: "refused", or what the verb made of it; empty where the tool itself failed.
        detail: the refusal, or the codes of the findings.
        fault: what the tool did wrong; empty if nothing.
    """

    name: str
    detail: str = ""
    fault: str = ""


def judge(path: Path, prober: Prober, verb: str = "check") -> Verdict:
    """Let a verb work on a file, and judge both.

    Args:
        path: the file.
        prober: where it is tried; verbs other than ``check`` take their own.
        verb: one of :data:`VERBS`.
    """
    try:
        return VERBS[verb](path, prober)
    except EdgesealError as error:
        text = str(error).replace(str(path), "FILE")
        fault = "the refusal shows internals" if _INTERNALS.search(text) else ""
        accepted = " (LiteRT takes it)" if prober.prepare(path).is_prepared else ""
        return Verdict(f"refused{accepted}", text, fault)
    except Exception:
        return Verdict("", "", traceback.format_exc().strip())


def _check(path: Path, prober: Prober) -> Verdict:
    report = check(read_model(path), path, prober)
    codes = ", ".join(dict.fromkeys(finding.code for finding in report.findings))
    return Verdict("no errors" if report.is_good else "errors", codes, _contradiction(report))


def _repair(path: Path, prober: Prober) -> Verdict:
    result = repair_file(path, timeout_s=_TRIAL_S, memory_limit_bytes=_WORKER_BYTES)
    was_good = result.before.is_good and not result.after.is_good
    fault = "it made errors" if was_good else ""
    return Verdict("good after" if result.after.is_good else "not good after", fault=fault)


def _reduce(path: Path, prober: Prober) -> Verdict:
    settings = ReduceSettings(timeout_s=_TRIAL_S, memory_limit_bytes=_WORKER_BYTES, max_trials=60)
    try:
        reduction = reduce_finding(path, settings=settings)
    except NothingToReduceError as nothing:
        return Verdict("nothing", str(nothing))
    bug_report(reduction, path)
    return Verdict("reduced", reduction.title)


def _inspect(path: Path, prober: Prober) -> Verdict:
    return Verdict("shown", str(len(summarize(read_model(path)).operators)))


def _compare(path: Path, prober: Prober) -> Verdict:
    result = tflite.compare(path, path, draws=1, timeout_s=_TRIAL_S)
    json.dumps(result.to_json(), allow_nan=False)
    return Verdict("compared", str(result.is_good))


def _quantize(path: Path, prober: Prober) -> Verdict:
    with scratch_folder() as folder:
        recipe = ("dynamic-int8", "full-int8")[path.stat().st_size % 2]
        result = tflite.quantize(path, recipe, folder / "quantized.tflite")
    return Verdict("quantized", str(result.is_good))


def _detect(path: Path, prober: Prober) -> Verdict:
    """Read a picture; for files of Edgeseal's detectors."""
    found = load_detector(path).detect(np.zeros((64, 64, 3), np.uint8))
    return Verdict("read", found.hex)


VERBS: dict[str, Callable[[Path, Prober], Verdict]] = {
    "check": _check,
    "repair": _repair,
    "reduce": _reduce,
    "inspect": _inspect,
    "compare": _compare,
    "quantize": _quantize,
    "detect": _detect,
}
"""What can be done to a file."""


def _contradiction(report: CheckReport) -> str:
    """Return where a report contradicts what LiteRT did with the whole file."""
    errors = [finding.code for finding in report.findings if finding.level is Level.ERROR]
    if not report.prepares:
        return "" if errors else "LiteRT refuses it and there is no error"
    failing = any(finding.code == "ES018" for finding in report.findings)
    if report.runs is False:
        return "" if errors or failing else "it fails when it runs and there is no finding"
    odd = sorted({*errors} - {_MEANINGLESS})
    return f"LiteRT takes it and there are errors: {odd}" if odd else ""

"""An evaluation's report: everything that its page shows, as data and as JSON."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeseal._documents import DocumentError, parse_json, read_document
from edgeseal._files import write_text
from edgeseal.errors import UsageError
from edgeseal.watermark.evaluate._evaluation_plan import ModelFacts
from edgeseal.watermark.evaluate._from_json import from_record
from edgeseal.watermark.evaluate._intervals import ShareEstimate, Threshold
from edgeseal.watermark.evaluate._picture_record import PictureRecord
from edgeseal.watermark.evaluate._run_evaluation import Duplicate

__all__ = [
    "SCHEMA_VERSION",
    "AttackResult",
    "DetectionRates",
    "Difference",
    "EvaluationOrigin",
    "EvaluationReport",
    "LayerError",
    "LayerErrors",
    "ModelResult",
    "Rate",
    "Speed",
    "read_report",
    "write_report",
]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class DetectionRates:
    """Marked pictures that are found at a false-positive rate.

    Attributes:
        rate: false-positive rate that was asked for.
        share: of the marked pictures, 0..1.
    """

    rate: float
    share: ShareEstimate


@dataclass(frozen=True, slots=True)
class AttackResult:
    """What a model reads after an attack, or after all.

    Attributes:
        attack: name of the attack; ``all`` for the mean over them.
        family: of the attack.
        strength: of the attack, if its family has one.
        bit_accuracy: share of bits read, 0..1, mean over the pictures.
        word_accuracy: share of pictures whose message is read without an error.
        log10_p_value: decimal logarithm of the p-value, mean over the pictures.
        capacity_bits: of a binary symmetric channel of that accuracy, mean over the pictures.
        detections: share of pictures found at each rate.
    """

    attack: str
    family: str
    strength: float | None
    bit_accuracy: ShareEstimate
    word_accuracy: ShareEstimate
    log10_p_value: ShareEstimate
    capacity_bits: ShareEstimate
    detections: tuple[DetectionRates, ...]


@dataclass(frozen=True, slots=True)
class Rate:
    """A false-positive rate: the threshold that stands for it, and what unmarked pictures say.

    Attributes:
        threshold: least number of matching bits that counts as marked.
        pictures: unmarked pictures that were read.
        needed: unmarked pictures that a calibrated threshold needs.
        stated: rate that the binomial law gives the threshold.
        measured: share of the unmarked pictures that pass, averaged over the messages in use.
    """

    threshold: Threshold
    pictures: int
    needed: int
    stated: float
    measured: ShareEstimate

    @property
    def agrees(self) -> bool:
        """Whether the measured rate does not contradict the stated one."""
        return self.measured.low <= self.stated <= self.measured.high


@dataclass(frozen=True, slots=True)
class ModelResult:
    """All that was measured of a model.

    Attributes:
        model: its name.
        overall: mean over all attacks.
        attacks: one by one.
        rates: false-positive rates.
        unmarked_accuracy: mean share of bits that unmarked pictures share with a message.
        unmarked_spread: deviation of the matching bits of unmarked pictures, as a multiple of the
            binomial law's; above 1 the law understates false positives.
        unmarked_counts: how often unmarked pictures agree with a message in each number of bits.
    """

    model: str
    overall: AttackResult
    attacks: tuple[AttackResult, ...]
    rates: tuple[Rate, ...]
    unmarked_accuracy: float
    unmarked_spread: float
    unmarked_counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """How a model's bit accuracy differs from the reference's on the same pictures and draws.

    Attributes:
        model: the model.
        reference: what it is compared with.
        attack: name of the attack; ``all`` for the mean over them.
        points: model minus reference, in percentage points.
    """

    model: str
    reference: str
    attack: str
    points: ShareEstimate


@dataclass(frozen=True, slots=True)
class Speed:
    """Time per picture on one thread, measured in turn with the other models.

    Attributes:
        model: its name.
        median_ms: in milliseconds on this machine.
        ratio: by the reference's, median over the rounds.
    """

    model: str
    median_ms: float
    ratio: float


@dataclass(frozen=True, slots=True)
class LayerError:
    """A module's part in the error of a quantized model.

    Attributes:
        module: of the program that the model comes from; or the operator's kind.
        nsr: noise-to-signal ratio of the worst of its operators, given exact inputs.
    """

    module: str
    nsr: float


@dataclass(frozen=True, slots=True)
class LayerErrors:
    """Where a quantized model's error comes from.

    Attributes:
        model: its name.
        reference: the float model that it is compared with.
        pictures: number of pictures that it was measured on.
        modules: in the order of the model.
    """

    model: str
    reference: str
    pictures: int
    modules: tuple[LayerError, ...]


@dataclass(frozen=True, slots=True)
class EvaluationOrigin:
    """What makes the report again.

    Attributes:
        command: command line.
        created: date and time in UTC, ISO 8601.
        machine: processor and system.
        versions: of the packages involved.
        seed: of messages, attacks and resamples.
        max_side: longest side that pictures were shrunk to; 0 for none.
        attacks: number of attacks.
    """

    command: str
    created: str
    machine: str
    versions: dict[str, str]
    seed: int
    max_side: int
    attacks: int


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """An evaluation.

    Attributes:
        origin: what makes it again.
        models: the detectors.
        embedder: what marked the pictures.
        reference: name of the model that the others are compared with.
        attack_names: in the order of the records' counts.
        psnr_db: of the marked pictures; None if none changed.
        ssim: of the marked pictures; None if all are too small.
        results: by model.
        differences: of the other models from the reference, by attack and over all.
        records: picture by picture.
        duplicates: pictures that were there twice and counted once.
        speeds: empty if nothing was timed.
        layers: empty if there is no float model to compare with.
        notes: what a reader should know.
    """

    origin: EvaluationOrigin
    models: tuple[ModelFacts, ...]
    embedder: ModelFacts
    reference: str
    attack_names: tuple[str, ...]
    psnr_db: ShareEstimate | None
    ssim: ShareEstimate | None
    results: tuple[ModelResult, ...]
    differences: tuple[Difference, ...]
    records: tuple[PictureRecord, ...]
    duplicates: tuple[Duplicate, ...] = ()
    speeds: tuple[Speed, ...] = ()
    layers: tuple[LayerErrors, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def marked(self) -> tuple[PictureRecord, ...]:
        """The pictures that were marked and attacked."""
        return tuple(record for record in self.records if record.is_marked)

    @property
    def failed(self) -> tuple[PictureRecord, ...]:
        """The pictures that could not be evaluated."""
        return tuple(record for record in self.records if record.error)

    def result(self, model: str) -> ModelResult:
        """Return what was measured of a model."""
        return next(result for result in self.results if result.model == model)

    def to_json(self) -> dict[str, Any]:
        """Return everything, for ``json.dumps``."""
        return {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, text: str | bytes) -> EvaluationReport:
        """Read what :meth:`to_json` gave.

        Raises:
            UsageError: it is no report, or one of another schema version.
        """
        try:
            record = parse_json(text)
        except DocumentError as error:
            raise UsageError(f"no JSON: {error}") from error
        version = record.get("schema_version") if isinstance(record, dict) else None
        if version != SCHEMA_VERSION:
            raise UsageError(
                f"expected a report of schema version {SCHEMA_VERSION}, got {version!r}; make it "
                "again with this version of edgeseal"
            )
        report = from_record(cls, record)
        names, attacks = {result.model for result in report.results}, len(report.attack_names)
        for found in report.marked:
            counts = found.matching or {}
            if not names <= counts.keys() or any(len(counts[name]) != attacks for name in names):
                raise UsageError(
                    f"{found.name}: expected {attacks} counts for each of {', '.join(names)}; the "
                    "report was changed: make it again"
                )
        return report


def read_report(path: Path) -> EvaluationReport:
    """Read ``report.json``.

    Raises:
        FileError: it cannot be read.
        UsageError: it is no report, or one of another schema version.
    """
    text = read_document(path)
    try:
        return EvaluationReport.from_json(text)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def write_report(report: EvaluationReport, path: Path, *, overwrite: bool = False) -> None:
    """Write ``report.json``, whole or not at all.

    Raises:
        OutputExistsError, FileError: as :func:`edgeseal._files.replacing`.
    """
    text = json.dumps(report.to_json(), indent=1, allow_nan=False) + "\n"
    write_text(path, text, overwrite=overwrite)

"""What a smaller model has to show: a finding of the check, or a command that fails."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edgeseal.errors import NothingToReduceError
from edgeseal.tflite.diagnosis import CODES, Finding, Level, check
from edgeseal.tflite.graph import read_model
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.reduction._cut_candidate import CutCandidate
from edgeseal.tflite.reduction._user_command import CommandEnd, run_command

__all__ = ["CommandSymptom", "FindingSymptom", "Symptom"]

_NUMBER = re.compile(r"0x[0-9a-fA-F]+|\d+(\.\d+)?([eE][-+]?\d+)?")
_FAILS = ("ES002", "ES012", "ES018")
"""The same failure, on values that were computed, given or drawn."""
_SAID_IN_WORDS = ("ES001", "ES007", "ES009", *_FAILS)
"""Codes that the kernel's words tell apart."""


class Symptom(Protocol):
    """What is looked for in a candidate."""

    @property
    def needs_inputs(self) -> bool:
        """Whether it shows only where the model runs."""
        ...

    def observe(self, candidate: CutCandidate, prober: Prober) -> str | None:
        """Return what the candidate shows, in words, or None if it does not show it.

        Raises:
            ModelError: the candidate cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class FindingSymptom:
    """A finding of the same code about the same kind of operator.

    Attributes:
        codes: any of them will do.
        kind: of the operator; empty where the finding is about the file.
        words: of the message, without numbers; empty if the code says it all.
        needs_inputs: whether operators have to be run, not only prepared.
    """

    codes: frozenset[str]
    kind: str
    words: str
    needs_inputs: bool

    @classmethod
    def of(cls, finding: Finding, kind: str, *, needs_inputs: bool) -> FindingSymptom:
        """Return what makes another model show the same finding about a kind of operator."""
        code = finding.code
        codes = frozenset(_FAILS) if code in _FAILS else frozenset((code,))
        if code == "ES009":  # its function becomes the main one, where the same is an error
            codes = frozenset(c.name for c in CODES.values() if c.level is Level.ERROR)
        words = _words(finding.message) if code in _SAID_IN_WORDS else ""
        return cls(codes, kind, words, needs_inputs)

    def observe(self, candidate: CutCandidate, prober: Prober) -> str | None:
        """Return the finding's message or title, or None if a check does not find it."""
        samples = [candidate.inputs] if self.needs_inputs else []
        report = check(read_model(candidate.path), candidate.path, prober, samples=samples)
        found = next(filter(self._is_same, report.findings), None)
        return None if found is None else found.message or found.kind.title

    def _is_same(self, finding: Finding) -> bool:
        return (
            finding.code in self.codes
            and self.words in ("", _words(finding.message))
            and (not self.kind or any(n.operator.kind == self.kind for n in finding.nodes))
        )


@dataclass(frozen=True, slots=True)
class CommandSymptom:
    """A command that ends as it does on the original.

    Attributes:
        arguments: the command; ``{}`` in any of them stands for the candidate's path.
        timeout_s: longest time for one run.
        end: how it ends.
    """

    arguments: tuple[str, ...]
    timeout_s: float
    end: CommandEnd

    @classmethod
    def of(cls, arguments: Sequence[str], path: Path, timeout_s: float) -> CommandSymptom:
        """Run a command on the original.

        Raises:
            UsageError: there is no place for the path, or the command cannot be started.
            NothingToReduceError: it exits with 0.
        """
        end = run_command(arguments, path, timeout_s)
        if end.status == 0:
            raise NothingToReduceError(
                f"{path}: the command exits with 0 on the whole file; it has to fail there"
            )
        return cls(tuple(arguments), timeout_s, end)

    @property
    def needs_inputs(self) -> bool:
        """False: the command brings its own."""
        return False

    def observe(self, candidate: CutCandidate, prober: Prober) -> str | None:
        """Return how the command ended, or None if it ended otherwise."""
        end = run_command(self.arguments, candidate.path, self.timeout_s)
        is_same = (end.status, _words(end.last_line)) == (
            self.end.status,
            _words(self.end.last_line),
        )
        return str(end) if is_same else None


def _words(message: str) -> str:
    """Return a message without what depends on sizes, numbers of nodes and addresses."""
    return " ".join(_NUMBER.sub("#", message).split())

"""The search for smaller candidates: trials are counted, what failed is thrown away."""

from __future__ import annotations

from collections.abc import Callable

from edgeseal.errors import ModelError
from edgeseal.tflite.graph import Model, read_model
from edgeseal.tflite.probe import Prober
from edgeseal.tflite.reduction._cut_candidate import CutCandidate, Workshop
from edgeseal.tflite.reduction._symptom import Symptom

__all__ = ["Search"]


class Search:
    """Tries candidates and keeps the last one that shows the symptom.

    Attributes:
        workshop: where candidates are written.
        symptom: what is looked for.
        trials: candidates tried.
        is_cut_short: whether trials ran out.
        evidence: what the kept candidate shows, in words.
    """

    def __init__(
        self,
        workshop: Workshop,
        symptom: Symptom,
        prober: Prober,
        *,
        max_trials: int,
        on_progress: Callable[[str], None],
    ) -> None:
        """Start without a candidate.

        Args:
            workshop: where candidates are written.
            symptom: what is looked for.
            prober: where LiteRT tries them.
            max_trials: after so many, none shows it any more.
            on_progress: is told what was tried.
        """
        self.workshop = workshop
        self.symptom = symptom
        self.trials = 0
        self.is_cut_short = False
        self.evidence = ""
        self._best: CutCandidate | None = None
        self._prober = prober
        self._max_trials = max_trials
        self._on_progress = on_progress

    @property
    def best(self) -> CutCandidate:
        """The last candidate that shows the symptom."""
        if self._best is None:
            raise LookupError("no candidate was kept yet")
        return self._best

    def model(self) -> Model:
        """Return the best candidate's model, read anew, to be changed."""
        return read_model(self.best.path)

    def shows(self, candidate: CutCandidate | None, what: str) -> bool:
        """Try a candidate and keep it if it shows the symptom.

        Args:
            candidate: what to try; None counts as one that does not show it.
            what: a few words about it, for people who wait.
        """
        if candidate is None:
            return False
        evidence = self._observe(candidate, what)
        loser = candidate if evidence is None else self._best
        if evidence is not None:
            self.evidence, self._best = evidence, candidate
        if loser is not None and (self._best is None or loser.path != self._best.path):
            self.workshop.discard(loser)
        return evidence is not None

    def shows_changed(self, model: Model, what: str) -> bool:
        """Try a changed form of the best candidate; see :meth:`shows`."""
        return self.shows(self.workshop.rewrite(self.best, model), what)

    def _observe(self, candidate: CutCandidate, what: str) -> str | None:
        if self.trials >= self._max_trials:
            self.is_cut_short = True
            return None
        self.trials += 1
        self._on_progress(f"trial {self.trials}: {what}")
        try:
            return self.symptom.observe(candidate, self._prober)
        except ModelError:  # what was cut out is no model that can be read back
            return None

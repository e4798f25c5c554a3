"""A comparison in a few lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeseal.tflite.comparison._compare import Comparison
from edgeseal.tflite.comparison._match import Means
from edgeseal.tflite.comparison._output_errors import OutputError
from edgeseal.tflite.graph import Operator

__all__ = ["summary_lines"]

_NAMED = 3  # of operators that were not matched


def summary_lines(comparison: Comparison) -> Iterator[str]:
    """Yield what a comparison found: outputs, matches, and what could not be done."""
    samples = _counted(comparison.samples, "sample")
    for output in comparison.outputs:
        name = f" {output.name}" if len(comparison.outputs) > 1 else ""
        yield f"output{name}: {_output(output)}; {samples}"
        if output.parts:
            parts = ", ".join(map(str, output.parts))
            yield f"NSR of the parts that are joined to it: {parts}"
    if comparison.device:
        yield f"outputs of {comparison.candidate} by {comparison.device}; operators by LiteRT here"
    if not comparison.outputs:
        yield "no output could be compared"
    yield _matches(comparison)
    yield from _unmatched(comparison.candidate, [o.operator for o in comparison.unmatched])
    yield from _unmatched(comparison.reference, comparison.missing)
    yield from _refusals(comparison)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _output(output: OutputError) -> str:
    error = output.error
    snr = "" if error.snr_db is None else f" (SNR {error.snr_db:.1f} dB)"
    across = output.nmse_img
    return (
        f"NSR {error}{snr}"
        + ("" if across is None else f", NMSE(img) {across:.1e}")
        + f", sign agreement {output.sign_agreement:.2%}, largest difference {error.max_abs:.3g}"
    )


def _matches(comparison: Comparison) -> str:
    means = Counter(found.means for found in comparison.operators)
    counts = {f"matched by {m.value}": means[m] for m in Means}
    alone, total = len(comparison.unmatched), len(comparison.operators)
    counts |= {"inserted or replaced": total - sum(counts.values()) - alone, "not matched": alone}
    listed = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"{_counted(total, 'operator')}: {listed}" if listed else "no operators"


def _unmatched(path: Path, operators: Sequence[Operator]) -> Iterator[str]:
    if operators:
        names = [f"{o.kind} -> {o.outputs[0].name if o.outputs else '-'}" for o in operators]
        rest = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"not matched in {path}: {'; '.join(names[:_NAMED])}{rest}"


def _refusals(comparison: Comparison) -> Iterator[str]:
    refusals = {
        comparison.reference: comparison.reference_refusal,
        comparison.candidate: comparison.candidate_refusal,
    }
    for path, message in refusals.items():
        if message:
            yield f"{path} does not run as a whole: {' '.join(message.split())}"
    if any(refusals.values()):
        yield "its outputs are those of its operators one by one, as far as they are known"
    if comparison.failed:
        yield (
            f"{_counted(len(comparison.failed), 'operator')} of {comparison.candidate} did not "
            "run; float twins stood in where they could"
        )

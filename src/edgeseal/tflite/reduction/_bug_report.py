"""A reduced model described for a bug report, in Markdown, with a script that shows the fault."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgeseal.tflite.graph import Operator, Quantization, Tensor, describe_options
from edgeseal.tflite.reduction._reduction import Reduction, Script
from edgeseal.tflite.reduction._script import script_for
from edgeseal.tflite.reduction._short_names import short_name

__all__ = ["BugReport", "bug_report"]

_MOST_OPERATORS = 20
_MOST_ZEROS = 3
_PACKAGES = ("ai-edge-litert", "numpy", "edgeseal")


@dataclass(frozen=True, slots=True)
class BugReport:
    """What to tell whoever mends it.

    Attributes:
        versions: by package, and of Python and the platform.
        operators: a line for each, with options.
        tensors: for each operator, a line for each operand and result.
        script: Python that shows the fault next to the file; a command line for a command.
        text: all of it as Markdown.
    """

    versions: dict[str, str]
    operators: tuple[str, ...]
    tensors: tuple[tuple[str, ...], ...]
    script: str
    text: str


def bug_report(reduction: Reduction, path: Path) -> BugReport:
    """Describe a reduced model that was written to ``path``."""
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    versions |= {"Python": platform.python_version(), "platform": platform.platform()}
    operators = list(reduction.model.operators())
    lines = tuple(map(_operator_line, operators))
    tensors = tuple(tuple(_tensor_lines(operator)) for operator in operators)
    script = script_for(reduction, path)
    report = BugReport(versions, lines, tensors, script, "")
    return BugReport(versions, lines, tensors, script, "\n".join(_text(reduction, report, path)))


def _text(reduction: Reduction, report: BugReport, path: Path) -> Iterator[str]:
    yield f"### {reduction.title}"
    yield ""
    if reduction.evidence not in reduction.title:
        yield from (f"> {line}" for line in reduction.evidence.splitlines())
        yield ""
    yield f"`{path.name}`: {len(reduction.content)} bytes, {_share(reduction)}; {_kept(reduction)}."
    yield ""
    pairs = list(zip(report.operators, report.tensors, strict=True))
    for operator, tensors in pairs[:_MOST_OPERATORS]:
        yield f"- {operator}"
        yield from (f"  - {line}" for line in tensors)
    if len(pairs) > _MOST_OPERATORS:
        yield f"- and {len(pairs) - _MOST_OPERATORS} more operators"
    yield ""
    yield ", ".join(f"{name} {version}" for name, version in report.versions.items())
    yield ""
    yield "```sh" if reduction.script is Script.COMMAND else "```python"
    yield report.script.rstrip("\n")
    yield "```"


def _share(reduction: Reduction) -> str:
    of = f"{reduction.operators} of {reduction.operators_before} operators"
    return f"{of} of {reduction.source.name}"


def _kept(reduction: Reduction) -> str:
    if reduction.kept_weight_bytes:
        return f"{reduction.kept_weight_bytes} bytes of the model's weights are in it"
    return "none of the model's weights are in it"


def _operator_line(operator: Operator) -> str:
    options = ", ".join(f"{o.name} {o.text}" for o in describe_options(operator))
    custom = "custom operator " if operator.is_custom else ""
    called = ", ".join(f"`{function.name}`" for function in operator.subgraphs)
    calls = f"; calls {called}" if called else ""
    return f"{custom}{operator.kind} version {operator.version}: {options or 'no options'}{calls}"


def _tensor_lines(operator: Operator) -> Iterator[str]:
    for place, tensor in enumerate(operator.inputs):
        yield f"input {place}: {'absent' if tensor is None else _tensor_line(tensor)}"
    for place, tensor in enumerate(operator.outputs):
        yield f"output {place}: {_tensor_line(tensor)}"


def _tensor_line(tensor: Tensor) -> str:
    constant = " constant" if tensor.is_constant else ""
    quantization = "" if tensor.quantization is None else f", {_scales(tensor.quantization)}"
    if tensor.blockwise is not None:
        quantization = f", a scale for every {tensor.blockwise.block_size} values"
    return (
        f"{tensor.dtype} {list(tensor.shape)}{constant}{quantization} `{short_name(tensor.name)}`"
    )


def _scales(quantization: Quantization) -> str:
    scale, zeros = quantization.scale, np.unique(quantization.zero_point)
    listed = ", ".join(map(str, zeros[:_MOST_ZEROS])) or "absent"
    more = ", ..." if zeros.size > _MOST_ZEROS else ""
    if scale.size == 1:
        return f"scale {scale[0]:.7g}, zero point {listed}{more}"
    ends = f"{scale.min():.4g} to {scale.max():.4g}"
    return f"{scale.size} scales {ends} on axis {quantization.axis}, zero points {listed}{more}"

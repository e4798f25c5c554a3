r"""What a detector spends its time on beside its layers: the model without one part after another.

::

    python benchmarks/time_shares.py FLOAT.tflite
    python benchmarks/time_shares.py FLOAT.tflite --recipe hybrid-int8 --threads 2

``FLOAT.tflite`` is what ``edgeseal convert --recipe float32`` writes. Each row is the quantized
model with one kind of work taken out of the graph, so that it computes something else with the same
layers; what it saves is what that work costs where it stands. Without attention its queries and
keys are gone as well. ``bare layers`` are as many multiply-accumulates in FULLY_CONNECTED layers
alone. Runs in turn; shares are medians over the rounds.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bare_layers import bare_layers
from edgeseal.tflite.graph import Model, Operator, Subgraph, Tensor, read_model, write_model
from edgeseal.tflite.quantization import find_recipe, quantize

_CONSOLE = Console(width=110)
_WHOLE = "whole"

Replaced = Iterator[tuple[Tensor, Tensor]]  # a result, and what its readers get instead


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, metavar="FLOAT.tflite")
    parser.add_argument("--recipe", default="dynamic-int8")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=25)
    arguments = parser.parse_args()
    whole = _quantized(read_model(arguments.source), arguments.recipe)
    with tempfile.TemporaryDirectory() as folder:
        files = {_WHOLE: Path(folder) / "whole.tflite"}
        write_model(whole, files[_WHOLE])
        for name, part in PARTS.items():
            model = read_model(files[_WHOLE])
            if _leave_out(model.main, list(part(model.main))):
                files[f"without {name}"] = Path(folder) / f"{len(files)}.tflite"
                write_model(model, files[f"without {name}"])
        bare = _quantized(bare_layers(read_model(arguments.source)), "dynamic-int8")
        files["bare layers"] = Path(folder) / "bare.tflite"
        write_model(bare, files["bare layers"])
        durations = _measure(files, arguments.threads, arguments.rounds)
    _CONSOLE.print(_setting(arguments))
    _CONSOLE.print(_table(durations))


def _quantized(model: Model, recipe: str) -> Model:
    quantize(model, find_recipe(recipe))
    return model


def _activations(graph: Subgraph) -> Replaced:
    return _of_kind(graph, "GELU")


def _softmax(graph: Subgraph) -> Replaced:
    return _of_kind(graph, "SOFTMAX")


def _depthwise(graph: Subgraph) -> Replaced:
    return _of_kind(graph, "DEPTHWISE_CONV_2D")


def _of_kind(graph: Subgraph, kind: str) -> Replaced:
    for operator in graph.operators:
        source = operator.inputs[0] if operator.inputs else None
        if operator.kind == kind and source is not None:
            yield operator.outputs[0], source


def _normalisation(graph: Subgraph) -> Replaced:
    """Layer norms: centred values by the reciprocal of their spread."""
    makers = graph.producers()
    for operator, factor, other in _products(graph):
        if _maker(makers, factor) == "RSQRT":
            centring = makers[other]
            source = centring.inputs[0] if centring.kind == "SUB" else other
            assert source is not None
            yield operator.outputs[0], source


def _responses(graph: Subgraph) -> Replaced:
    """Global response normalisation: each value by its channel's factor, from a sum over pixels."""
    makers = graph.producers()
    for operator, factor, other in _products(graph):
        if factor.shape != other.shape and _comes_from(makers, factor, "SQRT", steps=6):
            yield operator.outputs[0], other


def _positions(graph: Subgraph) -> Replaced:
    """Relative positions: what is added to the scores in front of a softmax."""
    makers = graph.producers()
    for softmax in graph.operators:
        scores = softmax.inputs[0] if softmax.kind == "SOFTMAX" else None
        while scores is not None and (maker := makers.get(scores)) is not None:
            if maker.kind == "ADD" and maker.inputs[0] is not None:
                yield maker.outputs[0], maker.inputs[0]
            elif maker.kind != "RESHAPE":
                break
            scores = maker.inputs[0]


def _attention(graph: Subgraph) -> Replaced:
    """Attention: its result is the values."""
    makers = graph.producers()
    for operator in graph.operators:
        if operator.kind == "BATCH_MATMUL":
            weights, values = operator.inputs[:2]
            assert weights is not None and values is not None
            if _comes_from(makers, weights, "SOFTMAX", steps=2):
                yield operator.outputs[0], values


PARTS: Mapping[str, Callable[[Subgraph], Replaced]] = {
    "GELU": _activations,
    "softmax": _softmax,
    "layer norms": _normalisation,
    "response norms": _responses,
    "depthwise convolutions": _depthwise,
    "relative positions": _positions,
    "attention": _attention,
}


def _products(graph: Subgraph) -> Iterator[tuple[Operator, Tensor, Tensor]]:
    """Yield the products of two computed tensors, and their operands both ways round."""
    makers = graph.producers()
    for operator in graph.operators:
        if operator.kind == "MUL":
            one, other = operator.inputs
            if one in makers and other in makers and one is not None and other is not None:
                yield operator, one, other
                yield operator, other, one


def _maker(makers: Mapping[Tensor, Operator], tensor: Tensor) -> str:
    maker = makers.get(tensor)
    return "" if maker is None else maker.kind


def _comes_from(
    makers: Mapping[Tensor, Operator], tensor: Tensor | None, kind: str, *, steps: int
) -> bool:
    """Whether an operator of a kind lies at most ``steps`` behind a tensor."""
    maker = None if tensor is None else makers.get(tensor)
    if maker is None or steps == 0:
        return False
    return maker.kind == kind or any(
        _comes_from(makers, operand, kind, steps=steps - 1) for operand in maker.inputs
    )


def _leave_out(graph: Subgraph, replaced: list[tuple[Tensor, Tensor]]) -> bool:
    """Rewire the readers of results, and drop what nothing needs then."""
    instead = {old: new for old, new in replaced if old.shape == new.shape}

    def final(tensor: Tensor) -> Tensor:
        while tensor in instead:
            tensor = instead[tensor]
        return tensor

    for operator in graph.operators:
        operator.inputs = [None if t is None else final(t) for t in operator.inputs]
    graph.remove_unread()
    return bool(instead)


def _measure(files: Mapping[str, Path], threads: int, rounds: int) -> dict[str, list[float]]:
    """Return milliseconds of every round by file: of the processor for one thread, else wall."""
    clock = time.process_time if threads == 1 else time.perf_counter
    calls = {name: _call(path, threads) for name, path in files.items()}
    durations: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(rounds):
        for name, call in calls.items():
            call()  # its weights are in the caches then, as in a service
            start = clock()
            call()
            durations[name].append(1e3 * (clock() - start))
    return durations


def _call(path: Path, threads: int) -> Callable[[], None]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    rng = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], rng.random(tuple(detail["shape"]), np.float32))
    run: Callable[[], None] = interpreter.invoke
    return run


def _table(durations: Mapping[str, list[float]]) -> Table:
    whole = np.array(durations[_WHOLE])
    table = Table("model", "ms", "share", "saves")
    for name, taken in durations.items():
        share = float(np.median(np.array(taken) / whole))
        saves = "" if name in (_WHOLE, "bare layers") else f"{1 - share:.1%}"
        table.add_row(name, f"{np.median(taken):.2f}", f"{share:.3f}", saves)
    return table


def _setting(arguments: argparse.Namespace) -> str:
    names = ("edgeseal", "ai-edge-litert")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    clock = "processor time" if arguments.threads == 1 else "wall time"
    return (
        f"{arguments.source.name}, {arguments.recipe}: {versions}, Python "
        f"{platform.python_version()}; {arguments.threads} threads, {clock}, "
        f"{arguments.rounds} interleaved rounds"
    )


if __name__ == "__main__":
    main()

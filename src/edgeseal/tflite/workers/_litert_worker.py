"""The process in which LiteRT tries models, so that a crash or a hang there stays there.

Reads pickled :class:`Request` objects from stdin and writes pickled :class:`Outcome` objects to
the descriptor that was stdout.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from edgeseal.tflite.workers._outcome import Outcome, Request, Status
from edgeseal.tflite.workers._worker_process import serve

__all__ = ["main"]

_DELEGATE_NODE = "DELEGATE"


def main() -> None:
    """Answer requests until stdin closes."""
    _limit_memory(int(sys.argv[1]))
    serve(_answer)


def _limit_memory(size_bytes: int) -> None:
    """Let larger allocations fail, so that a corrupt shape cannot eat the machine."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size_bytes, size_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(request: Request) -> Outcome:
    try:
        interpreter = _prepare(request)
        delegated = _partitions(interpreter)
        nodes = _delegated_nodes(interpreter) if request.inputs is None else ()
    except (RuntimeError, ValueError, MemoryError) as error:
        return Outcome(Status.REFUSED, _words(error))
    if request.inputs is None:
        return Outcome(Status.PREPARED, delegated=delegated, delegated_nodes=nodes)
    try:
        times = _run(interpreter, request)
        outputs = _outputs(interpreter, request.output_limit_bytes)
    except (RuntimeError, ValueError, MemoryError) as error:
        return Outcome(Status.FAILED, _words(error), delegated=delegated)
    return Outcome(Status.RAN, "", outputs, delegated, *times)


def _prepare(request: Request) -> Any:
    resolver = (
        OpResolverType.AUTO
        if request.with_delegate
        else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    options = {"experimental_op_resolver_type": resolver, "num_threads": request.threads}
    if isinstance(request.model, bytes | bytearray):
        interpreter = Interpreter(model_content=bytes(request.model), **options)
    else:
        interpreter = Interpreter(model_path=os.fspath(request.model), **options)
    for detail, values in zip(interpreter.get_input_details(), request.inputs or (), strict=False):
        if tuple(detail["shape"]) != values.shape:
            interpreter.resize_tensor_input(detail["index"], values.shape)
    interpreter.allocate_tensors()
    return interpreter


def _partitions(interpreter: Any) -> int:
    return sum(operator["op_name"] == _DELEGATE_NODE for operator in interpreter._get_ops_details())


def _delegated_nodes(interpreter: Any) -> tuple[int, ...]:
    """Return the operators that the delegate replaces.

    The runtime keeps them beside the delegate's own nodes, which say what they read and write:
    what lies between belongs to them.
    """
    operators = interpreter._get_ops_details()
    own = [operator for operator in operators if operator["op_name"] != _DELEGATE_NODE]
    makers = {int(tensor): operator for operator in own for tensor in operator["outputs"]}
    found: set[int] = set()
    for partition in operators:
        if partition["op_name"] != _DELEGATE_NODE:
            continue
        known, waiting = set(map(int, partition["inputs"])), list(map(int, partition["outputs"]))
        while waiting:
            tensor = waiting.pop()
            if tensor in known or tensor not in makers:
                continue
            known.add(tensor)
            found.add(int(makers[tensor]["index"]))
            waiting += (int(source) for source in makers[tensor]["inputs"])
    return tuple(sorted(found))


def _run(interpreter: Any, request: Request) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Run once, then with a clock and the processor's clock."""
    for detail, values in zip(interpreter.get_input_details(), request.inputs or (), strict=True):
        interpreter.set_tensor(detail["index"], values)
    interpreter.invoke()
    latencies: list[float] = []
    processor: list[float] = []
    for _ in range(request.repeats):
        started_processor = time.process_time()
        started = time.perf_counter()
        interpreter.invoke()
        latencies.append(1000 * (time.perf_counter() - started))
        processor.append(1000 * (time.process_time() - started_processor))
    return tuple(latencies), tuple(processor)


def _outputs(interpreter: Any, limit_bytes: int) -> tuple[NDArray[Any], ...]:
    outputs: list[NDArray[Any]] = []
    for detail in interpreter.get_output_details():
        outputs.append(np.asarray(interpreter.get_tensor(detail["index"])))
        size_bytes = sum(values.nbytes for values in outputs)
        if size_bytes > limit_bytes:
            raise MemoryError(f"the results take more than {limit_bytes / 2**30:.1f} GiB")
    return tuple(outputs)


def _words(error: BaseException) -> str:
    if isinstance(error, UnicodeDecodeError):  # by the interface, of what it lists
        return "the name of a tensor is no UTF-8"
    return str(error).strip() or type(error).__name__


if __name__ == "__main__":
    main()

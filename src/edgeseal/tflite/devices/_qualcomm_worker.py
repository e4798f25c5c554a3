"""The process in which Qualcomm's compiler and emulator answer.

The compiler is the plug-in that ai-edge-litert ships; Qualcomm's own libraries come from
onnxruntime-qnn. ONNX Runtime's QNN provider runs the compiled program: it takes it as the content
of an EPContext node.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import ai_edge_litert
import numpy as np
import onnx
import onnxruntime
import onnxruntime_qnn
from onnx import helper

from edgeseal.tflite.devices._trial import (
    COMPILED,
    DeviceAnswer,
    DeviceRequest,
    Refusal,
    Sample,
)
from edgeseal.tflite.graph import Model, Tensor, compiled_program, deserialize
from edgeseal.tflite.probe import numpy_type
from edgeseal.tflite.workers import Status, serve

_LITERT = Path(ai_edge_litert.__file__).parent
_QNN = Path(onnxruntime_qnn.get_qnn_htp_path()).parent
_COUNTS = re.compile(r"selected (\d+) ops, from a total of (\d+) ops\. resulted in (\d+) partition")
_REFUSED = re.compile(r"LiteRT Op #(\d+) '(\w+)' .* is not supported")
_WHY = re.compile(r"<E> (.*)")
_NO_REASON = ("QnnBackend_validateOpConfig failed", "Failed to validate op", "GraphHtpSettings")
_LAST_WORDS = 400  # characters
_QUIET = 3  # errors only
_PROVIDER = "QNNExecutionProvider"


@dataclass(frozen=True, slots=True)
class _Program:
    """A compiled model in the emulator.

    Attributes:
        session: ONNX Runtime's.
        order: for each of its inputs, the model's.
        places: for each output of the model, the session's.
    """

    session: Any
    order: tuple[int, ...]
    places: tuple[int, ...]

    def run(self, sample: Sample) -> Sample:
        feeds = {f"in{n}": np.ascontiguousarray(sample[k]) for n, k in enumerate(self.order)}
        got = self.session.run(None, feeds)
        return tuple(got[place] for place in self.places)


def answer(request: DeviceRequest) -> DeviceAnswer:
    """Compile a model for a processor and emulate it, if it is one piece."""
    program = _prepared(request.model)
    if isinstance(program, DeviceAnswer):
        return program
    try:
        outputs = tuple(program.run(sample) for sample in request.samples)
    except Exception as error:  # ONNX Runtime's errors have no common base
        return DeviceAnswer(Status.FAILED, str(error)[-_LAST_WORDS:], pieces=1)
    return DeviceAnswer(Status.RAN, pieces=1, outputs=outputs)


@lru_cache(maxsize=1)  # the next sample is often for the same model
def _prepared(content: bytes) -> _Program | DeviceAnswer:
    """Compile a model; returns an answer if it cannot be emulated."""
    soc, folder = sys.argv[1], Path(sys.argv[2])
    source, compiled = folder / "model.tflite", folder / COMPILED
    compiled.unlink(missing_ok=True)
    source.write_bytes(content)
    said = _compile(source, compiled, soc)
    counts = _COUNTS.search(said)
    if counts is None:
        return DeviceAnswer(Status.REFUSED, _last_words(said))
    refusals, pieces = _refusals(said), int(counts[3])
    if refusals or not compiled.exists() or not compiled.stat().st_size:
        message = "" if refusals else _last_words(said)
        return DeviceAnswer(Status.REFUSED, message, refusals, pieces)
    made = compiled.read_bytes()
    model = deserialize(made)
    if len(model.main.operators) != 1:
        return DeviceAnswer(Status.PREPARED, "in more than one piece", pieces=pieces)
    try:
        return _emulator(model, made)
    except Exception as error:  # ONNX Runtime's errors have no common base
        return DeviceAnswer(Status.FAILED, str(error)[-_LAST_WORDS:], pieces=pieces)


def _compile(source: Path, compiled: Path, soc: str) -> str:
    """Run the plug-in's command and return what it printed."""
    # The plug-in is linked to a library that the package lacks and this work does not touch.
    missing = source.parent / "libQnnLpai.so"
    if not missing.is_symlink():
        missing.symlink_to(_QNN / "libQnnSaver.so")
    paths = [missing.parent, _QNN, _QNN.parent / "onnxruntime_qnn.libs", _LITERT]
    command = [
        str(_LITERT / "tools" / "apply_plugin_main"),
        "--cmd=apply",
        f"--model={source}",
        f"--o={compiled}",
        "--soc_manufacturer=Qualcomm",
        f"--soc_model={soc}",
        "--err=--",
        f"--libs={_LITERT / 'vendors' / 'qualcomm' / 'compiler'}",
    ]
    libraries = ":".join(map(str, paths))
    environment = {**os.environ, "LD_LIBRARY_PATH": libraries}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def _refusals(said: str) -> tuple[Refusal, ...]:
    """Return what is refused; what the compiler prints before it says so is the reason."""
    found: dict[tuple[str, str], set[int]] = defaultdict(set)
    reason = ""
    for line in said.splitlines():
        refused = _REFUSED.search(line)
        why = _WHY.search(line)
        if refused:
            found[refused[2], reason].add(int(refused[1]))
            reason = ""
        elif why and not any(words in why[1] for words in _NO_REASON):
            reason = why[1].strip()
    return tuple(
        Refusal(kind, words, len(numbers), tuple(sorted(numbers)))
        for (kind, words), numbers in found.items()
    )


def _last_words(said: str) -> str:
    lines = [line for line in said.splitlines() if "ERROR" in line or "Failed" in line]
    return "\n".join(lines)[-_LAST_WORDS:] or said[-_LAST_WORDS:]


def _emulator(model: Model, content: bytes) -> _Program:
    """Load a model whose one operator is the compiled program."""
    (operator,) = model.main.operators
    name, program = compiled_program(operator, content)
    taken = [tensor for tensor in operator.inputs if tensor is not None]
    sources, results = _ends("in", taken), _ends("out", operator.outputs)
    node = helper.make_node(
        "EPContext",
        [end.name for end in sources],
        [end.name for end in results],
        domain="com.microsoft",
        name=name,
        embed_mode=1,
        main_context=1,
        ep_cache_context=program,
        source="QNN",
        partition_name=name,
    )
    graph = helper.make_graph([node], "main", sources, results)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    session = _session(helper.make_model(graph, opset_imports=opsets, ir_version=9))
    return _Program(
        session=session,
        order=tuple(model.main.inputs.index(tensor) for tensor in taken),
        places=tuple(list(operator.outputs).index(tensor) for tensor in model.main.outputs),
    )


def _ends(side: str, tensors: list[Tensor]) -> list[Any]:
    return [
        helper.make_tensor_value_info(
            f"{side}{number}",
            helper.np_dtype_to_tensor_dtype(np.dtype(numpy_type(tensor))),
            tensor.shape,
        )
        for number, tensor in enumerate(tensors)
    ]


def _session(model: onnx.ModelProto) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _QUIET
    devices = [d for d in onnxruntime.get_ep_devices() if d.ep_name == _PROVIDER]
    path = {"backend_path": onnxruntime_qnn.get_qnn_htp_path()}
    options.add_provider_for_devices(devices[:1], path)
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


if __name__ == "__main__":
    onnxruntime.register_execution_provider_library(_PROVIDER, onnxruntime_qnn.get_library_path())
    serve(answer)

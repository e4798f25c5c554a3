"""The process in which LiteRT's GPU accelerator answers."""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import Any

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.hardware_accelerator import HardwareAccelerator
from ai_edge_litert.options import Options

from edgeseal._native import native_words
from edgeseal.tflite.devices._trial import DeviceAnswer, DeviceRequest, Refusal, Sample
from edgeseal.tflite.workers import Status, serve

_HEADING = "operations are not supported by GPU delegate:"
_REASON = re.compile(r"^([A-Z][A-Z0-9_]+): (.*)$")
_LAST = "operations will run on the GPU"
_SAYS_NAME = re.compile(r"(is not supported\.) \S.*$")  # a tensor's, which is ours
_INVALID = re.compile(r"Validation error: (.*)")  # the accelerator goes on, and computes zeros
_NO_ADAPTER = ("No adapters found", "Couldn't load Vulkan")


def answer(request: DeviceRequest) -> DeviceAnswer:
    """Compile a model in 32 bits, and run it if the GPU takes all of it."""
    with native_words() as words:
        try:
            model = _compiled(request.model)
        except (RuntimeError, ValueError) as error:
            return _refused(words(), error)
        if not model.is_fully_accelerated():
            return _refused(words(), None)
        try:
            outputs = tuple(_run(model, sample, request) for sample in request.samples)
        except (RuntimeError, ValueError) as error:
            return DeviceAnswer(Status.FAILED, str(error).strip(), pieces=1)
        invalid = _INVALID.search(words())
        if invalid:
            _compiled.cache_clear()  # it may have been said while compiling, which is once
            return DeviceAnswer(Status.FAILED, invalid[1].strip(), pieces=1)
    return DeviceAnswer(Status.RAN, pieces=1, outputs=outputs)


@lru_cache(maxsize=1)  # the next sample is often for the same model
def _compiled(content: bytes) -> Any:
    options = Options()
    options.hardware_accelerators = HardwareAccelerator.GPU
    options.gpu_options.enforce_f32 = True
    return CompiledModel.from_buffer(content, options=options)


def _run(model: Any, sample: Sample, request: DeviceRequest) -> Sample:
    sources, results = model.create_input_buffers(0), model.create_output_buffers(0)
    for buffer, values in zip(sources, sample, strict=True):
        buffer.write(np.ascontiguousarray(values))
    model.run_by_index(0, sources, results)
    return tuple(
        buffer.read(int(np.prod(shape)), np.dtype(kind)).reshape(shape)
        for buffer, (shape, kind) in zip(results, request.outputs, strict=True)
    )


def _refused(said: str, error: Exception | None) -> DeviceAnswer:
    if any(words in said for words in _NO_ADAPTER):
        return DeviceAnswer(Status.NOT_TRIED, "no graphics driver answers")
    reasons: Counter[tuple[str, str]] = Counter()
    listed = said.partition(_HEADING)[2].splitlines()
    for line in listed:
        if _LAST in line:
            break
        match = _REASON.match(line)
        if match:
            reasons[match[1], _SAYS_NAME.sub(r"\1", match[2]).strip()] += 1
    refusals = [Refusal(kind, reason, count) for (kind, reason), count in reasons.items()]
    message = "" if refusals or error is None else str(error).strip()
    return DeviceAnswer(Status.REFUSED, message, tuple(refusals))


if __name__ == "__main__":
    serve(answer)

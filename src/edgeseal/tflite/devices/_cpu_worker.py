"""The process in which LiteRT's processor kernels answer; also under emulation."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ai_edge_litert.interpreter import Interpreter

from edgeseal.tflite.devices._trial import DeviceAnswer, DeviceRequest
from edgeseal.tflite.workers import Status, serve


def answer(request: DeviceRequest) -> DeviceAnswer:
    """Prepare and run a model."""
    try:
        interpreter = _prepared(request.model)
    except (RuntimeError, ValueError) as error:
        return DeviceAnswer(Status.REFUSED, str(error).strip())
    outputs = []
    try:
        for sample in request.samples:
            for detail, values in zip(interpreter.get_input_details(), sample, strict=True):
                interpreter.set_tensor(detail["index"], values)
            interpreter.invoke()
            ends = interpreter.get_output_details()
            outputs.append(tuple(interpreter.get_tensor(end["index"]).copy() for end in ends))
    except (RuntimeError, ValueError) as error:
        return DeviceAnswer(Status.FAILED, str(error).strip(), pieces=1)
    return DeviceAnswer(Status.RAN, pieces=1, outputs=tuple(outputs))


@lru_cache(maxsize=1)  # the next sample is often for the same model
def _prepared(content: bytes) -> Any:
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


if __name__ == "__main__":
    serve(answer)

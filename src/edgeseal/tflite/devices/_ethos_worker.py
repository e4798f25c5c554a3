"""The process in which Vela, the compiler for Arm's Ethos-U85, answers; nothing here runs it."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

from edgeseal._leftovers import scratch_folder
from edgeseal.errors import ModelError
from edgeseal.tflite.devices._trial import COMPILED, DeviceAnswer, DeviceRequest, Refusal
from edgeseal.tflite.devices._vela_compiler import compile_with_vela
from edgeseal.tflite.graph import deserialize
from edgeseal.tflite.workers import Status, serve


def answer(request: DeviceRequest) -> DeviceAnswer:
    """Compile a model."""
    macs, compiled = int(sys.argv[1]), Path(sys.argv[2], COMPILED)
    compiled.unlink(missing_ok=True)
    model = deserialize(request.model)
    with scratch_folder() as folder:
        try:
            made = compile_with_vela(model, folder, macs=macs)
        except ModelError as error:
            return DeviceAnswer(Status.REFUSED, str(error))
    compiled.write_bytes(made.file)
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, reason in made.left:
        places[model.main.operators[number].kind, reason].append(number)
    refusals = tuple(
        Refusal(kind, reason, len(numbers), tuple(numbers))
        for (kind, reason), numbers in places.items()
    )
    status = Status.REFUSED if refusals else Status.PREPARED
    return DeviceAnswer(status, refusals=refusals, pieces=made.pieces)


if __name__ == "__main__":
    serve(answer)

"""The two ways in which LiteRT runs a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgeseal.tflite.benchmark._engine import Run
from edgeseal.tflite.graph import Model, Tensor, read_model
from edgeseal.tflite.probe import dequantize, is_quantized

__all__ = ["LiteRTCompiledModel", "LiteRTInterpreter"]


@dataclass(frozen=True, slots=True)
class _File:
    """A file for LiteRT.

    Attributes:
        path: any ``.tflite`` file.
        threads: that it may use.
    """

    path: Path
    threads: int = 1

    @property
    def model(self) -> str:
        return str(self.path)

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size


@dataclass(frozen=True, slots=True)
class LiteRTInterpreter(_File):
    """A file in LiteRT's interpreter, with its default accelerated delegate."""

    @property
    def name(self) -> str:
        return "LiteRT"

    @property
    def libraries(self) -> tuple[str, ...]:
        return ("ai_edge_litert.interpreter",)

    def load(self) -> Run:
        """Prepare an interpreter.

        Raises:
            RuntimeError, ValueError: LiteRT refuses the file, in its own words.
        """
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=os.fspath(self.path), num_threads=self.threads)
        interpreter.allocate_tensors()
        inputs = [detail["index"] for detail in interpreter.get_input_details()]
        output = interpreter.get_output_details()[0]["index"]
        result = read_model(self.path).main.outputs[0]

        def run(values: tuple[NDArray[Any], ...]) -> NDArray[Any]:
            for index, value in zip(inputs, values, strict=True):
                interpreter.set_tensor(index, value)
            interpreter.invoke()
            return _real(interpreter.get_tensor(output), result)

        return run


@dataclass(frozen=True, slots=True)
class LiteRTCompiledModel(_File):
    """A file in LiteRT's CompiledModel, on the processor."""

    @property
    def name(self) -> str:
        return "LiteRT CompiledModel"

    @property
    def libraries(self) -> tuple[str, ...]:
        return ("ai_edge_litert.compiled_model",)

    def load(self) -> Run:
        """Compile the first signature and make its buffers.

        Raises:
            RuntimeError, ValueError: LiteRT refuses the file, in its own words.
        """
        from ai_edge_litert.compiled_model import (
            CompiledModel,
            CpuOptions,
            HardwareAccelerator,
            Options,
        )

        options = Options(
            hardware_accelerators=HardwareAccelerator.CPU,
            cpu_options=CpuOptions(num_threads=self.threads),
        )
        compiled = CompiledModel.from_file(os.fspath(self.path), options=options)
        model = read_model(self.path)
        key, names = next(iter(compiled.get_signature_list().items()))
        inputs = compiled.create_input_buffers(compiled.get_signature_index(key))
        outputs = compiled.create_output_buffers(compiled.get_signature_index(key))
        order = [model.main.inputs.index(_named(model, name)) for name in names["inputs"]]
        result = model.main.outputs[0]
        position = [_named(model, name) for name in names["outputs"]].index(result)
        details = compiled.get_output_tensor_details(key)[names["outputs"][position]]
        size = 1
        for side in details["shape"]:
            size *= int(side)

        def run(values: tuple[NDArray[Any], ...]) -> NDArray[Any]:
            for buffer, index in zip(inputs, order, strict=True):
                buffer.write(values[index])
            compiled.run_by_index(compiled.get_signature_index(key), inputs, outputs)
            stored = outputs[position].read(size, details["dtype"])
            return _real(stored.reshape(details["shape"]), result)

        return run


def _named(model: Model, name: str) -> Tensor:
    """Return an input or output by its name in the first signature, else by its own."""
    names = {tensor.name: tensor for tensor in (*model.main.inputs, *model.main.outputs)}
    for signature in model.signatures[:1]:
        names |= signature.outputs | signature.inputs
    return names[name]


def _real(values: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    if tensor.quantization is None or not is_quantized(tensor):
        return values
    return dequantize(values, tensor.quantization)

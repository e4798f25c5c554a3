"""Python scripts that show the fault of a reduced model, with nothing but LiteRT and numpy."""

from __future__ import annotations

import shlex
from pathlib import Path

from edgeseal.tflite.reduction._reduction import Reduction, Script, reduction_paths

__all__ = ["script_for"]

_CHECK = """\
from edgeseal import tflite
for finding in tflite.check({model!r}).findings:
    print(finding.code, finding.kind.title, finding.message)
"""
_PREPARE = """\
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(model_path={model!r})
interpreter.allocate_tensors()
"""
_RUN = """\
import numpy as np
from ai_edge_litert.interpreter import Interpreter
{setup}interpreter = Interpreter(model_path={model!r})
interpreter.allocate_tensors()
for i, d in enumerate(interpreter.get_input_details()):
    interpreter.set_tensor(d["index"], {values})
interpreter.invoke()
print([interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()])
"""
_FALLBACK = """\
import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
def run(resolver):
    {setup}interpreter = Interpreter({model!r}, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    for i, d in enumerate(interpreter.get_input_details()):
        interpreter.set_tensor(d["index"], {values})
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()]
print(run(OpResolverType.AUTO), run(OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES))
"""
_AGAINST = """\
import numpy as np
from ai_edge_litert.interpreter import Interpreter
def real(values, d):
    scale, zero_point = d["quantization"]
    return (values - np.float32(zero_point)) * np.float32(scale) if scale else values
def stored(values, d):
    scale, zero_point = d["quantization"]
    return (np.rint(values / scale) + zero_point if scale else values).astype(d["dtype"])
def run(path, inputs):
    interpreter = Interpreter(model_path=path)
    interpreter.allocate_tensors()
    for d in interpreter.get_input_details():
        interpreter.set_tensor(d["index"], stored(inputs[d["name"]], d))
    interpreter.invoke()
    outputs = interpreter.get_output_details()
    return {{d["name"]: real(interpreter.get_tensor(d["index"]), d) for d in outputs}}
{setup}details = Interpreter(model_path={model!r}).get_input_details()
inputs = {{d["name"]: real({values}, d) for i, d in enumerate(details)}}
print(run({model!r}, inputs))
print(run({companion!r}, inputs))
"""
_TEMPLATES = {
    Script.CHECK: _CHECK,
    Script.PREPARE: _PREPARE,
    Script.RUN: _RUN,
    Script.FALLBACK: _FALLBACK,
    Script.AGAINST: _AGAINST,
}


def script_for(reduction: Reduction, path: Path) -> str:
    """Return a script to run beside the files of a reduction; for a command, the command itself.

    Args:
        reduction: what was cut out.
        path: where it is written.
    """
    if reduction.script is Script.COMMAND:
        named = (argument.replace("{}", path.name) for argument in reduction.command)
        return shlex.join(named) + "\n"
    names = {part: output.name for part, output in reduction_paths(path).items()}
    setup, values = "", reduction.expression
    if "rng." in values:
        setup = "rng = np.random.default_rng(0)\n"
    if reduction.has_input_file:
        setup, values = f"saved = np.load({names['inputs']!r})\n", 'saved[f"arr_{i}"]'
    if reduction.script is Script.FALLBACK:
        setup = setup and f"{setup}    "
    template = _TEMPLATES[reduction.script]
    return template.format(
        model=names["model"], companion=names["companion"], setup=setup, values=values
    )

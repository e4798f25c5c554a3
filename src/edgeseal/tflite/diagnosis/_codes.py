"""The codes of findings: what each means and what mends it.

``docs/findings.md`` has the same texts with examples; a test compares the two.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["CODES", "Code", "Level"]


class Level(enum.Enum):
    """How bad a finding is."""

    ERROR = "error"  # the runtime does not prepare or run the file, or a device runs it wrong
    WARNING = "warning"  # it runs, but costs accuracy, speed or portability
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of finding.

    Attributes:
        name: ``ES`` and three digits; never used again for something else.
        level: how bad it is.
        title: a few words.
        cause: what is wrong, in plain words.
        remedy: what to do about it.
        is_mendable: whether ``repair`` knows candidates; whether one works is for trials to say.
    """

    name: str
    level: Level
    title: str
    cause: str
    remedy: str
    is_mendable: bool = False


_ERROR, _WARNING, _NOTE = Level.ERROR, Level.WARNING, Level.NOTE
_REPAIR = "`edgeseal repair` mends it."

_ALL = (
    Code(
        "ES001",
        _ERROR,
        "the operator cannot be prepared",
        "The kernel refuses the operator's types, shapes or options; AllocateTensors fails.",
        "Read the kernel's own message; `edgeseal reduce` cuts the operator out for a bug report.",
    ),
    Code(
        "ES002",
        _ERROR,
        "the operator fails when it runs",
        "The kernel prepares, but gives up on the values that reach it.",
        "Read the kernel's own message; `edgeseal reduce` cuts the operator out for a bug report.",
    ),
    Code(
        "ES003",
        _ERROR,
        "the runtime crashes",
        "LiteRT's native code ends the process.",
        "`edgeseal reduce` cuts out what crashes for a bug report; convert the model again.",
    ),
    Code(
        "ES004",
        _ERROR,
        "the runtime hangs",
        "LiteRT gives no answer within the time limit.",
        "Raise --timeout if the model is merely slow; else report it with `edgeseal reduce`.",
    ),
    Code(
        "ES005",
        _ERROR,
        "the runtime does not know the operator",
        "A custom, TensorFlow (Flex) or delegate-only operator that the installed LiteRT lacks.",
        "Use a runtime or delegate that has it, or convert the model without it.",
    ),
    Code(
        "ES006",
        _ERROR,
        "the operator is newer than the runtime",
        "The installed LiteRT knows the operator, but not this version of it.",
        "Install a newer ai-edge-litert, or convert with an older converter.",
    ),
    Code(
        "ES007",
        _ERROR,
        "the file is refused as a whole",
        "LiteRT refuses the file or one of its functions, though each operator prepares alone.",
        "Read the runtime's own message.",
    ),
    Code(
        "ES008",
        _WARNING,
        "the operator is too large to try",
        "Its tensors need more memory than a trial may use.",
        "Check the shapes; raise --memory-limit if they are meant.",
    ),
    Code(
        "ES009",
        _WARNING,
        "a signature cannot be used",
        "The file loads, but a signature with a function of its own does not prepare or run.",
        "Read the kernel's own message; convert the model again without that signature.",
    ),
    Code(
        "ES010",
        _ERROR,
        "INT8 constant on the left of BATCH_MATMUL",
        "A quantizer made a constant operand INT8 without asking which side it is on; the kernel "
        "takes INT8 on the right only, against a float (or INT16) left side.",
        f"{_REPAIR} The constant keeps its INT8 data.",
        is_mendable=True,
    ),
    Code(
        "ES011",
        _ERROR,
        "pot_scale_int16 left true",
        "INT16 ADD or SUB carries pot_scale_int16 = true, the schema's default. Where the scales "
        "happen to be powers of two, the kernel then takes a short cut that does not fit them.",
        f"{_REPAIR} It sets the flag to false.",
        is_mendable=True,
    ),
    Code(
        "ES012",
        _ERROR,
        "a quantized operand reaches zero",
        "A divisor is small against its quantization step and is rounded to zero, or the operand "
        "of RSQRT or SQRT to less than zero; there the kernel gives up.",
        f"{_REPAIR} It widens the range, or leaves the operator float.",
        is_mendable=True,
    ),
    Code(
        "ES013",
        _ERROR,
        "operands of different types",
        "The kernel wants its operands in one type; only some of them were quantized.",
        f"{_REPAIR} It quantizes or dequantizes on the edge that costs least.",
        is_mendable=True,
    ),
    Code(
        "ES014",
        _ERROR,
        "quantization parameters are missing or cannot be used",
        "An integer operand of an arithmetic operator has no scale, or one that is not positive.",
        "Quantize the float model again; the scale cannot be guessed.",
    ),
    Code(
        "ES015",
        _ERROR,
        "quantization parameters mean nothing",
        "A scale is not a positive number, or a zero point lies outside its type: what kernels "
        "make of such integers is no result, whether they run or not.",
        "Quantize the float model again; `edgeseal repair` mends scales of 0 of blocks.",
    ),
    Code(
        "ES016",
        _WARNING,
        "an operator that only moves values changes their scale",
        "Input and output have different quantization, but the kernel copies the stored integers: "
        "the values come out wrong without a word.",
        "Quantize the float model again with equal scales on both sides.",
    ),
    Code(
        "ES017",
        _WARNING,
        "a result that is not a number",
        "The operator gives NaN on the sample inputs, from inputs without NaN.",
        "Look at the operator's inputs; `edgeseal compare` with the float model shows where "
        "values go wrong.",
    ),
    Code(
        "ES018",
        _WARNING,
        "the operator fails on made-up inputs",
        "The file prepares, but gives up on inputs that were drawn at random; they may not be what "
        "it expects.",
        "Give sample pictures with --images, or arrays through the library, to know.",
    ),
    Code(
        "ES019",
        _ERROR,
        "quantized axis outside the tensor",
        "A tensor with a scale per channel names an axis that it does not have: old converters "
        "gave a bias the axis of its weights, and newer runtimes refuse it.",
        f"{_REPAIR} It sets the axis to 0 where there is only one.",
        is_mendable=True,
    ),
    Code(
        "ES020",
        _NOTE,
        "outside the accelerated delegate",
        "The delegate does not take the operator; it runs on a fallback kernel.",
        "`edgeseal profile` says what that costs.",
    ),
    Code(
        "ES021",
        _WARNING,
        "float island in an integer model",
        "Values are dequantized, computed in float and quantized again.",
        "Integer-only hardware cannot run it; quantize these operators, or accept the cost.",
    ),
    Code(
        "ES022",
        _WARNING,
        "rank above 4",
        "NPU and GPU delegates refuse tensors of more than four dimensions.",
        f"{_REPAIR} It rewrites the operators to rank 4 or less, exactly.",
        is_mendable=True,
    ),
    Code(
        "ES023",
        _NOTE,
        "dynamic shape",
        "A dimension is known only at run time; delegates leave such operators alone.",
        "Convert with fixed sizes where they are known.",
    ),
    Code(
        "ES024",
        _WARNING,
        "needless BROADCAST_TO",
        "Its consumers broadcast by themselves.",
        f"{_REPAIR} It feeds them directly.",
        is_mendable=True,
    ),
    Code(
        "ES025",
        _WARNING,
        "DEQUANTIZE and QUANTIZE that cancel",
        "Values are dequantized and quantized again with the same parameters, or quantized to what "
        "they are.",
        f"{_REPAIR} It removes the pair.",
        is_mendable=True,
    ),
    Code(
        "ES026",
        _NOTE,
        "dead operators or functions",
        "Nothing uses their results, or the file declares operators that it does not have, which a "
        "runtime that lacks them refuses all the same.",
        f"{_REPAIR} It removes them.",
        is_mendable=True,
    ),
    Code(
        "ES027",
        _NOTE,
        "dead tensors",
        "No operator, input or output mentions them.",
        f"{_REPAIR} It removes them.",
        is_mendable=True,
    ),
    Code(
        "ES028",
        _NOTE,
        "dead buffers",
        "Constant data that no tensor uses; it only makes the file larger.",
        f"{_REPAIR} It removes them.",
        is_mendable=True,
    ),
    Code(
        "ES029",
        _WARNING,
        "a wrong result without a word",
        "The kernel takes the operator and runs it, but its integers are far from what the same "
        "operator gives in float: it does not heed a part of the quantization, such as a scale per "
        "channel on an operand of BATCH_MATMUL.",
        f"{_REPAIR} It gives the constant one scale, or leaves the operator float.",
        is_mendable=True,
    ),
    Code(
        "ES030",
        _NOTE,
        "a version higher than the operator needs",
        "The file states a later version than the operator's types, shapes and options need. "
        "Delegates, compilers and older runtimes that do not know it refuse what they could run.",
        f"{_REPAIR} It states the lowest version that is enough.",
        is_mendable=True,
    ),
    Code(
        "ES031",
        _WARNING,
        "a version lower than the operator needs",
        "The file states a version that does not have the operator's types, shapes or options yet: "
        "a runtime of that age takes it all the same, and fails or computes something else.",
        f"{_REPAIR} It states the lowest version that is enough.",
        is_mendable=True,
    ),
    Code(
        "ES032",
        _ERROR,
        "a device takes the operator and computes something else",
        "`edgeseal check --on` ran it on the device, on the values that reach it, and its result "
        "is far from the processor's; the device reports it as taken all the same. Known: the sum "
        "of two matrices on a GPU, where one is constant.",
        "`edgeseal repair --for` writes it in another form, if one is known: the same sum in rank "
        "4 is right. `edgeseal reduce` cuts it out for a report to the device's maker.",
    ),
    Code(
        "ES033",
        _WARNING,
        "values of unlike size share a scale",
        "8-bit values are brought to a scale more than eight times as coarse to be joined with "
        "larger ones, such as scores with boxes in pixels: a few steps are left of them.",
        "Give the parts outputs of their own, or quantize again: `edgeseal quantize` joins such "
        "values in INT16.",
    ),
    Code(
        "ES034",
        _NOTE,
        "sizes of an input are placeholders",
        "The file leaves sizes of an input open and states 1 for them, which LiteRT takes for its "
        "real size unless the caller resizes it.",
        "Say the sizes: `--input-shape NAME=1x224x224x3`.",
    ),
    Code(
        "ES035",
        _WARNING,
        "quantization parameters do not fit the shape",
        "The counts of scales and zero points differ, or do not fit the quantized axis, or the "
        "tensor has no such axis. Most kernels take what they need of them without a word.",
        "Quantize the float model again.",
    ),
)

CODES: dict[str, Code] = {code.name: code for code in _ALL}
"""Every code by its name."""

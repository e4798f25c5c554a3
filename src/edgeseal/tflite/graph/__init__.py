"""A ``.tflite`` file as a graph of objects."""

from edgeseal.tflite.graph._build_operators import (
    NO_ACTIVATION,
    float32_constant,
    int32_constant,
    new_arithmetic,
    new_concatenation,
    new_dequantize,
    new_matmul,
    new_quantize,
    new_reduction,
    new_reshape,
    new_slice,
    new_transpose,
    tensor_like,
)
from edgeseal.tflite.graph._compiled_program import compiled_program
from edgeseal.tflite.graph._description import (
    DESCRIPTION,
    parse_description,
    read_description,
    write_description,
)
from edgeseal.tflite.graph._macs import Arithmetic, Macs, ShapeOf, count_macs
from edgeseal.tflite.graph._model import (
    Appended,
    Model,
    Operator,
    OperatorCode,
    Signature,
    StatedVersion,
    Subgraph,
)
from edgeseal.tflite.graph._model_summary import (
    ModelSummary,
    OperatorCount,
    OperatorSummary,
    SignatureSummary,
    TensorSummary,
    TypeSummary,
    summarize,
)
from edgeseal.tflite.graph._modules import ModulePath, Modules, find_modules
from edgeseal.tflite.graph._option_text import OptionText, describe_options
from edgeseal.tflite.graph._output_parts import Part, output_parts
from edgeseal.tflite.graph._paired_ends import check_ends, paired_ends
from edgeseal.tflite.graph._read_model import deserialize, read_model
from edgeseal.tflite.graph._schema import enum_names, has_own_options, new_operator
from edgeseal.tflite.graph._tensor import Blockwise, Buffer, ExternalBuffer, Quantization, Tensor
from edgeseal.tflite.graph._write_model import serialize, write_model

__all__ = [
    "DESCRIPTION",
    "NO_ACTIVATION",
    "Appended",
    "Arithmetic",
    "Blockwise",
    "Buffer",
    "ExternalBuffer",
    "Macs",
    "Model",
    "ModelSummary",
    "ModulePath",
    "Modules",
    "Operator",
    "OperatorCode",
    "OperatorCount",
    "OperatorSummary",
    "OptionText",
    "Part",
    "Quantization",
    "ShapeOf",
    "Signature",
    "SignatureSummary",
    "StatedVersion",
    "Subgraph",
    "Tensor",
    "TensorSummary",
    "TypeSummary",
    "check_ends",
    "compiled_program",
    "count_macs",
    "describe_options",
    "deserialize",
    "enum_names",
    "find_modules",
    "float32_constant",
    "has_own_options",
    "int32_constant",
    "new_arithmetic",
    "new_concatenation",
    "new_dequantize",
    "new_matmul",
    "new_operator",
    "new_quantize",
    "new_reduction",
    "new_reshape",
    "new_slice",
    "new_transpose",
    "output_parts",
    "paired_ends",
    "parse_description",
    "read_description",
    "read_model",
    "serialize",
    "summarize",
    "tensor_like",
    "write_description",
    "write_model",
]

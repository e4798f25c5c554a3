"""A ``.tflite`` file as a graph of objects."""

from edgeseal.graph._ends import check_ends, paired_ends
from edgeseal.graph._macs import Arithmetic, Macs, ShapeOf, count_macs
from edgeseal.graph._model import (
    Appended,
    Model,
    Operator,
    OperatorCode,
    Signature,
    Subgraph,
)
from edgeseal.graph._modules import ModulePath, Modules, find_modules
from edgeseal.graph._options import OptionText, describe_options
from edgeseal.graph._read import deserialize, read_model
from edgeseal.graph._schema import enum_names, new_operator
from edgeseal.graph._summary import (
    ModelSummary,
    OperatorCount,
    OperatorSummary,
    SignatureSummary,
    TensorSummary,
    TypeSummary,
    summarize,
)
from edgeseal.graph._tensor import Blockwise, Buffer, ExternalBuffer, Quantization, Tensor
from edgeseal.graph._write import serialize, write_model

__all__ = [
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
    "Quantization",
    "ShapeOf",
    "Signature",
    "SignatureSummary",
    "Subgraph",
    "Tensor",
    "TensorSummary",
    "TypeSummary",
    "check_ends",
    "count_macs",
    "describe_options",
    "deserialize",
    "enum_names",
    "find_modules",
    "new_operator",
    "paired_ends",
    "read_model",
    "serialize",
    "summarize",
    "write_model",
]

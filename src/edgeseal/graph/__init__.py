"""A ``.tflite`` file as a graph of objects."""

from edgeseal.graph._model import (
    Buffer,
    Model,
    Operator,
    Quantization,
    Signature,
    Subgraph,
    Tensor,
)
from edgeseal.graph._schema import new_operator, read_model, write_model
from edgeseal.graph._summary import (
    ModelSummary,
    OperatorCount,
    OperatorSummary,
    SignatureSummary,
    TensorSummary,
    TypeSummary,
    summarize,
)

__all__ = [
    "Buffer",
    "Model",
    "ModelSummary",
    "Operator",
    "OperatorCount",
    "OperatorSummary",
    "Quantization",
    "Signature",
    "SignatureSummary",
    "Subgraph",
    "Tensor",
    "TensorSummary",
    "TypeSummary",
    "new_operator",
    "read_model",
    "summarize",
    "write_model",
]

"""GPU and NPU: published rules of LiteRT's delegates and compilers, for want of the hardware.

The sources say what a delegate looks at before it takes an operator. Drivers may refuse more, so
these are rules, not measurements.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgeseal.tflite.diagnosis import Node
from edgeseal.tflite.graph import Model, Operator, Tensor, find_modules
from edgeseal.tflite.targets._target_report import Basis, Fallback, Target, TargetReport

__all__ = ["Rules", "assess_rules", "rules_of"]

_MAX_RANK = 4

_COMPARISONS = "EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL"
_GPU_KINDS = """
    ABS ADD ADD_N AVERAGE_POOL_2D BATCH_MATMUL CAST CONCATENATION CONV_2D COS CUMSUM DENSIFY
    DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV ELU EQUAL EXP FLOOR FLOOR_DIV FLOOR_MOD
    FULLY_CONNECTED GATHER GELU GREATER GREATER_EQUAL HARD_SWISH LEAKY_RELU LESS LESS_EQUAL LOG
    LOGICAL_AND LOGISTIC LSTM MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL ONE_HOT
    PACK PAD PADV2 POW PRELU QUANTIZE REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6 RELU_N1_TO_1
    RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SELECT SELECT_V2 SIGN SIN SLICE SOFTMAX
    SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE STRIDED_SLICE SUB SUM TANH TILE
    TRANSPOSE TRANSPOSE_CONV UNPACK
"""
_NPU_KINDS = """
    ABS ADD ARG_MAX ARG_MIN AVERAGE_POOL_2D BATCH_MATMUL BROADCAST_TO CAST CEIL CONCATENATION
    CONV_2D CONV_3D COS CUMSUM DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE
    ELU EMBEDDING_LOOKUP EQUAL EXP FLOOR FLOOR_DIV FULLY_CONNECTED GATHER GATHER_ND GELU GREATER
    GREATER_EQUAL HARD_SWISH L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND
    LOGICAL_NOT LOGICAL_OR LOGISTIC MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL
    PACK PAD PADV2 POW PRELU QUANTIZE REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN RELU RELU6
    RELU_0_TO_1 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT
    SELECT SELECT_V2 SIGN SIN SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQRT SQUARE SQUARED_DIFFERENCE
    STRIDED_SLICE SUB SUM TANH TILE TOPK_V2 TRANSPOSE TRANSPOSE_CONV UNPACK
"""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a target takes.

    Attributes:
        target: the target.
        source: where the rules are published.
        kinds: operators that it knows.
        types: of the values that operators read and write; constants may have any.
        blockwise: whether constants may have a scale for every block of values.
    """

    target: Target
    source: str
    kinds: frozenset[str]
    types: frozenset[str]
    blockwise: bool

    def refusal(self, operator: Operator) -> str:
        """Return why an operator is not taken, all reasons; empty if it is."""
        if operator.is_custom or operator.kind not in self.kinds:
            return f"no {operator.kind}"
        return "; ".join(dict.fromkeys(self._reasons(operator)))

    def _reasons(self, operator: Operator) -> list[str]:
        tensors = [t for t in [*operator.inputs, *operator.outputs] if t is not None]
        reasons = [f"rank {t.rank}, takes up to {_MAX_RANK}" for t in tensors if t.rank > _MAX_RANK]
        reasons += ["shape not known before running" for t in tensors if t.is_dynamic]
        if not self.blockwise:
            reasons += ["a scale for every block of weights" for t in tensors if t.blockwise]
        values = [t for t in tensors if not t.is_constant]
        refused = dict.fromkeys(t.dtype for t in values if not self._takes(t, operator.kind))
        reasons += [f"{dtype} values" for dtype in refused]
        return reasons

    def _takes(self, tensor: Tensor, kind: str) -> bool:
        if tensor.dtype in self.types:
            return True
        if tensor.dtype == "BOOL":
            return (
                kind in _COMPARISONS.split()
                or kind.startswith(("LOGICAL_", "SELECT"))
                or kind == "CAST"
            )
        return kind in _CONVERSIONS.get(tensor.dtype, ())


_CONVERSIONS = {
    "INT32": ("CAST", "GATHER", "ONE_HOT", "EMBEDDING_LOOKUP", "GATHER_ND", "ARG_MAX", "ARG_MIN"),
    "INT64": ("ARG_MAX", "ARG_MIN", "CAST"),
}
"""Where indices and counts may pass."""

_RULES = {
    Target.GPU: Rules(
        target=Target.GPU,
        source="LiteRT's GPU delegate: tflite/delegates/gpu/common/model_builder.cc at e3b6183; "
        "8-bit values are computed in float",
        kinds=frozenset(_GPU_KINDS.split()),
        types=frozenset(("FLOAT32", "FLOAT16", "INT8", "UINT8")),
        blockwise=False,
    ),
    Target.NPU: Rules(
        target=Target.NPU,
        source="operators of LiteRT's compiler for Qualcomm's NPUs: "
        "litert/vendors/qualcomm/compiler/Qualcomm_QNN_Compiler.md at 08c8bf6; "
        "integer values, static shapes and rank 4 or less, which every NPU takes",
        kinds=frozenset(_NPU_KINDS.split()),
        types=frozenset(("INT8", "UINT8", "INT16")),
        blockwise=False,
    ),
}


def rules_of(target: Target) -> Rules:
    """Return the rules of a target that is judged by rules."""
    return _RULES[target]


def assess_rules(model: Model, rules: Rules) -> TargetReport:
    """Hold every operator of the main subgraph against rules."""
    modules = find_modules(model)
    reasons = [(operator, rules.refusal(operator)) for operator in model.main.operators]
    return TargetReport(
        target=rules.target,
        basis=Basis.RULES,
        source=rules.source,
        operators=len(reasons),
        fallbacks=tuple(
            Fallback(Node(operator, model.main, number, modules.display_name(operator)), reason)
            for number, (operator, reason) in enumerate(reasons)
            if reason
        ),
    )

"""Sessions of ONNX Runtime and OpenVINO on the processor, set up as their documentation asks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["open_onnx_session", "open_openvino_model", "without_usage_reports"]

_NOT_A_USER = "CI"  # where this variable says true, Intel's packages report nothing


@contextlib.contextmanager
def without_usage_reports() -> Iterator[None]:
    """Keep OpenVINO and NNCF from telling their makers that they are used.

    They would do so without asking, and for each report fork this process, with all the threads
    that PyTorch and others have in it. Both decide when they are imported, so that belongs into
    the body.
    """
    before = os.environ.get(_NOT_A_USER)
    os.environ[_NOT_A_USER] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_NOT_A_USER]
        else:
            os.environ[_NOT_A_USER] = before


def open_onnx_session(path: Path, threads: int) -> Any:
    """Return an ``InferenceSession`` of an ``.onnx`` file, with all graph optimizations.

    Raises:
        ModuleNotFoundError: ONNX Runtime is not installed.
        Exception: the file cannot be loaded; each kind of damage has a class of its own.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def open_openvino_model(path: Path, threads: int, *, precision: str | None = None) -> Any:
    """Return a ``CompiledModel`` of an ``.xml`` file, for lowest latency.

    Args:
        path: the file; its weights lie beside it.
        threads: that it may use.
        precision: ``f32`` or ``bf16`` for what is computed in floats; None for OpenVINO's choice.

    Raises:
        ModuleNotFoundError: OpenVINO is not installed.
        RuntimeError: the file cannot be loaded.
    """
    with without_usage_reports():
        import openvino

    config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    if precision is not None:
        config["INFERENCE_PRECISION_HINT"] = precision
    return openvino.Core().compile_model(path, "CPU", config)

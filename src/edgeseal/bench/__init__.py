"""How long models take, measured so that ratios hold on a noisy machine."""

from edgeseal.bench._bench import Measurement, Timings, bench
from edgeseal.bench._engine import Engine, Run
from edgeseal.bench._inputs import Inputs, model_inputs
from edgeseal.bench._latency import Latency, measure_interleaved
from edgeseal.bench._litert import LiteRTCompiledModel, LiteRTInterpreter

__all__ = [
    "Engine",
    "Inputs",
    "Latency",
    "LiteRTCompiledModel",
    "LiteRTInterpreter",
    "Measurement",
    "Run",
    "Timings",
    "bench",
    "measure_interleaved",
    "model_inputs",
]

"""How long models take, measured so that ratios hold on a noisy machine."""

from edgeseal.tflite.benchmark._browser_engine import LiteRTInBrowser
from edgeseal.tflite.benchmark._engine import Engine, Run
from edgeseal.tflite.benchmark._interleaved import EngineMeasurement, Timings, bench
from edgeseal.tflite.benchmark._latency import Latency, measure_interleaved
from edgeseal.tflite.benchmark._litert_engines import LiteRTCompiledModel, LiteRTInterpreter
from edgeseal.tflite.benchmark._on_device import run_on_device

__all__ = [
    "Engine",
    "EngineMeasurement",
    "Latency",
    "LiteRTCompiledModel",
    "LiteRTInBrowser",
    "LiteRTInterpreter",
    "Run",
    "Timings",
    "bench",
    "measure_interleaved",
    "run_on_device",
]

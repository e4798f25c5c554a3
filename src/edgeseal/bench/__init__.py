"""How long models take, measured so that ratios hold on a noisy machine."""

from edgeseal.bench._latency import Latency, measure_interleaved

__all__ = ["Latency", "measure_interleaved"]

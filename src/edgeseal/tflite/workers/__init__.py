"""Processes that answer requests one after another, LiteRT's own among them.

Little is imported here: every process pays for it when it starts.
"""

from edgeseal.tflite.workers._outcome import Outcome, Request, Status
from edgeseal.tflite.workers._worker_process import WorkerGoneError, WorkerProcess, serve

__all__ = ["Outcome", "Request", "Status", "WorkerGoneError", "WorkerProcess", "serve"]

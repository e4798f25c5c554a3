"""Watermarks in pictures with nothing heavier than LiteRT: detect, embed, and what they need.

::

    from edgeseal.watermark.runtime import load_detector, load_embedder

    marked = load_embedder("embedder.tflite").embed("photo.jpg", "0123456789abcdef01234567")
    marked.save("marked.jpg")
    found = load_detector("detector.tflite").detect("marked.jpg", expect=marked.message)
    print(found.hex, found.bit_accuracy, found.p_value)
"""

from edgeseal.watermark.runtime._attenuation_map import Attenuation, find_attenuation
from edgeseal.watermark.runtime._detector import (
    Detection,
    DetectionOutcome,
    LiteRTDetector,
    load_detector,
)
from edgeseal.watermark.runtime._embedder import Embedding, LiteRTEmbedder, load_embedder
from edgeseal.watermark.runtime._frame import Stamp, shrink
from edgeseal.watermark.runtime._message import Message, MessageInput, to_message
from edgeseal.watermark.runtime._model_info import ModelInfo, attach_info, has_info, read_info
from edgeseal.watermark.runtime._pvalue import least_matching_bits, log10_p_value, p_value
from edgeseal.watermark.runtime._session import Session, open_session

__all__ = [
    "Attenuation",
    "Detection",
    "DetectionOutcome",
    "Embedding",
    "LiteRTDetector",
    "LiteRTEmbedder",
    "Message",
    "MessageInput",
    "ModelInfo",
    "Session",
    "Stamp",
    "attach_info",
    "find_attenuation",
    "has_info",
    "least_matching_bits",
    "load_detector",
    "load_embedder",
    "log10_p_value",
    "open_session",
    "p_value",
    "read_info",
    "shrink",
    "to_message",
]

"""Watermarks in pictures with nothing heavier than LiteRT: detect, embed, and what they need.

::

    from edgeseal.runtime import load_detector, load_embedder

    marked = load_embedder("embedder.tflite").embed("photo.jpg", "0123456789abcdef01234567")
    marked.save("marked.jpg")
    found = load_detector("detector.tflite").detect("marked.jpg", expect=marked.message)
    print(found.hex, found.bit_accuracy, found.p_value)
"""

from edgeseal.runtime._detector import Detection, DetectionOutcome, LiteRTDetector, load_detector
from edgeseal.runtime._embedder import Embedding, LiteRTEmbedder, load_embedder
from edgeseal.runtime._folder import PICTURE_SUFFIXES, find_pictures
from edgeseal.runtime._frame import Stamp, shrink
from edgeseal.runtime._image import MAX_PIXELS, ImageInput, read_image
from edgeseal.runtime._info import ModelInfo, attach_info, has_info, read_info
from edgeseal.runtime._message import Message, MessageInput, to_message
from edgeseal.runtime._pvalue import log10_p_value, p_value
from edgeseal.runtime._resize import resize
from edgeseal.runtime._samples import picture_input, picture_samples
from edgeseal.runtime._save import SAVE_SUFFIXES, save_suffix
from edgeseal.runtime._session import Session, open_session, refusal
from edgeseal.runtime._sources import find_sources
from edgeseal.runtime._workers import map_in_order

__all__ = [
    "MAX_PIXELS",
    "PICTURE_SUFFIXES",
    "SAVE_SUFFIXES",
    "Detection",
    "DetectionOutcome",
    "Embedding",
    "ImageInput",
    "LiteRTDetector",
    "LiteRTEmbedder",
    "Message",
    "MessageInput",
    "ModelInfo",
    "Session",
    "Stamp",
    "attach_info",
    "find_pictures",
    "find_sources",
    "has_info",
    "load_detector",
    "load_embedder",
    "log10_p_value",
    "map_in_order",
    "open_session",
    "p_value",
    "picture_input",
    "picture_samples",
    "read_image",
    "read_info",
    "refusal",
    "resize",
    "save_suffix",
    "shrink",
    "to_message",
]

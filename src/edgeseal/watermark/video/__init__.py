"""Watermarks in videos, frame by frame in constant memory; needs the extra [video] (PyAV).

::

    from edgeseal import load_detector, load_embedder
    from edgeseal.watermark.video import detect_video, embed_video

    embed_video(load_embedder("embedder.tflite"), "in.mp4", "out.mp4", "0123456789abcdef01234567")
    found = detect_video(load_detector("detector.tflite"), "out.mp4", fpr=1e-6)
    print(found.detection.reading, found.frames)
"""

from edgeseal.watermark.video._aggregate import AGGREGATIONS
from edgeseal.watermark.video._detect_video import (
    DEFAULT_AGGREGATION,
    PartReading,
    VideoDetection,
    check_reading,
    detect_video,
    join_parts,
)
from edgeseal.watermark.video._embed_video import VideoEmbedding, embed_video, mark_frames
from edgeseal.watermark.video._encoding import Encoding
from edgeseal.watermark.video._frames import read_frames
from edgeseal.watermark.video._parts import VideoPart, count_parts
from edgeseal.watermark.video._video_files import VIDEO_SUFFIXES, is_video

__all__ = [
    "AGGREGATIONS",
    "DEFAULT_AGGREGATION",
    "VIDEO_SUFFIXES",
    "Encoding",
    "PartReading",
    "VideoDetection",
    "VideoEmbedding",
    "VideoPart",
    "check_reading",
    "count_parts",
    "detect_video",
    "embed_video",
    "is_video",
    "join_parts",
    "mark_frames",
    "read_frames",
]

"""A tiny pair, and clips made with PyAV."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.codec.context import Flags
from numpy.typing import NDArray

from edgeseal.watermark.runtime import LiteRTDetector, LiteRTEmbedder, load_detector, load_embedder
from pairs import Pair, write_pair

Clip = Callable[..., Path]


@pytest.fixture(scope="session")
def pair96(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A pair with messages of 96 bits and 3 frames for each watermark, scaled as upstream's."""
    folder = tmp_path_factory.mktemp("pair")
    return write_pair(folder, bits=96, step_size=3, scaling_i=1.0, scaling_w=0.8)


@pytest.fixture(scope="session")
def embedder(pair96: Pair) -> LiteRTEmbedder:
    return load_embedder(pair96.embedder)


@pytest.fixture(scope="session")
def detector(pair96: Pair) -> LiteRTDetector:
    return load_detector(pair96.detector)


def picture(index: int, height: int, width: int) -> NDArray[np.uint8]:
    """Return a smooth picture that moves: uint8 [height, width, 3]."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [np.sin((rows + index) / 9 + c) * np.cos((columns - 2 * index) / 13) for c in range(3)]
    return np.rint(127 + 40 * np.stack(waves, 2)).astype(np.uint8)


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """Return a function that writes a clip."""

    def write(
        name: str = "clip.mp4",
        *,
        frames: int = 10,
        size: tuple[int, int] = (48, 64),
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        times: list[int] | None = None,
        last: int = 40,
        interlaced: bool = False,
        colours: tuple[int, int, int] | None = None,
        rotation: int | None = None,
        sound: bool = False,
        words: bool = False,
        options: dict[str, str] | None = None,
        format: str | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", format=format) as container:
            container.metadata["title"] = "A clip"
            defaults = {"crf": "10"} if codec == "libx264" else {}
            stream = container.add_stream(codec, rate=25, options=defaults | (options or {}))
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = size[1], size[0], pix_fmt
            stream.codec_context.time_base = Fraction(1, 1000)
            stream.codec_context.flags |= Flags.frame_duration
            if interlaced:
                stream.codec_context.flags |= Flags.interlaced_dct
            if colours is not None:
                context = stream.codec_context
                context.color_primaries, context.color_trc, context.colorspace = colours
            if rotation is not None:
                stream.set_display_rotation(rotation)
            audio = container.add_stream("aac", rate=8000) if sound else None
            if words:
                _add_words(container, path.with_suffix(".srt"))
            times = list(range(0, 40 * frames, 40)) if times is None else times
            for packet in _packets(stream, audio, size, [*times, times[-1] + last]):
                container.mux(packet)
        return path

    return write


def _packets(stream: Any, audio: Any, size: tuple[int, int], times: list[int]) -> Iterator[Any]:
    for index, (begins, ends) in enumerate(itertools.pairwise(times)):
        frame = av.VideoFrame.from_ndarray(picture(index, *size), format="rgb24")
        frame.pts, frame.duration = begins, ends - begins
        frame.time_base = Fraction(1, 1000)
        yield from stream.encode(frame)
    yield from stream.encode(None)
    if audio is not None:
        tone = np.sin(np.arange(8000) / 5).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        yield from audio.encode(frame)
        yield from audio.encode(None)


def _add_words(container: Any, path: Path) -> None:
    path.write_text("1\n00:00:00,000 --> 00:00:00,200\nhello\n")
    with av.open(str(path)) as source:
        stream = container.add_stream_from_template(source.streams[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    path.unlink()

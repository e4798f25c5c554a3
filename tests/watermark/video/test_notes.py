"""Notes beside the frames: how they are held, how bright they are, what an encoder is told."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgeseal.errors import UsageError
from edgeseal.watermark.video import Encoding
from edgeseal.watermark.video._aggregate import AGGREGATIONS, Aggregate
from edgeseal.watermark.video._light import Light
from edgeseal.watermark.video._orientation import UPRIGHT, Orientation
from edgeseal.watermark.video._video_files import VIDEO_SUFFIXES, is_video

TURNS = [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)]
MIRRORED = [(-a, b, -c, d) for a, b, c, d in TURNS]
PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def matrix_of(a: float, b: float, c: float, d: float) -> tuple[int, ...]:
    """FFmpeg's display matrix: 16.16 fixed point, in rows of three."""
    one = 1 << 16
    return (*(round(v * one) for v in (a, b)), 0, *(round(v * one) for v in (c, d)), 0, 0, 0, one)


def moved(pixels: np.ndarray, a: int, b: int, c: int, d: int) -> np.ndarray:
    """Move every pixel to x' = a x + c y, y' = b x + d y, and what comes out into view."""
    height, width = pixels.shape[:2]
    places = {
        (b * x + d * y, a * x + c * y): pixels[y, x] for y in range(height) for x in range(width)
    }
    top, left = (min(place[axis] for place in places) for axis in (0, 1))
    shown = np.zeros((*((width, height) if a == 0 else (height, width)), 3), pixels.dtype)
    for (y, x), values in places.items():
        shown[y - top, x - left] = values
    return shown


@pytest.mark.parametrize("turn", TURNS + MIRRORED)
def test_pixels_are_where_the_matrix_says_when_shown(turn: tuple[int, int, int, int]) -> None:
    held = Orientation.of_matrix(matrix_of(*turn))
    shown = held.upright(PIXELS)
    assert np.array_equal(shown, moved(PIXELS, *turn))
    assert np.array_equal(held.stored(shown), PIXELS)
    assert (held == UPRIGHT) == (turn == TURNS[0])


@given(st.integers(0, 3), st.floats(-44, 44))
def test_turn_is_to_the_nearest_quarter_when_the_camera_was_held_askew(
    quarter: int, degrees: float
) -> None:
    angle = math.radians(90 * quarter + degrees)
    turn = math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle)
    assert Orientation.of_matrix(matrix_of(*turn)) == Orientation.of_matrix(
        matrix_of(*TURNS[quarter])
    )


# BT.2020's primaries, D65 and 0.0001 to 1000 cd/m2: the example of x265's documentation.
DISPLAY = [(34, 50), (16, 50), (53, 200), (69, 100), (15, 100), (6, 100)]
DISPLAY += [(3127, 10_000), (329, 1000), (1, 10_000), (1000, 1)]
IN_UNITS = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"


def display(pairs: list[tuple[int, int]], *flags: int) -> bytes:
    return struct.pack("=20i2i", *(number for pair in pairs for number in pair), *flags)


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        ("libx265", {"master-display": IN_UNITS, "max-cll": "1000,400"}),
        ("libx264", {"mastering-display": IN_UNITS, "cll": "1000,400"}),
        (
            "libsvtav1",
            {
                "mastering-display": "G(0.265000,0.690000)B(0.150000,0.060000)R(0.680000,0.320000)"
                "WP(0.312700,0.329000)L(1000.000000,0.000100)",
                "content-light": "1000,400",
            },
        ),
        ("libvpx-vp9", {}),
    ],
)
def test_light_is_told_to_an_encoder_in_its_own_words(codec: str, expected: dict[str, str]) -> None:
    notes = {
        "MASTERING_DISPLAY_METADATA": display(DISPLAY, 1, 1),
        "CONTENT_LIGHT_LEVEL": struct.pack("=2I", 1000, 400),
    }
    light = Light.of(notes)
    assert light.parameters(codec) == expected
    lost = [] if expected else ["mastering display", "content light level"]
    assert light.dropped(codec) == lost


@pytest.mark.parametrize(
    "data",
    [
        display(DISPLAY, 0, 1),
        display(DISPLAY, 1, 0),
        display([*DISPLAY[:-1], (1000, 0)], 1, 1),
        display([(1, -1), *DISPLAY[1:]], 1, 1),
        display(DISPLAY, 1, 1)[:-1],
        b"",
    ],
)
def test_display_counts_as_none_when_its_note_is_incomplete(data: bytes) -> None:
    light = Light.of({"MASTERING_DISPLAY_METADATA": data})
    assert light == Light(None, None)
    assert light.parameters("libx265") == {}
    assert light.dropped("libvpx-vp9") == []


def test_fractions_are_those_of_the_note_when_it_is_longer_than_known() -> None:
    light = Light.of({"MASTERING_DISPLAY_METADATA": display(DISPLAY, 1, 1) + b"more"})
    assert light.display == tuple(Fraction(above, below) for above, below in DISPLAY)


@pytest.mark.parametrize(
    ("codec", "largest"),
    [("libx264", 51), ("libx265", 51), ("libvpx-vp9", 63), ("libsvtav1", 63), ("mpeg4", 31)],
)
def test_quality_is_refused_when_it_is_beyond_the_encoders_own(codec: str, largest: int) -> None:
    quality = "qmin" if codec == "mpeg4" else "crf"
    for crf in (0, largest - 0.5, largest):
        options = Encoding(crf=crf).options(codec, (640, 480))
        assert float(options[quality]) == crf
    for crf in (-0.1, largest + 0.1, math.nan):
        with pytest.raises(UsageError, match=f"crf: {codec} takes 0 to {largest}, got "):
            Encoding(crf=crf).options(codec, (640, 480))


def test_options_that_an_encoder_has_not_name_those_that_have_them() -> None:
    with pytest.raises(UsageError, match="crf: wmv2 has no such option; choose from libx264, "):
        Encoding(crf=20).options("wmv2", (640, 480))
    with pytest.raises(UsageError, match="preset: libvpx has none; choose from libx264, libx265"):
        Encoding(preset="slow").options("libvpx", (640, 480))
    assert Encoding().options("wmv2", (640, 480)) == {}


def test_own_parameters_are_joined_when_an_encoder_takes_them() -> None:
    told = {"master-display": IN_UNITS, "max-cll": "1000,400"}
    options = Encoding(preset="slow").options("libx265", (640, 480), told)
    assert options["x265-params"].split(":") == [
        "log-level=error",
        f"master-display={IN_UNITS}",
        "max-cll=1000,400",
    ]
    assert options["preset"] == "slow"
    assert "x264-params" not in Encoding().options("libx264", (640, 480))


LOGITS = arrays(
    np.float32, st.tuples(st.integers(1, 5), st.just(7)), elements=st.floats(-9, 9, width=32)
)


@pytest.mark.parametrize("name", AGGREGATIONS)
@settings(max_examples=25)
@given(logits=LOGITS)
def test_message_is_upstreams_formula_when_frames_are_added_one_by_one(
    name: str, logits: Any
) -> None:
    running = Aggregate(name, 7)
    for frame in logits:
        running.add(frame)
    wide = logits.astype(np.float64)
    weights = {
        "avg": np.ones_like(wide),
        "squared_avg": np.abs(wide),
        "l1norm_avg": np.linalg.norm(wide, ord=1, axis=1, keepdims=True),
        "l2norm_avg": np.linalg.norm(wide, axis=1, keepdims=True),
    }[name]
    np.testing.assert_allclose(running.logits(), (wide * weights).mean(0), rtol=1e-6, atol=1e-6)
    assert running.frames == len(logits)
    mirrored = Aggregate(name, 7)
    for frame in -logits:
        mirrored.add(frame)
    assert np.array_equal(mirrored.logits(), -running.logits())


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_nothing_is_read_when_no_frame_was_added(name: str) -> None:
    assert np.array_equal(Aggregate(name, 3).logits(), np.zeros(3, np.float32))


def test_video_is_told_by_its_ending_in_any_case() -> None:
    assert all(is_video(f"clip{ending.upper()}") for ending in VIDEO_SUFFIXES)
    assert not any(map(is_video, ["clip", ".mp4", "clip.mp4.png", "mp4", "clip.mp3"]))

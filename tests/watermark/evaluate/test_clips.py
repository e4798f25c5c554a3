"""Clips: upstream's encoders, one draw for all frames, and videos from end to end."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from edgeseal.data import photo_paths
from edgeseal.errors import UsageError, VideoError
from edgeseal.watermark.evaluate import EvaluationSettings, find_attacks
from edgeseal.watermark.evaluate._clip import read_clip
from edgeseal.watermark.evaluate._evaluation_plan import _check_kinds
from edgeseal.watermark.evaluate.attacks import ATTACK_SETS, Attack, AttackStep
from upstream import upstream_module

Clip = NDArray[np.float32]


@pytest.fixture(scope="module")
def clip() -> Clip:
    """Six frames of a photograph that moves."""
    photo = Image.open(photo_paths()[0]).convert("RGB").resize((128, 96))
    pixels = np.asarray(photo, np.float32) / np.float32(255)
    return np.stack([np.roll(pixels, 2 * index, axis=1) for index in range(6)])


def attacked(family: str, strength: float, clip: Clip) -> Clip:
    return Attack((AttackStep(family, strength),)).apply_to_clip(clip, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("family", "name", "rate"),
    [("h264", "H264", 23), ("h264", "H264", 40), ("h264rgb", "H264rgb", 30), ("h265", "H265", 30)],
)
def test_encoder_equals_upstreams_when_given_the_same_clip(
    family: str, name: str, rate: int, clip: Clip
) -> None:
    encoder = getattr(upstream_module("video", package="augmentation"), name)()
    encoder.threads = 1
    frames = torch.from_numpy(clip.copy()).permute(0, 3, 1, 2)
    expected = encoder(frames, None, rate)[0].permute(0, 2, 3, 1).numpy()
    found = attacked(family, rate, clip)
    assert found.shape == expected.shape
    difference = np.square(found - expected).mean()
    damage = np.square(expected - clip).mean()
    if family == "h265":  # upstream leaves it its own threads
        assert difference < 0.02 * damage
    else:
        assert difference < 1e-12


def test_vp9_damages_more_when_the_rate_factor_is_higher(clip: Clip) -> None:
    damages = [np.square(attacked("vp9", rate, clip) - clip).mean() for rate in (23, 40, 60)]
    assert 0 < damages[0] < damages[1] < damages[2] < 0.05


@pytest.mark.parametrize("family", ["h264", "h264rgb", "h265", "vp9"])
def test_clip_keeps_its_size_and_comes_out_the_same_when_sides_are_odd(
    family: str, clip: Clip
) -> None:
    odd = clip[:, :75, :101]
    first = attacked(family, 30, odd)
    assert first.shape == odd.shape
    kept = []
    for index in range(8):  # other addresses each time: x264's AVX-512 code is not used for that
        kept.append(np.zeros(1000 * index + 13))
        assert np.array_equal(attacked(family, 30, odd), first)
    assert np.abs(first - odd).mean() < 0.08


def test_all_frames_have_one_draw_when_an_attack_is_random(clip: Clip) -> None:
    still = np.repeat(clip[:1], 4, axis=0)
    cropped = attacked("crop", 0.5, still)
    assert cropped.shape == (4, 48, 64, 3)
    assert all(np.array_equal(frame, cropped[0]) for frame in cropped)


def test_video_set_has_upstreams_encoders_and_rates() -> None:
    names = {attack.name for attack in ATTACK_SETS["video"]}
    for rate in (23, 30, 40, 50):
        assert {f"h264 {rate}", f"h264rgb {rate}", f"h265 {rate}", f"vp9 {rate}"} <= names
        assert f"h264 {rate} + crop 0.71 + brightness 0.5" in names


def test_encoder_is_refused_when_given_a_picture(clip: Clip) -> None:
    with pytest.raises(UsageError, match="attack h264 30: is for videos"):
        Attack((AttackStep("h264", 30),)).apply(clip[0], np.random.default_rng(0))
    with pytest.raises(UsageError, match=r"attack h264 23: is for videos, but a.png is a picture"):
        _check_kinds([Path("a.png")], EvaluationSettings(find_attacks("video")))
    with pytest.raises(UsageError, match=r"b.mp4: is a video among pictures"):
        _check_kinds([Path("a.png"), Path("b.mp4")], EvaluationSettings(find_attacks("quick")))


def test_first_frames_are_read_when_the_video_is_longer(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    write_video(path, clip)
    read = read_clip(path, frames=4, max_side=64)
    assert read.shape == (4, 48, 64, 3)
    whole = read_clip(path, frames=99, max_side=0)
    assert whole.shape == (6, 96, 128, 3)
    assert np.abs(whole / 255 - clip).mean() < 0.01


def test_frames_are_upright_when_the_camera_was_turned(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "turned.mov"
    write_video(path, clip, codec="libx264", pix_fmt="yuv444p", rotation=90)
    read = read_clip(path, frames=6, max_side=0)
    assert read.shape == (6, 128, 96, 3)
    shown = np.rot90(clip, axes=(1, 2))
    assert np.abs(read / 255 - shown).mean() < 0.04
    assert np.abs(read / 255 - shown[:, ::-1, ::-1]).mean() > 0.08


def test_video_is_refused_when_it_is_none(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    with pytest.raises(VideoError, match=r"text\.mp4: cannot be read as a video"):
        read_clip(path, frames=4, max_side=0)


def write_video(
    path: Path, clip: Clip, *, codec: str = "ffv1", pix_fmt: str = "bgr0", rotation: int = 0
) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = *clip.shape[1:3], pix_fmt
        if rotation:
            stream.set_display_rotation(rotation)
        for frame in clip:
            pixels = np.rint(255 * frame).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())

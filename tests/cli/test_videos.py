"""``edgeseal embed`` and ``edgeseal detect`` on videos."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from cli.commands import Run
from edgeseal._extras import install_command
from pairs import Pair, write_pair


@pytest.fixture(scope="session")
def pair96(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A pair with messages of 96 bits."""
    folder = tmp_path_factory.mktemp("pair")
    return write_pair(folder, bits=96, step_size=4, scaling_i=1.0, scaling_w=0.8)


@pytest.fixture
def movies(tmp_path: Path) -> Path:
    """A folder with a good video of 20 frames and a bad one."""
    folder = tmp_path / "movies"
    folder.mkdir()
    with av.open(str(folder / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for shade in range(20):
            pixels = np.full((48, 64, 3), 100 + shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    (folder / "bad.mp4").write_text("no video")
    return folder


def test_payload_is_found_when_a_video_was_marked(
    run: Run, pair96: Pair, movies: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = [
        "embed",
        movies / "a.mp4",
        "--model",
        pair96.embedder,
        "--text",
        "hello",
        "-o",
        out,
    ]
    done = run(*arguments, "--json", "--crf", 15, "--preset", "veryfast")
    assert done.status == 0, done.err
    embedding = done.json["results"][0]["embedding"]
    assert (embedding["frames"], embedding["key_frames"]) == (20, 5)
    assert embedding["message"] == done.json["message"]
    detect = ["detect", out / "a.mp4", "--model", pair96.detector]
    record = run(*detect, "--json").json
    found = record["results"][0]["detection"]
    assert record["schema_version"] == 1
    assert found["reading"]["payload"] == {"kind": "text", "value": "hello"}
    assert (found["frames"], found["stopped_early"]) == (8, True)
    assert "text hello" in run(*detect).out
    more = ["--all-frames", "--every", 2, "--aggregation", "l1norm_avg", "--raw", "--workers", 2]
    found = run(*detect, *more, "--json").json["results"][0]["detection"]
    assert (found["frames"], found["aggregation"], found["reading"]) == (10, "l1norm_avg", None)
    done = run(*detect, "--expect", embedding["message"])
    assert "96 of 96" in done.out
    assert "8 of 20" in done.out
    assert run(*arguments).status == 2  # exists


def test_bad_videos_are_reported_when_others_are_good(
    run: Run, pair96: Pair, movies: Path, tmp_path: Path
) -> None:
    videos, out = [movies / "a.mp4", movies / "bad.mp4"], tmp_path / "out"
    done = run("embed", *videos, "--model", pair96.embedder, "--id", 1, "-o", out)
    assert done.status == 1
    assert f"Error: {videos[1]}: cannot be read as a video" in done.err
    assert "1 of 2 videos failed" in done.err
    assert [path.name for path in out.iterdir()] == ["a.mp4"]
    assert run("detect", *videos, "--model", pair96.detector, "--json").json["failed"] == 1
    error = run("detect", videos[1], "--model", pair96.detector).refused()
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--codec", "nothing"], "no encoder 'nothing'"),
        (["--crf", 99], "0 to 51"),
        (["--codec", "ffv1", "--preset", "slow"], "ffv1 has none"),
    ],
)
def test_option_is_refused_when_the_encoder_has_none_such(
    options: list[object], message: str, run: Run, pair96: Pair, movies: Path, tmp_path: Path
) -> None:
    arguments = ["embed", movies / "a.mp4", "--model", pair96.embedder, "--id", 1]
    assert message in run(*arguments, "-o", tmp_path / "out", *options).refused()
    assert not (tmp_path / "out").exists()


def test_pictures_and_videos_are_refused_when_given_together(
    run: Run, pair96: Pair, movies: Path, photos: Path
) -> None:
    sources = [movies / "a.mp4", photos / "a.png"]
    error = run("detect", *sources, "--model", pair96.detector).refused()
    assert f"{photos / 'a.png'}: no video" in error
    error = run("detect", photos, "--model", pair96.detector, "--every", 2).refused()
    assert "--every: for videos only" in error
    options = ["--id", 1, "-o", movies / "out", "--crf", 3]
    error = run("embed", photos, "--model", pair96.embedder, *options).refused()
    assert "--crf: for videos only" in error
    movie = movies / "a.mp4"
    error = run("detect", movie, "--model", pair96.detector, "--exact").refused()
    assert "--exact: for pictures only" in error
    options = ["--id", 1, "-o", movies / "out", "--workers", 2]
    error = run("embed", movie, "--model", pair96.embedder, *options).refused()
    assert "--workers: for pictures only" in error


def test_videos_are_found_when_folders_patterns_and_lists_name_them(
    run: Run, pair96: Pair, movies: Path, tmp_path: Path
) -> None:
    (movies / "bad.mp4").unlink()
    (movies / "deep").mkdir()
    shutil.copy(movies / "a.mp4", movies / "deep" / "b.mkv")
    (tmp_path / "list.txt").write_text(f"{movies / 'deep' / 'b.mkv'}\n")
    detect = ["--model", pair96.detector, "--json"]
    for names, expected in {
        (movies,): ["a.mp4", "b.mkv"],
        (movies, "--no-recursive"): ["a.mp4"],
        (movies / "*.mp4", f"@{tmp_path / 'list.txt'}"): ["a.mp4", "b.mkv"],
    }.items():
        results = run("detect", *names, *detect).json["results"]
        assert [Path(result["source"]).name for result in results] == expected
        assert all(result["detection"]["frames"] == 20 for result in results)


def test_pictures_are_meant_when_a_folder_holds_videos_too(
    run: Run, pair96: Pair, movies: Path, photos: Path
) -> None:
    shutil.copy(movies / "a.mp4", photos)
    done = run("detect", photos, "--model", pair96.detector, "--json")
    assert [Path(r["source"]).name for r in done.json["results"]] == ["a.png", "b.jpg", "c.webp"]
    assert f"1 file left out: 1 video, such as {photos / 'a.mp4'}" in done.err


def test_only_the_rest_is_done_when_videos_go_on(
    run: Run, pair96: Pair, movies: Path, tmp_path: Path
) -> None:
    out, lines = tmp_path / "out", tmp_path / "out.jsonl"
    embed = ["embed", movies, "--model", pair96.embedder, "--id", 1, "-o", out, "--jsonl", lines]
    done = run(*embed)
    assert (done.status, done.out) == (1, "")
    assert [json.loads(line)["error"] is None for line in lines.read_text().splitlines()] == [
        True,
        False,
    ]
    shutil.copy(movies / "a.mp4", movies / "bad.mp4")
    stamp = (out / "a.mp4").stat().st_mtime_ns
    done = run(*embed, "--resume")
    assert done.status == 0, done.err
    assert "1 of 2 videos are done already" in done.err
    assert (out / "a.mp4").stat().st_mtime_ns == stamp
    assert "crf None, not 30.0" in run(*embed, "--resume", "--crf", 30).refused()
    lines.unlink()
    detect = ["detect", out, "--model", pair96.detector, "--jsonl", lines]
    assert run(*detect).status == 0
    record = json.loads(lines.read_text().splitlines()[0])
    assert record["detection"]["reading"]["payload"] == {"kind": "id", "value": 1}
    assert "2 of 2 videos are done already" in run(*detect, "--resume").err
    assert len(lines.read_text().splitlines()) == 2


def test_option_is_refused_when_it_is_zero_or_empty(run: Run, pair96: Pair, movies: Path) -> None:
    command = ["detect", movies / "a.mp4", "--model", pair96.detector]
    assert "every: expected 1 or more, got 0" in run(*command, "--every", 0).refused()
    assert "aggregation: expected one of" in run(*command, "--aggregation", "").refused()


NO_AV = """
import sys
sys.modules["av"] = None
from edgeseal._extras import install_command
from edgeseal.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_extra_is_named_when_pyav_is_missing(spawn: Run, pair96: Pair, movies: Path) -> None:
    done = spawn(NO_AV, "detect", movies / "a.mp4", "--model", pair96.detector)
    assert done.status == 2
    assert install_command("video") in done.err
    assert "Traceback" not in done.err


def test_mark_is_read_back_when_a_video_is_verified(
    run: Run, pair96: Pair, movies: Path, tmp_path: Path
) -> None:
    embed = ["embed", movies / "a.mp4", "--model", pair96.embedder, "--verify", pair96.detector]
    done = run(*embed, "--id", 1, "-o", tmp_path / "good")
    assert done.status == 0, done.err
    assert "96 of 96" in done.out
    assert "before encoding" in done.out
    raw = run(*embed, "--message", "0f" * 12, "-o", tmp_path / "raw", "--json")
    assert raw.json["results"][0]["verification"]["is_there"] is True
    lost = run(*embed, "--id", 1, "-o", tmp_path / "lost", "--crf", 51, "--json")
    assert lost.status == 1
    assert lost.json["unread"] == 1
    assert f"{tmp_path / 'lost' / 'a.mp4'}: was written, but the mark is not read" in lost.err

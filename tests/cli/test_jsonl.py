"""Many pictures: lists, JSON lines as results come, workers, and going on after an end."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cli.commands import Run
from cli.test_interrupt import SCRIPT
from patience import HANG_S, wait_until

MESSAGE = "8f01"


def read_lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("workers", [1, 3])
def test_lines_are_written_when_pictures_are_detected(
    run: Run, detector: Path, bad_photos: Path, tmp_path: Path, workers: int
) -> None:
    out = tmp_path / "out.jsonl"
    options = ["--model", detector, "--workers", workers, "--jsonl", out]
    done = run("detect", bad_photos, *options)
    assert (done.status, done.out) == (1, "")
    assert [line for line in done.err.splitlines() if " of 7 " in line] == [
        "4 of 7 pictures failed"
    ]
    lines = read_lines(out)
    whole = run("detect", bad_photos, "--model", detector, "--json").json["results"]
    assert [line["source"] for line in lines] == [result["source"] for result in whole]
    for line, result in zip(lines, whole, strict=True):
        assert line == {
            "schema_version": 1, "command": "detect", "model": str(detector),
            "model_sha256": hashlib.sha256(detector.read_bytes()).hexdigest(),
            "expect": None, "fpr": None, "exact": False, **result
        }  # fmt: skip


def test_lines_go_to_stdout_when_asked_for(run: Run, detector: Path, photos: Path) -> None:
    done = run("detect", photos, "--model", detector, "--jsonl", "-")
    assert done.err.splitlines()[-1] == "3 of 3 pictures read"
    assert [Path(json.loads(line)["source"]).name for line in done.out.splitlines()] == [
        "a.png", "b.jpg", "c.webp"
    ]  # fmt: skip


def test_pictures_come_from_lists_when_named(
    run: Run, detector: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list.txt").write_text(f"{photos / 'b.jpg'}\n{photos / 'a.png'}\n")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{photos / 'c.webp'}\n"))
    names = [f"@{tmp_path / 'list.txt'}", "-", photos / "*.png"]
    record = run("detect", *names, "--model", detector, "--json").json
    found = [Path(result["source"]).name for result in record["results"]]
    assert found == ["b.jpg", "a.png", "c.webp"]


def test_only_the_rest_is_done_when_detection_goes_on(
    run: Run, detector: Path, bad_photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    command = ["detect", bad_photos, "--model", detector, "--jsonl", out]
    assert run(*command).status == 1
    whole = read_lines(out)
    keep = whole[:2]
    text = "".join(json.dumps(line) + "\n" for line in keep)
    out.write_text(text + json.dumps(whole[2])[:30])  # as an interruption leaves it
    error = run(*command).refused()
    assert error.startswith(f"Error: {out}: exists already")
    assert error.endswith("or --resume to go on with it\n")
    (bad_photos / "text.png").unlink()
    Image.new("RGB", (30, 30)).save(bad_photos / "text.png")
    done = run(*command, "--resume")
    assert done.status == 1
    succeeded = sum(line["error"] is None for line in keep)
    assert f"{succeeded} of 7 pictures are done already" in done.err
    lines = read_lines(out)
    assert lines[:2] == keep
    last = {line["source"]: line for line in lines}
    assert len(last) == 7
    assert last[str(bad_photos / "text.png")]["error"] is None
    assert run(*command, "--overwrite").status == 1
    assert len(read_lines(out)) == 7


def test_only_the_rest_is_done_when_embedding_goes_on(
    run: Run, embedder: Path, photos: Path, tmp_path: Path
) -> None:
    out, lines = tmp_path / "marked", tmp_path / "out.jsonl"
    command = ["embed", photos, "--model", embedder, "--message", MESSAGE, "-o", out]
    command += ["--jsonl", lines, "--workers", 2]
    assert run(*command).status == 0
    first = read_lines(lines)
    assert [line["path"] for line in first] == [str(out / n) for n in ("a.png", "b.jpg", "c.webp")]
    (out / "b.jpg").unlink()
    stamp = (out / "a.png").stat().st_mtime_ns
    done = run(*command, "--resume")
    assert done.status == 0
    assert "2 of 3 pictures are done already" in done.err
    assert (out / "a.png").stat().st_mtime_ns == stamp
    assert [Path(line["path"]).name for line in read_lines(lines)[3:]] == ["b.jpg"]


def test_outputs_without_a_record_are_kept_when_embedding_goes_on(
    run: Run, embedder: Path, photos: Path, tmp_path: Path
) -> None:
    out, lines = tmp_path / "marked", tmp_path / "out.jsonl"
    command = ["embed", photos, "--model", embedder, "--message", MESSAGE, "-o", out]
    command += ["--jsonl", lines]
    assert run(*command).status == 0
    text = lines.read_text()
    lines.write_text("".join(text.splitlines(keepends=True)[:1]))  # as a killed run leaves it
    stamp = (out / "b.jpg").stat().st_mtime_ns
    (out / "c.webp").write_text("mine")
    done = run(*command, "--resume")
    assert done.status == 1
    error = f"{out / 'c.webp'}: exists already, without a result of it, and is not what this run"
    assert done.err.count(error) == 1
    assert (out / "c.webp").read_text() == "mine"
    assert (out / "b.jpg").stat().st_mtime_ns == stamp
    assert "".join(lines.read_text().splitlines(keepends=True)[:2]) in text
    assert {path.name for path in out.iterdir()} == {"a.png", "b.jpg", "c.webp"}
    assert run(*command, "--resume", "--overwrite").status == 0
    assert [line for line in read_lines(lines) if line["error"] is None] == [
        json.loads(line) for line in text.splitlines()
    ]


def test_going_on_is_refused_when_the_file_is_of_other_settings(
    run: Run, embedder: Path, detector: Path, photos: Path, tmp_path: Path
) -> None:
    marked, read = tmp_path / "marked.jsonl", tmp_path / "read.jsonl"
    embed = ["embed", photos, "--model", embedder, "--jsonl", marked]
    assert run(*embed, "--message", MESSAGE, "-o", tmp_path / "out").status == 0
    before = marked.read_bytes()
    error = run(*embed, "--message", "ffff", "-o", tmp_path / "out", "--resume").refused()
    assert f"line 1: is of a run with message {MESSAGE}, not ffff" in error
    other = tmp_path / "other"
    assert "with output" in run(*embed, "--message", MESSAGE, "-o", other, "--resume").refused()
    assert not other.exists()
    random = [*embed, "--message", "random", "-o", tmp_path / "out", "--resume"]
    assert "give --seed" in run(*random).refused()
    assert marked.read_bytes() == before
    detect = ["detect", photos, "--model", detector, "--jsonl", read]
    assert run(*detect).status == 0
    assert "expect None, not 8f01" in run(*detect, "--resume", "--expect", MESSAGE).refused()
    assert "exact False, not True" in run(*detect, "--resume", "--exact").refused()
    assert run(*detect, "--resume").status == 0


def test_file_is_left_alone_when_nothing_could_be_done(
    run: Run, detector: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    command = ["detect", photos, "--model", detector, "--jsonl", out]
    refused = run(*command, "--workers", 0)
    assert refused.status == 2
    assert "greater than or equal to 1" in refused.err
    assert not out.exists()
    assert run(*command).status == 0
    before = out.read_bytes()
    assert run(*command, "--overwrite", "--workers", 0).status == 2
    assert out.read_bytes() == before


def test_going_on_is_refused_when_the_file_at_the_path_is_another_model(
    run: Run, converted: Path, detector: Path, photos: Path, tmp_path: Path
) -> None:
    model, lines = tmp_path / "detector.tflite", tmp_path / "out.jsonl"
    shutil.copy(detector, model)
    command = ["detect", photos, "--jsonl", lines, "--model"]
    assert run(*command, model).status == 0
    (tmp_path / "moved.tflite").hardlink_to(model)
    done = run(*command, tmp_path / "moved.tflite", "--resume")
    assert "3 of 3 pictures are done already" in done.err
    model.unlink()
    shutil.copy(converted / "tiny_detector_dynamic-int8.tflite", model)
    error = run(*command, model, "--resume").refused()
    assert f"line 1: is of a run with another model ({model}, by its checksum)" in error


def test_embedding_is_refused_when_it_goes_on_without_a_file(
    run: Run, embedder: Path, photos: Path, tmp_path: Path
) -> None:
    command = ["embed", photos, "--model", embedder, "--message", MESSAGE, "-o", tmp_path / "out"]
    assert "--jsonl FILE" in run(*command, "--resume").refused()


def test_pictures_are_the_same_when_several_workers_mark(
    run: Run, embedder: Path, photos: Path, tmp_path: Path
) -> None:
    command = ["embed", photos, "--model", embedder, "--message", MESSAGE]
    for workers in (1, 3):
        assert run(*command, "-o", tmp_path / str(workers), "--workers", workers).status == 0
    for name in ("a.png", "b.jpg", "c.webp"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "3" / name).read_bytes()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--jsonl", "x", "--json"], "contradict"),
        (["--jsonl", "-", "--resume"], "--jsonl FILE"),
        (["--resume"], "--jsonl FILE"),
    ],
)
def test_options_are_refused_when_they_contradict_each_other(
    run: Run, detector: Path, photos: Path, options: list[str], expected: str
) -> None:
    assert expected in run("detect", photos, "--model", detector, *options).refused()


def test_file_is_kept_when_it_holds_something_else(
    run: Run, detector: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine.txt"
    for text in (
        "precious\n",
        "precious",
        "1",
        '{"schema_version": 1, "command": "embed"}\n',
        '{"schema_version": 1, "command": "embed"}',
        "[]\n",
        "[" * 100_000,
        "9" * 6000 + "\n",
    ):
        out.write_text(text)
        options = ["--model", detector, "--jsonl", out, "--resume"]
        assert "mine.txt, line 1: is no result" in run("detect", photos, *options).refused()
        assert out.read_text() == text


def test_second_run_is_refused_when_one_is_writing_the_file(
    run: Run, detector: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    command = ["detect", photos, "--model", detector, "--jsonl", out]
    assert run(*command).status == 0
    before = out.read_bytes()
    with out.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for option in ("--resume", "--overwrite"):
            done = run(*command, option)
            assert (done.status, done.out) == (2, "")
            assert f"{out}: another run is writing it" in done.err
    assert out.read_bytes() == before
    assert run(*command, "--resume").status == 0


def test_file_is_used_when_a_killed_run_left_it_empty(
    run: Run, detector: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    out.touch()
    assert run("detect", photos, "--model", detector, "--jsonl", out).status == 0
    assert len(read_lines(out)) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_lines_are_whole_when_interrupted(
    detector: Path, many: Path, tmp_path: Path, workers: int, run: Run
) -> None:
    out = tmp_path / "out.jsonl"
    options = ["--model", str(detector), "--jsonl", str(out), "--workers", str(workers)]
    command = [sys.executable, "-c", SCRIPT, "detect", str(many), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_until(
            lambda: (
                (out.exists() and out.read_text().count("\n") >= 5) or process.poll() is not None
            )
        )
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=HANG_S)
    assert process.returncode == 2
    lines = read_lines(out)
    assert len(lines) >= 5
    assert [line["source"] for line in lines] == sorted(line["source"] for line in lines)
    sources = [line["source"] for line in lines]
    for path in [one for one in many.iterdir() if str(one) not in sources][3:]:
        path.unlink()
    assert run("detect", many, *options, "--resume").status in (0, 1)
    resumed = [line["source"] for line in read_lines(out) if line["error"] is None]
    assert len(resumed) == len(set(resumed))
    assert {str(path) for path in many.iterdir()} == {line["source"] for line in read_lines(out)}

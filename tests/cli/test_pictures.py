"""``edgeseal embed`` and ``edgeseal detect``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from cli.commands import BITS, Run

BAD = {"bomb.png", "cut.jpg", "empty.png", "text.png"}
MESSAGE = "8f01"


def test_pictures_keep_size_and_name_when_marked(
    run: Run, embedder: Path, photos: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (60, 40), (90, 120, 150)).save(photos / "d.gif")
    out = tmp_path / "new" / "marked"
    done = run("embed", photos, "--model", embedder, "--message", MESSAGE, "-o", out, "--json")
    assert done.status == 0, done.err
    assert done.err == ""
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.jpg", "c.webp", "d.png"]
    assert done.json["message"] == MESSAGE
    assert done.json["schema_version"] == 1
    first = done.json["results"][0]
    assert first["path"] == str(out / "a.png")
    assert first["embedding"]["psnr_db"] > 25
    with Image.open(out / "a.png") as image:
        assert image.size == (90, 70)


def test_warning_names_the_picture_when_nothing_of_the_mark_is_left(
    run: Run, embedder: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    options = ["--message", MESSAGE, "-o", tmp_path / "out"]
    done = run("embed", tmp_path / "dot.png", "--model", embedder, *options)
    assert done.status == 0
    assert "unchanged" in done.out
    assert f"Warning: {tmp_path / 'out' / 'dot.png'}: came out unchanged" in done.err


def test_message_is_the_same_for_all_when_random(
    run: Run, embedder: Path, photos: Path, tmp_path: Path
) -> None:
    arguments = ["embed", photos, "--model", embedder, "--message", "random", "--json", "--seed"]
    records = [run(*arguments, seed, "-o", tmp_path / str(i)).json for i, seed in enumerate("334")]
    messages = [record["message"] for record in records]
    assert messages[0] == messages[1] != messages[2]
    found = {result["embedding"]["message"] for result in records[0]["results"]}
    assert found == {messages[0]}


def test_message_can_be_expected_when_it_was_printed(
    run: Run, detector: Path, photos: Path
) -> None:
    arguments = ["detect", photos, "--model", detector]
    read = run(*arguments, "--json").json["results"][0]["detection"]
    assert read["p_value"] is None
    assert "confidence" not in read
    record = run(*arguments, "--expect", read["message"], "--json").json
    first = record["results"][0]["detection"]
    assert first["bit_accuracy"] == 1.0
    assert first["p_value"] == pytest.approx(2.0**-BITS)
    done = run(*arguments, "--expect", read["message"])
    assert done.status == 0
    assert "16 of 16" in done.out
    assert "1.5e-05" in done.out
    assert "matching" not in run(*arguments).out


@pytest.mark.parametrize("workers", [1, 4])
def test_bad_pictures_are_reported_and_the_rest_done_when_a_folder_has_some(
    workers: int, run: Run, detector: Path, bad_photos: Path
) -> None:
    done = run("detect", bad_photos, "--model", detector, "--workers", workers)
    assert done.status == 1
    assert all(f"Error: {bad_photos / name}: " in done.err for name in BAD)
    assert done.err.rstrip().endswith("4 of 7 pictures failed")
    assert all(str(bad_photos / name) in done.out for name in ("a.png", "b.jpg", "c.webp"))
    record = run("detect", bad_photos, "--model", detector, "--json").json
    assert record["failed"] == 4
    failed = {Path(r["source"]).name for r in record["results"] if r["error"] is not None}
    assert failed == BAD


def test_results_arrive_when_several_workers_prepare_at_once(
    detector: Path, photos: Path, spawn: Run
) -> None:
    for i in range(40):
        shutil.copy(photos / "a.png", photos / f"z{i}.png")
    script = "import sys; from edgeseal.cli import main; sys.exit(main(sys.argv[1:]))"
    for _ in range(3):
        done = spawn(script, "detect", photos, "--model", detector, "--workers", 4, "--json")
        assert done.status == 0, done.err
        assert len(done.json["results"]) == 43


HELD_BACK = """
import sys, threading, time
from edgeseal._native import native_output_held_back
second_is_in = threading.Event()
def first():
    with native_output_held_back(stdout=True, show_on_failure=False):
        second_is_in.wait(0.3)
def second():
    with native_output_held_back(stdout=True, show_on_failure=False):
        second_is_in.set()
        time.sleep(0.3)
threads = [threading.Thread(target=work) for work in (first, second)]
for thread in threads:
    thread.start()
    time.sleep(0.1)
for thread in threads:
    thread.join()
print("result")
"""


def test_output_comes_back_when_two_threads_held_it_back(spawn: Run) -> None:
    done = spawn(HELD_BACK)
    assert (done.status, done.out) == (0, "result\n")


def test_bad_pictures_leave_nothing_when_marking_goes_on(
    run: Run, embedder: Path, bad_photos: Path, tmp_path: Path
) -> None:
    (bad_photos / "bomb.png").rename(bad_photos / "bomb.tif")
    out = tmp_path / "marked"
    done = run("embed", bad_photos, "--model", embedder, "--message", MESSAGE, "-o", out)
    assert done.status == 1
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.jpg", "c.webp"]
    assert done.err.count("Error: ") == 4


@pytest.mark.parametrize("name", ["text.png", "cut.jpg", "empty.png", "bomb.png", "missing.png"])
def test_status_is_2_when_no_picture_can_be_read(
    name: str, run: Run, detector: Path, embedder: Path, bad_photos: Path, tmp_path: Path
) -> None:
    picture, out = bad_photos / name, tmp_path / "marked"
    for arguments in (
        ["detect", picture, "--model", detector],
        ["embed", picture, "--model", embedder, "--message", MESSAGE, "-o", out],
    ):
        error = run(*arguments).refused()
        assert f"{picture}: " in error
        assert error.count("\n") == 1
        assert not out.exists()


def test_folder_is_named_when_it_has_no_pictures(run: Run, detector: Path, tmp_path: Path) -> None:
    error = run("detect", tmp_path, "--model", detector).refused()
    assert f"{tmp_path}: no pictures" in error


def test_part_is_refused_when_it_is_the_other_one(
    run: Run, detector: Path, embedder: Path, photos: Path, tmp_path: Path
) -> None:
    options = ["--message", "random", "-o", tmp_path / "out"]
    error = run("embed", photos, "--model", detector, *options).refused()
    assert "holds the detector of tiny, expected an embedder" in error
    assert not (tmp_path / "out").exists()
    error = run("detect", photos, "--model", embedder).refused()
    assert "holds the embedder of tiny, expected a detector" in error


def test_model_is_refused_when_it_is_not_described(run: Run, foreign: Path, photos: Path) -> None:
    error = run("detect", photos, "--model", foreign).refused()
    assert "was not written by edgeseal" in error


@pytest.mark.parametrize("message", ["8f0", "8f011", "", "xyz1"])
def test_message_is_refused_when_it_does_not_fit(
    message: str, run: Run, detector: Path, embedder: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    embed = ["embed", photos, "--model", embedder, "--message", message, "-o", out]
    for arguments in (embed, ["detect", photos, "--model", detector, "--expect", message]):
        error = run(*arguments).refused()
        assert "4 hexadecimal digits (16 bits)" in error
    assert not out.exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--message", MESSAGE, "--seed", 1],
        ["--message", "random", "--seed", -1],
    ],
)
def test_seed_is_refused_when_it_cannot_be_used(
    options: list[object], run: Run, embedder: Path, photos: Path, tmp_path: Path
) -> None:
    arguments = ["embed", photos, "--model", embedder, *options, "-o", tmp_path / "out"]
    assert "seed" in run(*arguments).refused()


@pytest.mark.parametrize("option", ["--workers", "--threads"])
def test_number_is_refused_when_it_is_below_1(
    option: str, run: Run, detector: Path, photos: Path
) -> None:
    done = run("detect", photos, "--model", detector, option, 0)
    assert (done.status, done.out) == (2, "")
    assert f"Invalid value for '{option}'" in done.err


def test_outputs_are_kept_when_overwriting_was_not_allowed(
    run: Run, embedder: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in ("a.png", "c.webp"):
        (out / name).write_text("precious")
    arguments = ["embed", photos, "--model", embedder, "--message", MESSAGE, "-o", out]
    error = run(*arguments).refused()
    assert error.count("exists already") == 2
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "c.webp"]
    assert (out / "a.png").read_text() == "precious"
    assert run(*arguments, "--overwrite").status == 0
    assert (out / "a.png").read_bytes().startswith(b"\x89PNG")


def test_inputs_are_kept_when_the_output_folder_is_theirs(
    run: Run, embedder: Path, photos: Path
) -> None:
    before = (photos / "a.png").read_bytes()
    options = ["--message", MESSAGE, "-o", photos, "--overwrite"]
    error = run("embed", photos, "--model", embedder, *options).refused()
    assert error.count("is an input itself") == 3
    assert (photos / "a.png").read_bytes() == before


def test_outputs_are_refused_when_two_would_have_one_name(
    run: Run, embedder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in ("a.gif", "a.png", "a.gif.png"):
        Image.new("RGB", (8, 8)).save(other / name)
    options = ["--message", MESSAGE, "-o", tmp_path / "out"]
    error = run("embed", other, "--model", embedder, *options).refused()
    sources = f"{other / 'a.gif'} and for {other / 'a.gif.png'}"
    assert f"a.gif.png: would be written for {sources}" in error


def test_output_is_refused_when_a_file_is_in_its_way(
    run: Run, embedder: Path, photos: Path
) -> None:
    options = ["--message", MESSAGE, "-o", photos / "a.png"]
    assert "is no folder" in run("embed", photos / "b.jpg", "--model", embedder, *options).refused()


def test_names_are_printed_as_they_are_when_they_look_like_markup(
    run: Run, detector: Path, photos: Path
) -> None:
    odd = photos / ("[red]" + 40 * "long " + "[bold].png")
    (photos / "a.png").rename(odd)
    assert str(odd) in run("detect", odd, "--model", detector).out


def test_options_are_named_when_one_picture_of_many_is_in_the_way(
    run: Run, embedder: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = ["embed", photos, "--model", embedder, "--message", MESSAGE, "-o", out]
    assert run(*arguments).status == 0
    error = run(*arguments).refused()
    assert error.count("exists already; use --overwrite to replace it") == 3

"""``edgeseal evaluate``: reports, resuming, regressions, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from cli.commands import BITS, SIZE, Done, Run
from cli.test_interrupt import SCRIPT
from edgeseal._extras import install_command
from edgeseal.data import photo_paths
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.watermark.evaluate import (
    EvaluationPlan,
    EvaluationSettings,
    PictureRecord,
    State,
    evaluate_pictures,
    find_attacks,
    make_plan,
)
from edgeseal.watermark.runtime import attach_info, read_info
from patience import HANG_S, wait_until

FAST = ("--no-time", "--no-layers", "--workers", "1")


@pytest.fixture
def plan(detector: Path, embedder: Path, photos: Path) -> EvaluationPlan:
    integer = detector.with_name("tiny_detector_dynamic-int8.tflite")
    pictures = sorted(photos.iterdir())
    return make_plan(
        [detector, integer], embedder, pictures, EvaluationSettings(find_attacks("quick"))
    )


def evaluated(run: Run, models: Path, photos: Path, output: Path, *more: object) -> Done:
    return run("evaluate", models, "--images", photos, "-o", output, *FAST, *more)


def content(output: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((output / "report.json").read_text())
    return record


def test_report_is_written_when_given_a_folder_of_models(
    run: Run, converted: Path, photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    done = run("evaluate", converted, "--images", photos, "-o", output, "--workers", "1", "--json")
    assert done.status == 0, done.err
    assert sorted(path.name for path in output.iterdir()) == ["report.html", "report.json"]
    report = content(output)
    assert [model["recipe"] for model in report["models"]] == ["dynamic-int8", "float32"]
    assert report["reference"] == "tiny_detector_float32"
    assert next(speed["ratio"] for speed in report["speeds"]) == 1
    assert report["layers"][0]["modules"]
    assert len(report["records"]) == 3
    printed = done.json
    assert printed["command"] == "evaluate"
    assert printed["results"] == report["results"]


def test_figures_follow_from_what_was_read_when_recomputed(
    run: Run, converted: Path, photos: Path, tmp_path: Path
) -> None:
    assert evaluated(run, converted, photos, tmp_path / "out").status == 0
    report = content(tmp_path / "out")
    for result in report["results"]:
        counts = np.array([record["matching"][result["model"]] for record in report["records"]])
        assert result["overall"]["bit_accuracy"]["value"] == pytest.approx(counts.mean() / BITS)
        for index, attack in enumerate(result["attacks"]):
            assert attack["attack"] == report["attack_names"][index]
            share = (counts[:, index] == BITS).mean()
            assert attack["word_accuracy"]["value"] == pytest.approx(share)
    first, second = report["results"]
    difference = next(one for one in report["differences"] if one["attack"] == "all")
    assert difference["points"]["value"] == pytest.approx(
        100
        * (first["overall"]["bit_accuracy"]["value"] - second["overall"]["bit_accuracy"]["value"])
    )


def test_result_is_the_same_when_the_workers_are_more(plan: EvaluationPlan) -> None:
    alone, together = (evaluate_pictures(plan, workers=workers) for workers in (1, 2))
    assert alone == together


def test_result_is_the_same_when_interrupted_and_continued(
    plan: EvaluationPlan, tmp_path: Path
) -> None:
    state = State(tmp_path, plan.fingerprint())

    def interrupt(_: PictureRecord) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_pictures(plan, workers=1, state=state, advance=interrupt)
    continued = evaluate_pictures(plan, workers=1, state=state)
    assert continued.resumed == 1
    assert continued.records == evaluate_pictures(plan, workers=1).records


def test_pictures_have_their_names_of_now_when_they_were_renamed_meanwhile(
    plan: EvaluationPlan, tmp_path: Path
) -> None:
    state = State(tmp_path / "state", plan.fingerprint())
    first = evaluate_pictures(plan, workers=1, state=state)
    path = shutil.copy(plan.pictures[0], tmp_path / f"renamed{plan.pictures[0].suffix}")
    renamed = dataclasses.replace(plan, pictures=(Path(path),), unmarked=())
    again = evaluate_pictures(renamed, workers=1, state=state)
    assert again.resumed == 1
    assert again.records == (dataclasses.replace(first.records[0], name=Path(path).name),)


def test_state_is_not_used_when_it_is_damaged_or_of_another_plan(
    plan: EvaluationPlan, tmp_path: Path
) -> None:
    state = State(tmp_path, plan.fingerprint())
    first = evaluate_pictures(plan, workers=1, state=state)
    for path in tmp_path.rglob("*.json"):
        path.write_text(path.read_text()[:40])
    assert evaluate_pictures(plan, workers=1, state=state) == first
    assert evaluate_pictures(plan, workers=1, state=State(tmp_path, "other")).resumed == 0


def test_nothing_else_is_removed_when_a_report_is_done(
    plan: EvaluationPlan, tmp_path: Path
) -> None:
    state = State(tmp_path, plan.fingerprint())
    evaluate_pictures(plan, workers=1, state=state)
    root = tmp_path / ".evaluation"
    [folder] = root.iterdir()
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (root / ("0" * 16)).symlink_to(other)
    (folder / "mine.json").write_text("precious")
    results = sorted(path.name for path in other.iterdir())
    assert results
    state.remove()
    assert [path.name for path in folder.iterdir()] == ["mine.json"]
    assert sorted(path.name for path in other.iterdir()) == results
    (folder / "mine.json").unlink()
    (root / ("0" * 16)).unlink()
    evaluate_pictures(plan, workers=1, state=state)
    state.remove()
    assert not root.exists()


def test_command_goes_on_when_it_was_interrupted(
    converted: Path, photos: Path, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (160, 240, 3)).astype(np.uint8)
    for index in range(6):
        Image.fromarray(pixels + np.uint8(index)).save(photos / f"large{index}.png")
    arguments = [
        "evaluate",
        converted,
        "--images",
        photos,
        "-o",
        tmp_path / "out",
        "--workers",
        "2",
    ]
    arguments += ["--no-time", "--no-layers", "--attacks", "full"]
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(
        lambda: list((tmp_path / "out").rglob("*.marked.json")) or process.poll() is not None
    )
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=HANG_S)
    assert (process.returncode, out, err) == (2, "", "interrupted\n")
    assert not (tmp_path / "out" / "report.html").exists()
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 0, done.stderr
    assert "of an interrupted run" in done.stderr
    assert not (tmp_path / "out" / ".evaluation").exists()


def test_bad_pictures_are_counted_when_others_are_good(
    run: Run, converted: Path, bad_photos: Path, tmp_path: Path
) -> None:
    done = evaluated(run, converted, bad_photos, tmp_path / "out")
    assert done.status == 1
    assert "4 of 7 pictures failed" in done.err
    records = content(tmp_path / "out")["records"]
    assert sum(bool(record["error"]) for record in records) == 4
    page = (tmp_path / "out" / "report.html").read_text()
    assert "4 of 7 pictures could not be" in page
    assert "text.png: not a picture" in page


def test_pictures_of_any_size_are_evaluated_when_mixed(
    run: Run, converted: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    rng = np.random.default_rng(2)
    for height, width in ((1, 1), (1, 40), (9, 5), (300, 20)):
        pixels = rng.integers(0, 255, (height, width, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{height}x{width}.png")
    Image.fromarray(pixels[..., 0]).save(folder / "grey.png")
    more = "--attacks", "full", "--max-side", "128"
    done = evaluated(run, converted, folder, tmp_path / "out", *more)
    assert done.status == 0, done.err
    records = {record["name"]: record for record in content(tmp_path / "out")["records"]}
    assert (records["300x20.png"]["height"], records["300x20.png"]["width"]) == (128, 9)
    assert records["1x1.png"]["ssim"] is None
    assert len(records) == 5


def test_a_picture_counts_once_when_it_is_there_twice(
    run: Run, converted: Path, photos: Path, tmp_path: Path
) -> None:
    shutil.copy(photos / "a.png", photos / "copy.png")
    done = evaluated(run, converted, photos, tmp_path / "out")
    assert done.status == 0
    assert "copy.png: the same picture as a.png, counted once" in done.err
    assert len(content(tmp_path / "out")["records"]) == 3


def test_threshold_is_calibrated_when_unmarked_pictures_suffice(
    run: Run, converted: Path, photos: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    rng = np.random.default_rng(3)
    for index in range(16):
        noise = rng.integers(0, 255, (24, 24, 3)).astype(np.uint8)
        Image.fromarray(noise).save(more / f"{index}.png")
    options = "--unmarked", more, "--fpr", "0.05", "--fpr", "0.01"
    done = evaluated(run, converted, photos, tmp_path / "out", *options)
    assert done.status == 0
    assert "False-positive rate 0.05" not in done.err  # 19 pictures set it
    assert (
        "False-positive rate 0.01: 19 unmarked pictures cannot set its threshold, which" in done.err
    )
    rates = content(tmp_path / "out")["results"][0]["rates"]
    assert [rate["threshold"]["is_calibrated"] for rate in rates] == [True, False]
    assert rates[0]["measured"]["value"] == 0


def test_checkpoint_reads_what_its_conversion_reads_when_evaluated_beside_it(
    run: Run, known_tiny: None, converted: Path, photos: Path, tmp_path: Path
) -> None:
    checkpoint = converted.parents[1] / "tiny.pth"
    if "odd" in checkpoint.read_bytes().decode("latin1"):  # without the stray tensor
        import torch

        state = torch.load(checkpoint, weights_only=True)
        del state["model"]["odd"]
        checkpoint = tmp_path / "plain.pth"
        torch.save(state, checkpoint)
    detector = converted / "tiny_detector_float32.tflite"
    embedder = converted / "tiny_embedder_float32.tflite"
    done = run(
        "evaluate", detector, checkpoint, "--embedder", embedder, "--card", "tiny",
        "--images", photos, "-o", tmp_path / "out", *FAST,
    )  # fmt: skip
    assert done.status == 0, done.err
    for record in content(tmp_path / "out")["records"]:
        litert, pytorch = (np.array(counts) for counts in record["matching"].values())
        assert np.abs(litert - pytorch).max() <= 1


def test_other_engines_read_what_litert_reads_when_evaluated_beside_it(
    run: Run, known_tiny: None, converted: Path, photos: Path, tmp_path: Path
) -> None:
    import openvino
    import torch

    from edgeseal.watermark import cards
    from edgeseal.watermark.models import read_checkpoint

    card = cards.load_card("tiny")
    checkpoint = read_checkpoint(str(converted.parents[1] / "tiny.pth"), card)
    module = checkpoint.load(card, cards.Part.DETECTOR, allow_unexpected=True).module
    sample = torch.rand(1, 3, SIZE, SIZE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's exporter and tracer
        torch.onnx.export(module, (sample,), tmp_path / "d.onnx", dynamo=True, verbose=False)
        ir = openvino.convert_model(module, example_input=sample, input=[(1, 3, SIZE, SIZE)])
        openvino.save_model(ir, tmp_path / "d.xml", compress_to_fp16=False)
    done = run(
        "evaluate", converted / "tiny_detector_float32.tflite", tmp_path / "d.onnx",
        tmp_path / "d.xml", "--embedder", converted / "tiny_embedder_float32.tflite",
        "--card", "tiny", "--images", photos, "-o", tmp_path / "out", *FAST,
    )  # fmt: skip
    assert done.status == 0, done.err
    report = content(tmp_path / "out")
    assert [model["engine"] for model in report["models"]] == ["LiteRT", "ONNX Runtime", "OpenVINO"]
    for record in report["records"]:
        litert, *others = (np.array(counts) for counts in record["matching"].values())
        assert all(np.abs(litert - other).max() <= 1 for other in others)


def test_other_engines_files_are_refused_when_they_do_not_fit(
    run: Run, known_tiny: None, converted: Path, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    (tmp_path / "bad.xml").write_text("no model")
    embedder = converted / "tiny_embedder_float32.tflite"
    for name, options, message in (
        ("bad.onnx", (), "does not say its card; give --card CARD"),
        ("bad.onnx", ("--card", "tiny"), "bad.onnx: cannot be loaded"),
        ("bad.xml", ("--card", "tiny"), "bad.xml: cannot be loaded"),
        ("none.onnx", ("--card", "tiny"), "none.onnx: cannot be read"),
        ("model.pb", (), "no engine for files of this ending"),
    ):
        arguments = tmp_path / name, "--embedder", embedder, "--images", photos, *options
        done = run("evaluate", *arguments, "-o", tmp_path / "out", *FAST)
        assert message in done.refused(), name


def test_models_are_refused_when_cards_or_bits_differ(
    run: Run, detector: Path, embedder: Path, photos: Path, tmp_path: Path
) -> None:
    model = read_model(detector)
    info = read_info(model)
    attach_info(
        model, type(info)(**{f: getattr(info, f) for f in info.__slots__} | {"card": "big"})
    )
    other = tmp_path / "other.tflite"
    write_model(model, other)
    arguments = detector, other, "--embedder", embedder, "--images", photos
    error = run("evaluate", *arguments, "-o", tmp_path / "out").refused()
    assert f"{other}: reads {BITS} bits of big, but the embedder" in error
    assert f"writes {BITS} bits of tiny" in error


def test_embedder_marks_when_it_is_named_among_the_models(
    run: Run, detector: Path, embedder: Path, photos: Path, tmp_path: Path
) -> None:
    done = run("evaluate", embedder, detector, "--images", photos, "-o", tmp_path / "out", *FAST)
    assert done.status == 0, done.err
    report = content(tmp_path / "out")
    assert report["embedder"]["path"] == str(embedder)
    assert [model["path"] for model in report["models"]] == [str(detector)]
    error = run("evaluate", embedder, "--images", photos, "-o", tmp_path / "x", *FAST).refused()
    assert "no detector" in error


def test_refusal_is_plain_when_arguments_are_wrong(
    run: Run, converted: Path, detector: Path, photos: Path, tmp_path: Path
) -> None:
    empty, output = tmp_path / "empty", tmp_path / "out"
    empty.mkdir()
    assert "no pictures in there" in evaluated(run, converted, empty, output).refused()
    assert "no detector made by edgeseal" in evaluated(run, empty, photos, output).refused()
    assert "give --embedder" in evaluated(run, detector, photos, output).refused()
    done = evaluated(run, converted, photos, output, "--seed", "-1")
    assert done.status == 2
    assert "Invalid value for '--seed'" in done.err
    done = evaluated(run, converted, photos, output, "--workers", "0")
    assert done.status == 2
    assert "Invalid value for '--workers'" in done.err
    for options, message in {
        ("--attacks", "none"): "no such set; choose quick, full",
        ("--fpr", "2"): "false-positive rate: expected more than 0 and less than 1, got 2",
        ("--max-side", "3"): "longest side: expected 16 or more",
        ("--message", "zz"): "is no hexadecimal digit",
        ("--max-drop", "-1"): "--max-drop: expected 0 or more, got -1",
        ("--baseline", empty): "is a folder; give a file",
    }.items():
        done = run("evaluate", converted, "--images", photos, "-o", output, *options)
        assert message in done.refused()
    assert not output.exists()


def test_all_problems_are_listed_when_an_attack_file_is_wrong(
    run: Run, converted: Path, photos: Path, tmp_path: Path
) -> None:
    path = tmp_path / "attacks.json"
    attacks = [{"family": "melt"}, {"family": "jpeg", "strength": 400}, {"family": "flip"}]
    path.write_text(json.dumps({"schema_version": 1, "attacks": attacks}))
    error = evaluated(run, converted, photos, tmp_path / "out", "--attacks", path).refused()
    assert "attack 1: attack 'melt': no such family; choose among identity, flip" in error
    assert "attack 2: attack jpeg: expected a strength (quality) of 1 to 100" in error


def test_own_attacks_are_used_when_given_a_file(
    run: Run, converted: Path, photos: Path, tmp_path: Path
) -> None:
    path = tmp_path / "attacks.json"
    attacks = [
        {"family": "jpeg", "strengths": [30, 20]},
        [{"family": "jpeg", "strength": 50}, {"family": "flip"}],
    ]
    path.write_text(json.dumps({"schema_version": 1, "attacks": attacks}))
    assert evaluated(run, converted, photos, tmp_path / "out", "--attacks", path).status == 0
    assert content(tmp_path / "out")["attack_names"] == ["jpeg 30", "jpeg 20", "jpeg 50 + flip"]


def test_report_is_kept_when_overwriting_was_not_asked_for(
    run: Run, converted: Path, photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    assert evaluated(run, converted, photos, output).status == 0
    before = (output / "report.json").read_bytes()
    assert "--overwrite" in evaluated(run, converted, photos, output).refused()
    assert (output / "report.json").read_bytes() == before
    assert evaluated(run, converted, photos, output, "--overwrite").status == 0


def test_extra_is_named_when_it_is_missing(photos: Path, tmp_path: Path, spawn: Run) -> None:
    script = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "skimage" else find(name, *rest)
from edgeseal.cli import main
sys.exit(main(sys.argv[1:]))
"""
    done = spawn(script, "evaluate", "--images", photos, "-o", tmp_path / "out")
    assert done.status == 2
    assert install_command("evaluate") in done.err
    assert done.err.count("\n") == 1


def test_videos_are_evaluated_when_the_attacks_are_for_videos(
    run: Run, converted: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    rng = np.random.default_rng(4)
    clip = rng.integers(60, 190, (6, 1, 64, 96, 3)).repeat(2, axis=1).reshape(12, 64, 96, 3)
    with av.open(str(folder / "noise.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for pixels in clip.astype(np.uint8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    (folder / "text.mp4").write_text("no video")
    options = "--attacks", "video", "--frames", "5"
    done = evaluated(run, converted, folder, tmp_path / "out", *options)
    assert done.status == 1
    assert "text.mp4: cannot be read as a video" in done.err
    record = content(tmp_path / "out")["records"][0]
    assert (record["frames"], record["height"], record["width"]) == (5, 64, 96)
    assert all(len(counts) == len(find_attacks("video")) for counts in record["matching"].values())
    assert 20 < record["psnr_db"] < 60


@pytest.mark.slow
def test_bundled_pair_is_evaluated_when_no_model_is_named(tmp_path: Path) -> None:
    output = tmp_path / "out"
    images = [text for path in photo_paths()[:2] for text in ("--images", path)]
    command = [sys.executable, "-m", "edgeseal", "evaluate", *images, "-o", output, *FAST]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 0, done.stderr
    assert [model["card"] for model in content(output)["models"]] == ["reference", "reference"]
    assert (output / "models" / "reference_embedder_float32.tflite").is_file()
    clean = [result["attacks"][0]["bit_accuracy"]["value"] for result in content(output)["results"]]
    assert min(clean) > 0.97


def test_bits_are_those_of_the_processor_when_it_is_the_device(
    run: Run, converted: Path, photos: Path, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    assert evaluated(run, converted, photos, here).status == 0
    done = run("evaluate", converted, "--images", photos, "-o", there, "--on", "cpu")
    assert done.status == 0, done.err
    assert content(there)["records"] == content(here)["records"]
    assert {model["engine"] for model in content(there)["models"]} == {"LiteRT on cpu"}
    assert content(there)["speeds"] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [(("--on", "qualcomm:SM1"), "SM8650"), (("--on", "cpu", "--workers", "2"), "one process")],
)
def test_nothing_is_written_when_a_device_cannot_be_asked(
    options: tuple[str, ...], words: str, run: Run, converted: Path, photos: Path, tmp_path: Path
) -> None:
    done = run("evaluate", converted, "--images", photos, "-o", tmp_path / "out", *options)
    assert done.status == 2
    assert words in done.err
    assert not (tmp_path / "out").exists()


def test_results_of_a_device_are_not_taken_for_those_of_another(plan: EvaluationPlan) -> None:
    there = dataclasses.replace(plan.settings, device="gpu")
    assert dataclasses.replace(plan, settings=there).fingerprint() != plan.fingerprint()

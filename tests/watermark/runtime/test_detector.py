"""Detection from files, pictures and folders."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgeseal.errors import FileError, ModelError, RuntimeRefusalError, UsageError
from edgeseal.pictures import resize
from edgeseal.tflite.graph import (
    Buffer,
    Quantization,
    Tensor,
    new_operator,
    read_model,
    write_model,
)
from edgeseal.watermark.runtime import (
    DetectionOutcome,
    LiteRTDetector,
    Message,
    attach_info,
    load_detector,
    load_embedder,
    read_info,
)

BITS, SIZE = 24, 32


@pytest.fixture(scope="module")
def detector(pair: Any) -> LiteRTDetector:
    return load_detector(pair.detector)


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    """Return pictures of many sizes: uint8 [H, W, 3]."""
    random = np.random.default_rng(5)
    sizes = random.integers(8, 120, (24, 2))
    return [random.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in sizes]


def test_logits_equal_the_oracle_when_run(
    detector: LiteRTDetector, pair: Any, photo: NDArray[np.uint8]
) -> None:
    small = resize(photo.astype(np.float32) / np.float32(255), SIZE, SIZE)
    expected = pair.carriers.astype(np.float64) @ small.reshape(-1)
    found = detector.detect(photo)
    np.testing.assert_allclose(found.logits, expected, rtol=0, atol=1e-3)
    assert found.bits == tuple((expected > 0).astype(int))
    assert found.logits.dtype == np.float32
    assert not found.logits.flags.writeable


def test_message_is_read_when_it_was_embedded(
    detector: LiteRTDetector, pair: Any, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    message = Message.random(BITS, seed=4)
    marked = load_embedder(pair.embedder).embed(photo, message)
    marked.save(tmp_path / "marked.png")
    found = detector.detect(tmp_path / "marked.png", expect=message)
    assert found.hex == message.hex
    assert found.matching_bits == BITS
    assert found.bit_accuracy == 1.0
    assert found.p_value == 2.0**-BITS
    assert found.log10_p_value == pytest.approx(-BITS * np.log10(2))


def test_result_says_nothing_of_a_match_when_nothing_is_expected(
    detector: LiteRTDetector, photo: NDArray[np.uint8]
) -> None:
    found = detector.detect(photo)
    assert found.expected is None
    assert found.matching_bits is found.bit_accuracy is found.p_value is found.log10_p_value is None
    record = json.loads(json.dumps(found.to_json()))
    assert record["message"] == found.hex
    assert record["p_value"] is None


def test_output_0_is_never_offered_when_detecting(
    detector: LiteRTDetector, photo: NDArray[np.uint8]
) -> None:
    found = detector.detect(photo)  # output 0 of this model is 9 for every picture
    assert found.logits.shape == (BITS,)
    assert 9.0 not in found.logits
    assert "confidence" not in found.to_json()


def test_expected_message_is_understood_when_given_as_text_or_bits(
    detector: LiteRTDetector, photo: NDArray[np.uint8]
) -> None:
    found = detector.detect(photo)
    for expect in (found.hex, list(found.bits), found.message, np.array(found.bits)):
        assert detector.detect(photo, expect).bit_accuracy == 1.0
    flipped = Message(tuple(1 - bit for bit in found.bits))
    assert detector.detect(photo, flipped).matching_bits == 0
    assert detector.detect(photo, flipped).p_value == 1.0


def test_alpha_is_ignored_when_detecting(
    detector: LiteRTDetector, photo: NDArray[np.uint8]
) -> None:
    alpha = np.full((*photo.shape[:2], 1), 3, np.uint8)
    with_alpha = detector.detect(np.concatenate([photo, alpha], 2))
    np.testing.assert_array_equal(with_alpha.logits, detector.detect(photo).logits)


# --- many -----------------------------------------------------------------------------------------


def logits_of(outcomes: Iterator[DetectionOutcome]) -> NDArray[np.float32]:
    return np.stack([o.detection.logits for o in outcomes if o.detection is not None])


@pytest.mark.parametrize("workers", [1, 2, 5, 40])
def test_order_and_results_are_kept_when_workers_share_the_work(
    detector: LiteRTDetector, pictures: list[NDArray[np.uint8]], workers: int
) -> None:
    expected = np.stack([detector.detect(picture).logits for picture in pictures])
    outcomes = list(detector.detect_many(pictures, workers=workers))
    assert [outcome.index for outcome in outcomes] == list(range(len(pictures)))
    np.testing.assert_array_equal(logits_of(iter(outcomes)), expected)


def test_several_workers_share_the_work_when_nobody_says(
    pair: Any, pictures: list[NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    detector = load_detector(pair.detector)
    threads: set[str] = set()
    logits = detector.logits

    def noted(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        threads.add(threading.current_thread().name)
        return logits(batch)

    monkeypatch.setattr(detector, "logits", noted)
    found = logits_of(detector.detect_many(8 * pictures))
    assert detector.workers == 3
    assert 1 < len(threads) <= 3
    alone = logits_of(detector.detect_many(8 * pictures, workers=1))
    assert threading.current_thread().name in threads
    np.testing.assert_array_equal(found, alone)


def test_results_are_equal_when_more_threads_run_one_picture(
    pair: Any, detector: LiteRTDetector, photo: NDArray[np.uint8]
) -> None:
    threaded = load_detector(pair.detector, threads=2)
    np.testing.assert_allclose(
        threaded.detect(photo).logits, detector.detect(photo).logits, rtol=0, atol=1e-4
    )


def test_results_are_right_when_one_detector_serves_many_threads(
    detector: LiteRTDetector, pictures: list[NDArray[np.uint8]]
) -> None:
    expected = np.stack([detector.detect(picture).logits for picture in pictures])
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            found = np.stack([d.logits for d in pool.map(detector.detect, pictures)])
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("workers", [1, 3])
def test_work_goes_on_when_some_pictures_are_bad(
    detector: LiteRTDetector, write_photo: Callable[..., Path], tmp_path: Path, workers: int
) -> None:
    good = write_photo("good.png")
    text = tmp_path / "text.png"
    text.write_text("no picture")
    images: list[Any] = [
        good,
        text,
        tmp_path / "missing.png",
        tmp_path,
        np.zeros((2, 2, 7)),
        str(good),
    ]
    outcomes = list(detector.detect_many(images, workers=workers))
    assert [outcome.error is None for outcome in outcomes] == [True, *[False] * 4, True]
    assert [outcome.detection is None for outcome in outcomes] == [False, *[True] * 4, False]
    assert [outcome.source for outcome in outcomes] == [
        good, text, tmp_path / "missing.png", tmp_path, None, good,
    ]  # fmt: skip
    assert all(isinstance(outcome.error, FileError) for outcome in outcomes[1:5])
    record = json.loads(json.dumps([outcome.to_json() for outcome in outcomes]))
    assert "text.png" in record[1]["error"]
    assert record[0]["detection"]["message"] == outcomes[0].detection.hex  # type: ignore[union-attr]


def test_source_is_known_when_a_pil_image_was_read_from_a_file(
    detector: LiteRTDetector, write_photo: Callable[..., Path]
) -> None:
    path = write_photo("photo.png")
    with Image.open(path) as image:
        outcomes = list(detector.detect_many([image, Image.new("L", (3, 3))]))
    assert [outcome.source for outcome in outcomes] == [path, None]


@pytest.mark.parametrize("workers", [1, 3])
def test_look_ahead_is_bounded_when_pictures_never_end(
    detector: LiteRTDetector, photo: NDArray[np.uint8], workers: int
) -> None:
    taken = 0

    def endless() -> Iterator[NDArray[np.uint8]]:
        nonlocal taken
        while True:
            taken += 1
            yield photo

    outcomes = detector.detect_many(endless(), workers=workers)
    for _ in range(10):
        next(outcomes)
    assert 10 <= taken <= 10 + 2 * workers
    if workers > 1:
        outcomes.close()  # type: ignore[attr-defined]
    names = [thread.name for thread in threading.enumerate()]
    assert not any(name.startswith("edgeseal-detect") for name in names)


def test_error_comes_out_when_the_callers_own_iterator_fails(detector: LiteRTDetector) -> None:
    def broken() -> Iterator[NDArray[np.uint8]]:
        yield np.zeros((4, 4), np.uint8)
        raise KeyError("the caller's own")

    with pytest.raises(KeyError, match="own"):
        list(detector.detect_many(broken(), workers=2))


def test_nothing_comes_out_when_there_are_no_pictures(detector: LiteRTDetector) -> None:
    assert list(detector.detect_many([])) == []
    assert list(detector.detect_many([], workers=3)) == []


def test_arguments_are_refused_at_once_when_wrong(detector: LiteRTDetector) -> None:
    with pytest.raises(UsageError, match="workers"):
        detector.detect_many([], workers=0)
    with pytest.raises(UsageError, match="6 hexadecimal digits"):
        detector.detect_many([], expect="abc")


# --- batches --------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("count", [0, 1, 4, 6])
def test_any_number_runs_when_the_file_has_a_batch_size(
    write_detector: Callable[..., Path], pair: Any, batch: int, count: int
) -> None:
    detector = load_detector(write_detector(batch=batch))
    images = np.random.default_rng(0).random((count, SIZE, SIZE, 3), dtype=np.float32)
    logits = detector.logits(images)
    assert logits.shape == (count, BITS)
    np.testing.assert_allclose(
        logits, images.reshape(count, SIZE * SIZE * 3) @ pair.carriers.T, rtol=0, atol=1e-3
    )


@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((1, SIZE, SIZE, 3)),
        np.zeros((SIZE, SIZE, 3), np.float32),
        np.zeros((1, 3, SIZE, SIZE), np.float32),
    ],
)
def test_batch_is_refused_when_it_does_not_fit(
    detector: LiteRTDetector, batch: NDArray[Any]
) -> None:
    with pytest.raises(UsageError, match=r"expected float32 \[N, 32, 32, 3\]"):
        detector.logits(batch)


# --- files ----------------------------------------------------------------------------------------


def test_runtimes_own_words_are_shown_when_it_refuses_the_model(refused: Path) -> None:
    with pytest.raises(RuntimeRefusalError) as caught:
        load_detector(refused)
    text = str(caught.value)
    assert text.startswith(str(refused))
    assert "\n" not in text
    for words in ("BATCH_MATMUL", "failed to prepare", "edgeseal inspect", "edgeseal quantize"):
        assert words in text


def test_runtimes_own_words_are_shown_when_it_fails_while_running(failing: Path) -> None:
    detector = load_detector(failing)
    with pytest.raises(RuntimeRefusalError, match=r"failing\.tflite: LiteRT cannot run.*GATHER"):
        detector.detect(np.zeros((4, 4), np.uint8))
    with pytest.raises(RuntimeRefusalError):  # the model's fault, not the picture's: no outcome
        list(detector.detect_many([np.zeros((4, 4), np.uint8)]))


@pytest.mark.parametrize("scale", [0.0, -0.1, np.inf])
def test_tensor_is_named_when_its_scale_means_nothing(
    pair: Any, tmp_path: Path, scale: float
) -> None:
    model, path = read_model(pair.detector), tmp_path / "scale.tflite"
    weight = model.main.operators[1].inputs[1]
    weight.buffer = Buffer.of(np.ones(weight.shape, np.int8))
    weight.dtype = "INT8"
    weight.quantization = Quantization(np.full(1, scale, np.float32), np.zeros(1, np.int64))
    write_model(model, path)
    with pytest.raises(ModelError, match=r"scale\.tflite: .*'weight': expected scales above 0"):
        load_detector(path)


def test_process_lives_when_a_detector_would_end_it(pair: Any, tmp_path: Path) -> None:
    model, path = read_model(pair.detector), tmp_path / "ends.tflite"
    always = Tensor("always", (), "BOOL", Buffer(np.ones(1, np.uint8)))
    again = Tensor("again", model.main.outputs[0].shape, "FLOAT32")
    called = [always, *model.main.inputs]  # itself, until there is no room
    model.main.operators.append(
        new_operator("IF", called, [again], subgraphs=[model.main, model.main])
    )
    write_model(model, path)
    with pytest.raises(RuntimeRefusalError, match=r"ends\.tflite: .*it ends the process .*SIG"):
        load_detector(path)


def test_part_is_named_when_an_embedder_is_loaded_as_detector(pair: Any) -> None:
    with pytest.raises(ModelError, match=r"holds the embedder of tiny, expected a detector"):
        load_detector(pair.embedder)


def test_file_is_refused_when_it_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "text.tflite"
    path.write_text("no model, whatever it is called")
    with pytest.raises(ModelError, match=r"text\.tflite"):
        load_detector(path)
    with pytest.raises(FileError, match=r"missing\.tflite"):
        load_detector(tmp_path / "missing.tflite")


def test_file_is_refused_when_it_is_cut_short(pair: Any, tmp_path: Path) -> None:
    data = pair.detector.read_bytes()
    path = tmp_path / "cut.tflite"
    for share in (0.01, 0.5, 0.99):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(ModelError, match=r"cut\.tflite"):
            load_detector(path)


def test_file_is_refused_when_it_was_not_written_by_edgeseal(pair: Any, tmp_path: Path) -> None:
    model = read_model(pair.detector)
    model.metadata.clear()
    write_model(model, tmp_path / "foreign.tflite")
    with pytest.raises(ModelError, match=r"foreign\.tflite: was not written by edgeseal"):
        load_detector(tmp_path / "foreign.tflite")


@pytest.mark.parametrize("change", ["name", "shape", "signature", "bits"])
def test_file_is_refused_when_it_does_not_fit_its_description(
    pair: Any, write_detector: Callable[..., Path], tmp_path: Path, change: str
) -> None:
    model = read_model(pair.detector)
    signature = model.signatures[0]
    if change == "name":
        signature.inputs = {"picture": signature.inputs["image"]}
    elif change == "shape":
        attach_info(model, read_info(read_model(write_detector(image_size=64))))
    elif change == "signature":
        signature.key = "other"
    else:
        attach_info(model, read_info(read_model(write_detector(bits=96))))
    write_model(model, tmp_path / "odd.tflite")
    with pytest.raises(ModelError, match=r"odd\.tflite: .*(does not fit|lacks the signature)"):
        load_detector(tmp_path / "odd.tflite")


def test_result_is_refused_when_not_finite(pair: Any, tmp_path: Path) -> None:
    model = read_model(pair.detector)
    bias = next(t for t in model.main.tensors() if t.name == "bias")
    assert bias.buffer is not None
    bias.buffer.data = np.full(1 + BITS, np.nan, np.float32).view(np.uint8)
    write_model(model, tmp_path / "nan.tflite")
    detector = load_detector(tmp_path / "nan.tflite")
    with pytest.raises(ModelError, match=r"nan\.tflite: 'logits' has values that are not finite"):
        detector.detect(np.zeros((4, 4), np.uint8))


def test_threads_are_refused_when_below_one(pair: Any) -> None:
    with pytest.raises(UsageError, match="threads: expected 1 or more, got 0"):
        load_detector(pair.detector, threads=0)

"""A pack says everything: a program that knows nothing else reproduces every vector."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeseal.errors import FileError, ModelError, OutputExistsError, UsageError
from edgeseal.tflite.graph import read_model, write_model
from edgeseal.tflite.quantization import Ends, find_recipe, quantize, set_ends
from edgeseal.watermark.pack import PackResult, pack
from edgeseal.watermark.payload import Payload, payload_code
from edgeseal.watermark.runtime import Message, load_detector, load_embedder, p_value
from pairs import Pair

_ALONE = """
import runpy, sys
sys.modules["edgeseal"] = None  # importing it now raises ModuleNotFoundError
sys.argv = ["verify.py"]
runpy.run_path("verify.py", run_name="__main__")
"""


def verify(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the pack's own program in a process that cannot import the package."""
    return subprocess.run(
        [sys.executable, "-c", _ALONE], cwd=folder, capture_output=True, text=True, check=False
    )


def contract_of(folder: Path) -> dict[str, dict]:
    """Return the models of a contract by their part."""
    models = json.loads((folder / "contract.json").read_text())["models"]
    return {model["part"]: model for model in models}


@pytest.fixture(scope="module")
def packed(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> PackResult:
    folder = tmp_path_factory.mktemp("packs") / "app"
    return pack([pair.detector, pair.embedder], folder)


def test_every_vector_is_reproduced_when_the_package_is_missing(packed: PackResult) -> None:
    done = verify(packed.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("3 vectors: good") == 2


@pytest.mark.parametrize("name", ["jnd_1_1", "jnd_1_3", "jnd_1_3_blue", "jnd_3_1", "jnd_3_3"])
def test_every_vector_is_reproduced_when_there_is_a_map(
    name: str, write_embedder: Callable[..., Path], tmp_path: Path
) -> None:
    embedder = write_embedder(attenuation=name, scaling_w=0.2)
    folder = pack([embedder], tmp_path / "app").folder
    done = verify(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert contract_of(folder)["embedder"]["mark"]["attenuation"]["name"] == name


def test_map_matters_when_vectors_are_reproduced(
    write_embedder: Callable[..., Path], tmp_path: Path
) -> None:
    folder = pack([write_embedder(attenuation="jnd_1_1")], tmp_path / "app").folder
    contract = json.loads((folder / "contract.json").read_text())
    contract["models"][0]["mark"]["attenuation"] = None
    (folder / "contract.json").write_text(json.dumps(contract))
    done = verify(folder)
    assert done.returncode == 1
    assert "marked: another picture" in done.stdout


def test_integers_are_explained_when_the_file_takes_them(pair: Pair, tmp_path: Path) -> None:
    model = read_model(pair.detector)
    quantize(model, find_recipe("full-int8"))
    set_ends(model, Ends.INT8)
    write_model(model, tmp_path / "whole.tflite")
    folder = pack([tmp_path / "whole.tflite"], tmp_path / "app").folder
    image = contract_of(folder)["detector"]["inputs"]["image"]
    assert image["type"] == "int8"
    assert image["scale"] > 0
    done = verify(folder)
    assert done.returncode == 0, done.stdout + done.stderr


def _change_logits(folder: Path) -> None:
    path = next(folder.rglob("*.bit_logits.f32"))
    values = -np.fromfile(path, "<f4")
    values.tofile(path)
    np.save(path.with_suffix(".npy"), values)


def _change_picture(folder: Path) -> None:
    path = next(folder.rglob("*.marked.png"))
    pixels = np.asarray(Image.open(path)).copy()
    pixels[0, 0] ^= 64
    Image.fromarray(pixels).save(path)


def _change_model(folder: Path) -> None:
    path = next((folder / "models").iterdir())
    path.write_bytes(path.read_bytes() + bytes(16))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_change_logits, "bit_logits: too far off"),
        (_change_picture, "marked: another picture"),
        (_change_model, "the file is another one"),
    ],
)
def test_what_differs_is_named_when_a_pack_was_changed(
    change: Callable[[Path], None], words: str, pair: Pair, tmp_path: Path
) -> None:
    folder = pack([pair.detector, pair.embedder], tmp_path / "app").folder
    change(folder)
    done = verify(folder)
    assert done.returncode == 1
    assert words in done.stdout


def test_marked_vectors_carry_the_message_when_there_is_an_embedder(
    packed: PackResult, pair: Pair
) -> None:
    vectors = contract_of(packed.folder)["detector"]["vectors"]
    embedder, detector = load_embedder(pair.embedder), load_detector(pair.detector)
    assert [vector["picture"].endswith("_marked.png") for vector in vectors] == [False, True, True]
    for seed, vector in enumerate(vectors[1:], 1):
        picture = packed.folder / vector["folder"] / vector["picture"]
        found = detector.detect(picture, expect=Message.random(embedder.info.bits, seed=seed))
        assert found.hex == vector["message"]
        assert found.p_value is not None
        assert found.p_value < 1e-4


def test_thresholds_are_the_least_when_a_rate_is_given(packed: PackResult) -> None:
    record = contract_of(packed.folder)["detector"]
    rows = record["read"]["thresholds"]
    assert rows
    for row in rows:
        rate, matching = row["false_positive_rate"], row["matching_bits"]
        assert p_value(matching, record["bits"]) <= rate < p_value(matching - 1, record["bits"])


@pytest.mark.parametrize("bits", [96, 256])
def test_payload_is_written_by_the_rows_when_the_formula_is_followed(bits: int) -> None:
    from edgeseal.watermark.pack._contract import describe_payload
    from edgeseal.watermark.payload._payload import to_word

    record, payload = describe_payload(bits), Payload.from_text("hi")
    assert record is not None
    word = to_word(payload, record["payload_bits"])
    message = int(record["mask"], 16) ^ int(record["offset"], 16)
    for index, row in enumerate(record["rows"]):
        if word >> (record["payload_bits"] - 1 - index) & 1:
            message ^= int(row, 16)
    expected = payload_code(bits).encode(payload)
    assert f"{message:0{bits}b}" == "".join(map(str, expected))


def test_checksums_are_those_of_the_files_when_listed(packed: PackResult) -> None:
    lines = (packed.folder / "SHA256SUMS").read_text().splitlines()
    files = {p for p in packed.folder.rglob("*") if p.is_file() and p.name != "SHA256SUMS"}
    assert {packed.folder / line.split("  ")[1] for line in lines} == files
    for line in lines:
        checksum, name = line.split("  ")
        assert hashlib.sha256((packed.folder / name).read_bytes()).hexdigest() == checksum


def test_result_tells_what_was_written(packed: PackResult, pair: Pair) -> None:
    record = packed.to_json()
    assert record["files"] == sum(path.is_file() for path in packed.folder.rglob("*"))
    assert [model.part for model in packed.models] == ["detector", "embedder"]
    assert packed.models[0].path.read_bytes() == pair.detector.read_bytes()
    assert packed.is_good
    assert "2 " not in str(packed) or str(packed.folder) in str(packed)


def test_folder_is_kept_when_there_is_something_in_it(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "mine.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="exists already"):
        pack([pair.detector], tmp_path / "app")
    assert (tmp_path / "app" / "mine.txt").read_text() == "mine"


def test_empty_folder_is_filled_when_named(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    assert (pack([pair.detector], tmp_path / "app").folder / "contract.json").is_file()


def test_nothing_is_left_when_a_model_cannot_be_packed(
    pair: Pair, write_detector: Callable[..., Path], tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign.tflite"
    model = read_model(pair.detector)
    model.metadata.clear()
    write_model(model, foreign)
    with pytest.raises(ModelError, match="was not written by edgeseal"):
        pack([pair.detector, foreign], tmp_path / "app")
    with pytest.raises(FileError, match=r"none\.png"):
        pack([pair.detector], tmp_path / "app", images=[tmp_path / "none.png"])
    assert [path.name for path in tmp_path.iterdir()] == ["foreign.tflite"]


def test_models_are_refused_when_there_is_none_or_names_clash(pair: Pair, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model to pack"):
        pack([], tmp_path / "app")
    with pytest.raises(UsageError, match="two models of one name"):
        pack([pair.detector, pair.detector], tmp_path / "app")

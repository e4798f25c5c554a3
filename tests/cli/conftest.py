"""Runs commands, in this process or another, on a tiny card that is converted once."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cli.commands import BITS, SIZE, Done, Run, save_checkpoint
from edgeseal.cli import main
from edgeseal.tflite.graph import (
    Buffer,
    Model,
    Quantization,
    Signature,
    Subgraph,
    Tensor,
    new_operator,
    read_model,
    write_model,
)
from edgeseal.watermark import cards
from edgeseal.watermark.cards import Card, CarrierSpec, ViTSpec
from patience import HANG_S


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process."""

    def run_command(*arguments: object) -> Done:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Done(status, captured.out, captured.err)

    return run_command


@pytest.fixture
def spawn() -> Run:
    """Runs a Python script in a process of its own."""

    def spawn_script(script: str, *arguments: object) -> Done:
        command = [sys.executable, "-c", script, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S)
        return Done(done.returncode, done.stdout, done.stderr)

    return spawn_script


@pytest.fixture(scope="session")
def tiny_card() -> Card:
    """A card with the structure of a real one: 16 bits, pictures of 64 pixels."""
    return dataclasses.replace(
        cards.load_card("reference"),
        name="tiny",
        bits=BITS,
        image_size=SIZE,
        detector=ViTSpec(
            in_channels=3,
            embed_dim=32,
            depth=2,
            num_heads=2,
            patch_size=16,
            window_size=2,
            global_attn_indexes=(1,),
            mlp_ratio=2.0,
            out_channels=32,
        ),
        embedder=CarrierSpec(),
        detector_parameters=None,
        embedder_parameters=None,
    )


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder of pictures that take minutes, the first of them bad."""
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "0.png").write_text("no picture")
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder / "1.bmp")
    for i in range(1000):
        (folder / f"2-{i}.bmp").hardlink_to(folder / "1.bmp")
    return folder


@pytest.fixture
def known_tiny(tiny_card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes ``tiny`` a card that commands know."""
    _make_known(tiny_card, monkeypatch)


CONVERT = """
import sys
from edgeseal.watermark import cards
from edgeseal.cli import main
card, load = cards.Card.from_json(sys.argv[1]), cards.load_card
cards.load_card = lambda name: card if name == card.name else load(name)
sys.exit(main(["convert", *sys.argv[2:]]))
"""


@pytest.fixture(scope="session")
def conversion(tiny_card: Card, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """What ``convert`` said on a checkpoint with a stray tensor and a record that differs.

    It runs in a process of its own, as a user's command does.
    """
    folder = tmp_path_factory.mktemp("conversion")
    args = {"videoseal_step_size": 2}
    checkpoint = save_checkpoint(tiny_card, folder / "tiny.pth", args=args, odd=torch.ones(1))
    options = ["--checkpoint", str(checkpoint), "--allow-unexpected", "--json"]
    command = [sys.executable, "-c", CONVERT, tiny_card.to_json(), "tiny", *options]
    command += ["-o", str(folder / "made" / "here")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 0, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def converted(conversion: Done) -> Path:
    """The folder with the four files."""
    return Path(conversion.json["files"][0]["path"]).parent


@pytest.fixture(scope="session")
def detector(converted: Path) -> Path:
    return converted / "tiny_detector_float32.tflite"


@pytest.fixture(scope="session")
def embedder(converted: Path) -> Path:
    return converted / "tiny_embedder_float32.tflite"


@pytest.fixture
def foreign(detector: Path, tmp_path: Path) -> Path:
    """The float detector as another converter would write it: without a description."""
    model = read_model(detector)
    model.metadata.clear()
    model.signatures.clear()
    path = tmp_path / "foreign.tflite"
    write_model(model, path)
    return path


@pytest.fixture
def not_quantizable(tmp_path: Path) -> Path:
    """A model without weights."""
    x, y = Tensor("x", (1, 4), "FLOAT32"), Tensor("y", (1, 4), "FLOAT32")
    return _write_graph(tmp_path / "sum.tflite", [new_operator("ADD", [x, x], [y])], x, y)


@pytest.fixture
def refused_model(tmp_path: Path) -> Path:
    """A model that LiteRT refuses: BATCH_MATMUL with an INT8 constant on the left."""
    left = Tensor("table", (1, 4, 4), "INT8", Buffer.of(np.ones((1, 4, 4), np.int8)))
    left.quantization = Quantization(np.full(1, 0.1, np.float32), np.zeros(1, np.int64))
    x, y = Tensor("x", (1, 4, 4), "FLOAT32"), Tensor("y", (1, 4, 4), "FLOAT32")
    operators = [new_operator("BATCH_MATMUL", [left, x], [y])]
    return _write_graph(tmp_path / "refused.tflite", operators, x, y)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three good pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(5).integers(60, 190, (70, 90, 3)).astype(np.uint8)
    for name in ("a.png", "b.jpg", "c.webp"):
        Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.fixture
def bad_photos(photos: Path) -> Path:
    """The same folder with four bad pictures."""
    (photos / "text.png").write_text("no picture\n")
    (photos / "cut.jpg").write_bytes((photos / "b.jpg").read_bytes()[:900])
    (photos / "empty.png").write_bytes(b"")
    _write_bomb(photos / "bomb.png")
    return photos


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep downloads and the terminal of this machine's user out of the tests."""
    monkeypatch.setenv("EDGESEAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COLUMNS", raising=False)
    yield


def _make_known(card: Card, patch: pytest.MonkeyPatch) -> None:
    load = cards.load_card
    patch.setattr(cards, "load_card", lambda name: card if name == card.name else load(name))


def _write_graph(path: Path, operators: list[Any], x: Tensor, y: Tensor) -> Path:
    subgraph = Subgraph("main", [x], [y], operators)
    signature = Signature("serving_default", subgraph, {"x": x}, {"y": y})
    write_model(Model([subgraph], [signature]), path)
    return path


def _write_bomb(path: Path) -> None:
    """Write a PNG of a few bytes that claims 100,000 x 100,000 pixels."""
    Image.new("L", (1, 1)).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = (100_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(data)

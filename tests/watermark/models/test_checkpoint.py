"""Checkpoints are loaded strictly, and what does not fit is named."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from edgeseal.errors import CheckpointError
from edgeseal.watermark import models
from edgeseal.watermark.cards import Card, CarrierSpec, CheckpointSource, Part, load_card

EMBEDDINGS = (
    "embedder.msg_processor.msg_embeddings.weight",
    "embedder.unet.msg_processor.msg_embeddings.weight",
)
Saved = Callable[..., Path]
LINEAR = "detector.pixel_decoder.linear.weight"


def refusal(path: Path, card: Card, part: Part = Part.DETECTOR) -> str:
    """Return the message with which a checkpoint is refused."""
    with pytest.raises(CheckpointError) as caught:
        models.load_checkpoint(path, card, part)
    message = str(caught.value)
    assert str(path) in message
    return message


@pytest.mark.parametrize("part", Part)
def test_tensors_arrive_when_the_checkpoint_is_good(
    card: Card, part: Part, state: dict[str, Tensor], saved: Saved
) -> None:
    path = saved(args={"nbits": 8})
    loaded = models.load_checkpoint(path, card, part)
    for name, tensor in loaded.module.state_dict().items():
        assert torch.equal(tensor, state[f"{part.value}.{name}"])
    assert not loaded.module.training
    assert not any(parameter.requires_grad for parameter in loaded.module.parameters())
    provenance = loaded.provenance
    assert provenance.path == path
    assert provenance.source == str(path)
    assert provenance.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert dict(provenance.args) == {"nbits": 8}


def test_both_parts_load_when_the_file_is_read_once(card: Card, saved: Saved) -> None:
    checkpoint = models.read_checkpoint(saved(), card)
    assert isinstance(checkpoint.load(card, Part.DETECTOR).module, models.ViTDetector)
    assert isinstance(checkpoint.load(card, Part.EMBEDDER).module, models.UNetEmbedder)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_become_float32_when_stored_in_half(
    card: Card, dtype: torch.dtype, state: dict[str, Tensor], saved: Saved
) -> None:
    path = saved({key: value.to(dtype) for key, value in state.items()})
    module = models.load_checkpoint(path, card, Part.DETECTOR).module
    assert {tensor.dtype for tensor in module.state_dict().values()} == {torch.float32}
    assert torch.equal(
        module.state_dict()["pixel_decoder.linear.weight"], state[LINEAR].to(dtype).float()
    )


@pytest.mark.parametrize("kept", EMBEDDINGS)
def test_embedder_loads_when_one_of_two_registrations_is_stored(
    card: Card, kept: str, state: dict[str, Tensor], saved: Saved
) -> None:
    (dropped,) = set(EMBEDDINGS) - {kept}
    expected = state[kept]
    del state[dropped]
    module = models.load_checkpoint(saved(), card, Part.EMBEDDER).module
    assert isinstance(module, models.UNetEmbedder)
    assert torch.equal(module.msg_processor.msg_embeddings.weight, expected)
    assert module.msg_processor is module.unet.msg_processor


def test_embedder_is_refused_when_two_registrations_differ(
    card: Card, state: dict[str, Tensor], saved: Saved
) -> None:
    state[EMBEDDINGS[1]] = state[EMBEDDINGS[1]] + 1
    message = refusal(saved(), card, Part.EMBEDDER)
    assert "differs from" in message
    assert all(name in message for name in EMBEDDINGS)


def test_all_problems_are_listed_when_tensors_do_not_fit(
    card: Card, state: dict[str, Tensor], saved: Saved
) -> None:
    del state["detector.image_encoder.pos_embed"]
    state[LINEAR] = torch.zeros(7, 16)
    state["detector.pixel_decoder.linear.bias"] = torch.zeros(9, dtype=torch.int64)
    state["detector.image_encoder.neck.1.weight"][3] = float("nan")
    state["detector.image_encoder.neck.1.bias"] = torch.zeros(16, dtype=torch.float64)
    state["detector.extra"] = torch.zeros(1)
    state["teacher.weight"] = torch.zeros(1)
    message = refusal(saved(args={"nbits": 8, "img_size_proc": 64}), card)
    head, *lines, advice = message.splitlines()
    assert head.endswith("does not fit the detector of small (37 of 42 tensors do), 7 problems:")
    assert [line.strip() for line in lines] == [
        "detector.image_encoder.pos_embed: missing, float32 [1, 4, 4, 24] expected",
        "detector.image_encoder.neck.1.weight: 1 of 16 values are not finite",
        "detector.image_encoder.neck.1.bias: float16 or bfloat16 or float32 expected, "
        "float64 found",
        f"{LINEAR}: shape [9, 16] expected, [7, 16] found",
        "detector.pixel_decoder.linear.bias: float16 or bfloat16 or float32 expected, int64 found",
        "detector.extra: unexpected",
        "teacher.weight: unexpected",
    ]
    assert "belong together" in advice


def test_unexpected_tensors_are_left_out_when_allowed(
    card: Card, state: dict[str, Tensor], saved: Saved
) -> None:
    state["teacher.weight"] = torch.zeros(1)
    path = saved(stray=torch.zeros(2))
    assert "`allow_unexpected`" in refusal(path, card)
    loaded = models.load_checkpoint(path, card, Part.DETECTOR, allow_unexpected=True)
    assert loaded.provenance.unexpected == ("teacher.weight", "stray")


def test_broken_other_part_is_no_obstacle_when_it_is_not_wanted(
    card: Card, state: dict[str, Tensor], saved: Saved
) -> None:
    state[EMBEDDINGS[0]] = torch.zeros(1)
    state["embedder.carriers"] = torch.zeros(3)
    assert models.load_checkpoint(saved(), card, Part.DETECTOR).provenance.unexpected == ()


def test_expectation_is_explained_when_the_record_caused_it(card: Card, saved: Saved) -> None:
    message = refusal(saved(args={"nbits": 9}), card)
    assert f"{LINEAR}: shape [10, 16] expected, [9, 16] found" in message
    assert "what the checkpoint records:\n  bits: 9, the card says 8" in message


def test_fitting_card_is_named_when_another_is_asked_for(tmp_path: Path) -> None:
    reference = load_card("reference")
    path = tmp_path / "reference.pth"
    for part, message in ((Part.DETECTOR, "tensors do"), (Part.EMBEDDER, "keys fit")):
        state = models.random_weights(reference, part, seed=0).module.state_dict()
        torch.save({"model": {f"{part.value}.{name}": t for name, t in state.items()}}, path)
        error = refusal(path, load_card("videoseal_0.0"), part)
        assert f"{message}; it fits reference" in error
        assert "\n" not in error


@pytest.mark.parametrize(
    "args",
    [
        {"img_size": 512, "img_size_extractor": 512, "img_size_proc": 64, "nbits": 8},
        {"img_size": 512, "img_size_extractor": 64},
        {"attenuation": "None", "scaling_w": 1.0, "hidden_size_multiplier": 2},
        {"attenuation": None, "embedder": "configs/embedder.yaml"},
        {"embedder": {"z_channels_mults": [1, 2, 4, 8], "comment": "more than the card knows"}},
        "nbits: 8\nscaling_w: 1\nattenuation: None\nscaling_w_schedule: null\n",
        None,
    ],
)
def test_card_is_kept_when_the_record_agrees(
    card: Card, args: dict[str, Any] | str | None, saved: Saved
) -> None:
    loaded = models.load_checkpoint(saved(args=args), card, Part.EMBEDDER)
    assert loaded.card == card
    assert loaded.provenance.adopted == ()


def test_record_counts_when_it_differs_from_the_card(card: Card, saved: Saved) -> None:
    args = "scaling_w: 0.3\nattenuation: jnd_1_1\nvideowam_step_size: 8\nepochs: 601\n"
    loaded = models.load_checkpoint(saved(args=args), card, Part.EMBEDDER)
    assert (loaded.card.scaling_w, loaded.card.attenuation) == (0.3, "jnd_1_1")
    assert loaded.provenance.adopted == (
        "step_size: 8, the card says 4",
        "scaling_w: 0.3, the card says 1.0",
        "attenuation: jnd_1_1, the card says none",
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([1], "holds a list; expected a dictionary"),
        ("just a text", "holds a str; expected a dictionary"),
        ("a: [1", "is no YAML"),
    ],
)
def test_checkpoint_is_refused_when_its_record_cannot_be_read(
    card: Card, args: object, message: str, saved: Saved
) -> None:
    assert message in refusal(saved(args=args), card)


def test_foreign_model_is_recognised_when_no_key_fits(card: Card, saved: Saved) -> None:
    foreign = {"layer1.0.conv1.weight": torch.zeros(1), "fc.bias": torch.zeros(1)}
    message = refusal(saved(foreign), card)
    assert "0 of 42 keys fit" in message
    assert "it has 2, such as layer1.0.conv1.weight, fc.bias" in message


def test_bare_state_dict_is_recognised_when_there_is_no_model_entry(
    card: Card, state: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "bare.pth"
    torch.save(state, path)
    message = refusal(path, card)
    assert "no entry 'model'" in message
    assert f"of whose {len(state)} keys {len(state) - 2} begin with" in message
    assert "torch.save({'model': state_dict}, path)" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"weights": {"a": 1}}, "has no entry 'model'; it has weights"),
        ({}, "it has nothing"),
        ([1, 2], "holds a list"),
        ({"model": [1]}, "no dictionary of tensors"),
        ({"model": {}}, "no dictionary of tensors"),
        ({"model": {"a": 1, "b": torch.ones(1)}}, "1 of 2 entries in 'model' are no tensors"),
    ],
)
def test_checkpoint_is_refused_when_it_is_built_differently(
    card: Card, content: object, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "other.pth"
    torch.save(content, path)
    assert message in refusal(path, card)


_HEADER = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
SAFETENSORS = struct.pack("<Q", len(_HEADER)) + _HEADER


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty (0 bytes)"),
        (b"hello\n", "is a text file"),
        ("größer\n".encode() * 200, "is a text file"),
        (b"\n <!DOCTYPE html><title>404</title>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (SAFETENSORS + b"\0" * 4, "is a safetensors file"),
        (b"\x1c\0\0\0TFL3" + b"\0" * 40, "is a .tflite model"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
        (b"\x00\x01\x02\x03" * 50, "damaged or no PyTorch checkpoint"),
        (b"PK\x03\x04" + b"\0" * 90, "is cut short (94 bytes"),
        (b"\x80\x02", "damaged or no PyTorch checkpoint"),
    ],
)
def test_file_is_named_for_what_it_is_when_no_checkpoint(
    card: Card, content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.pth"
    path.write_bytes(content)
    assert message in refusal(path, card)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_checkpoint_is_refused_when_cut_short(card: Card, share: float, saved: Saved) -> None:
    path = saved()
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "is cut short" in refusal(path, card)


def test_checkpoint_is_refused_when_a_byte_has_flipped(card: Card, saved: Saved) -> None:
    path = saved()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)
    assert "is damaged in" in refusal(path, card)


def test_archive_is_refused_when_it_holds_something_else(card: Card, tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("photo.jpg", b"x")
    assert "zip archive without a checkpoint" in refusal(path, card)
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py"):
            archive.writestr(f"model/{name}", b"x")
    assert "is a TorchScript program" in refusal(path, card)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", b"x" * 99)
    assert "compressed again" in refusal(path, card)


class Malicious:
    """Unpickles to a call that leaves a file behind."""

    def __init__(self, evidence: Path) -> None:
        self.evidence = evidence

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.evidence),)


@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_is_executed_when_a_pickle_wants_to_run_code(
    card: Card, protocol: int, tmp_path: Path
) -> None:
    evidence, path = tmp_path / "evidence", tmp_path / "evil.pth"
    torch.save({"model": Malicious(evidence)}, path)
    message = refusal(path, card)
    assert "wants to run code" in message
    assert "nothing was executed" in message
    assert "mkdir" in message
    path.write_bytes(pickle.dumps({"model": Malicious(evidence)}, protocol=protocol))
    assert "wants to run code" in refusal(path, card)
    assert not evidence.exists()


def test_whole_model_is_refused_when_pickled_instead_of_its_tensors(
    card: Card, tmp_path: Path
) -> None:
    path = tmp_path / "whole.pth"
    torch.save({"model": nn.Linear(2, 2)}, path)
    assert "wants to run code" in refusal(path, card)


def test_checkpoint_loads_when_in_the_format_before_zip(
    card: Card, state: dict[str, Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "old.pth"
    torch.save({"model": state}, path, _use_new_zipfile_serialization=False)
    assert models.load_checkpoint(path, card, Part.DETECTOR)
    path.write_bytes(path.read_bytes()[:-40])
    assert "damaged" in refusal(path, card)


def test_path_is_named_when_there_is_no_such_file(card: Card, tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "nothing.pth", card)
    assert "is a folder" in refusal(tmp_path, card)


def test_path_is_named_when_it_may_not_be_read(
    card: Card, saved: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be read (Permission denied)" in refusal(path, card)


def test_carriers_load_when_the_embedder_is_plain_spread_spectrum(tmp_path: Path) -> None:
    reference = load_card("reference")
    card = dataclasses.replace(reference, embedder=CarrierSpec(cancellation=False))
    carriers = torch.randn(96, 3, 16, 16).half()
    path = tmp_path / "carriers.pth"
    torch.save({"model": {"embedder.carriers": carriers}}, path)
    module = models.load_checkpoint(path, card, Part.EMBEDDER).module
    assert torch.equal(module.state_dict()["carriers"], carriers.float())


def test_own_checkpoint_is_used_when_no_source_is_given(card: Card, saved: Saved) -> None:
    card = dataclasses.replace(card, checkpoint=CheckpointSource("package:absent.pth"))
    with pytest.raises(CheckpointError, match=r"absent\.pth: no such file; reinstall"):
        models.load_checkpoint(None, card, Part.DETECTOR)


def test_global_random_state_is_kept_when_loading(card: Card, saved: Saved) -> None:
    path = saved()
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    models.load_checkpoint(path, card, Part.DETECTOR)
    assert torch.equal(torch.rand(3), expected)


def test_detector_loads_when_the_embedder_is_of_another_kind(
    card: Card, state: dict[str, Tensor], saved: Saved
) -> None:
    tensors = {key: t.half() for key, t in state.items() if key.startswith("detector.")}
    tensors["embedder.carriers"] = torch.zeros(8, 3, 16, 16, dtype=torch.float16)
    path = saved(tensors, args={"nbits": 8, "embedder_model": "carrier", "attenuation": "None"})
    loaded = models.load_checkpoint(path, card, Part.DETECTOR)
    assert loaded.provenance.args["embedder_model"] == "carrier"
    assert loaded.provenance.unexpected == ()


@pytest.mark.parametrize("part", Part)
def test_reference_pair_loads_when_taken_from_the_package(part: Part) -> None:
    card = load_card("reference")
    loaded = models.load_checkpoint(None, card, part)
    assert loaded.provenance.source == "package:reference.pth"

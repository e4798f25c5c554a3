"""A conversion that is not faithful is refused; one that is says what it was made from."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from conversions import loaded_part
from edgeseal.errors import ConversionError, ModelError
from edgeseal.tflite.graph import Buffer, Model
from edgeseal.watermark.cards import Part
from edgeseal.watermark.convert import _convert, convert_part, exportable, sample_inputs
from edgeseal.watermark.models import LoadedPart, Provenance


@pytest.fixture(scope="module", params=list(Part), ids=lambda part: part.value)
def loaded(request: pytest.FixtureRequest) -> LoadedPart:
    return loaded_part(request.param)


def largest_constant(model: Model) -> np.ndarray:
    """Return the values of the constant with most of them, to be changed in place."""
    tensors = [t for t in model.main.tensors() if t.is_constant and t.dtype == "FLOAT32"]
    tensor = max(tensors, key=lambda t: int(np.prod(t.shape)))
    assert tensor.buffer is not None
    values = np.array(tensor.buffer.data.view(np.float32))
    tensor.buffer = Buffer.of(values)
    return values


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets the rewrites add something to the weights."""

    def spoil_by(wrong: float) -> None:
        lean = _convert.lean

        def careless(model: Model, *rewrites: Any) -> object:
            done = lean(model, *rewrites)
            largest_constant(model)[...] += np.float32(wrong)
            return done

        monkeypatch.setattr(_convert, "lean", careless)

    return spoil_by


def test_file_is_refused_when_litert_makes_something_else_of_it(
    loaded: LoadedPart, spoil: Callable[[float], None]
) -> None:
    spoil(0.01)
    with pytest.raises(ConversionError) as refusal:
        convert_part(loaded)
    lines = str(refusal.value).splitlines()
    assert lines[0] == f"small {loaded.part.value}: the conversion is not faithful:"
    assert [line.partition(": by ")[0].strip() for line in lines[1:]] == [
        "results differ, LiteRT's from PyTorch's"
    ]
    assert lines[1].endswith("more than 1e-04")


def test_file_is_refused_when_its_results_are_not_finite(
    loaded: LoadedPart, spoil: Callable[[float], None]
) -> None:
    spoil(float("nan"))
    with pytest.raises(ModelError, match="has values that are not finite"):
        convert_part(loaded)


def test_all_problems_are_listed_when_there_are_several(
    loaded: LoadedPart, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(module: torch.nn.Module, image_size: int) -> torch.nn.Module:
        made = exportable(module, image_size)
        made.register_forward_hook(lambda module, inputs, result: result * 1.01)
        return made

    monkeypatch.setattr(_convert, "exportable", careless)
    monkeypatch.setattr(_convert, "structural_problems", lambda model: iter(["some structure"]))
    with pytest.raises(ConversionError) as refusal:
        convert_part(loaded)
    structure, form, *runtime = (line.strip() for line in str(refusal.value).splitlines()[1:])
    assert structure == "some structure"
    assert form.startswith("results differ, the exported form's from the definition's: by ")
    assert all(line.startswith("results differ, LiteRT's from PyTorch's") for line in runtime)


def test_differences_are_on_the_scale_of_the_results_when_those_are_large() -> None:
    expected = [np.array([0.0, -500.0]), np.array([1.0, 2.0])]
    off = [expected[0] + np.array([0.0, 1.0]), expected[1]]
    assert _convert._difference(off, expected) == pytest.approx(1 / 500)
    small = [np.array([0.1]), np.array([0.0])]
    assert _convert._difference([small[0] + 0.01, small[1]], small) == pytest.approx(0.01)


def test_description_says_where_the_weights_are_from_and_no_folder() -> None:
    provenance = Provenance(
        "/home/someone/secret/best.pth",
        sha256="ab" * 32,
        args={"pruning": {"summary": "a third of the heads"}},
    )
    loaded = dataclasses.replace(loaded_part(Part.DETECTOR), provenance=provenance)
    conversion = convert_part(loaded)
    info = conversion.info
    assert (info.checkpoint, info.checkpoint_sha256) == ("best.pth", "ab" * 32)
    assert (info.random_seed, info.pruning) == (None, "a third of the heads")
    assert info.tools == {
        name: importlib.metadata.version(name) for name in ("edgeseal", "torch", "ai-edge-litert")
    }
    assert b"secret" not in b"".join(map(bytes, conversion.model.metadata.values()))


def test_samples_are_photographs_and_the_same_each_time(loaded: LoadedPart) -> None:
    state = torch.random.get_rng_state()
    first, again = (sample_inputs(loaded, count=3) for _ in range(2))
    assert torch.equal(state, torch.random.get_rng_state())
    assert len(first) == 3
    for sample, same in zip(first, again, strict=True):
        assert len(sample) == (2 if loaded.part is Part.EMBEDDER else 1)
        assert all(map(torch.equal, sample, same))
        picture, *message = sample
        assert picture.shape == (1, 256, 256, 3)
        assert 0 <= picture.min() < 0.3 < 0.7 < picture.max() <= 1
        assert all(set(bits.flatten().tolist()) == {0, 1} for bits in message)


def test_modules_of_no_known_kind_have_no_form() -> None:
    with pytest.raises(TypeError, match="no exportable form of Linear"):
        exportable(torch.nn.Linear(2, 2), 256)

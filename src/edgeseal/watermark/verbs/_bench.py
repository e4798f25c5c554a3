"""Measures time, memory and agreement of models, in LiteRT and in other engines."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgeseal._leftovers import scratch_folder
from edgeseal._progress import SILENT, Progress
from edgeseal.data import photo_paths
from edgeseal.errors import UsageError
from edgeseal.pictures import ImageInput, given_pictures, list_pictures
from edgeseal.tflite.benchmark import Engine
from edgeseal.tflite.comparison import ModelFile
from edgeseal.tflite.inputs import InputForm, InputOptions, given_inputs
from edgeseal.tflite.metrics import nmse_img, sign_agreement
from edgeseal.tflite.verbs._bench import (
    Bencher,
    BenchResult,
    EngineAgreement,
    check_devices,
    files_of,
    plain_agreement,
)
from edgeseal.watermark.peers import (
    Peer,
    PeerWeights,
    calibration_inputs,
    find_peers,
    prepare_peers,
    weights_of,
)
from edgeseal.watermark.runtime import Message, ModelInfo, has_info, load_embedder, read_info

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["ReadingAgreement", "bench", "compare_logits"]

Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ReadingAgreement(EngineAgreement):
    """How a detector's logits compare with those of the first engine, and with what was embedded.

    Attributes:
        nmse: None.
        nmse_img: :func:`~edgeseal.tflite.metrics.nmse_img` of the logits.
        sign_agreement: share of the logits with the first one's sign.
        bits_read: share of the embedded bits that were read; None where they are not known.
    """

    nmse_img: float | None = None
    sign_agreement: float | None = None
    bits_read: float | None = None


def bench(
    paths: str | Path | Iterable[str | Path],
    *,
    with_peers: bool = False,
    peer_names: Sequence[str] = (),
    compiled_model: bool = False,
    threads: int = 1,
    rounds: int = 30,
    device: str | None = None,
    browser: bool = False,
    images: ImageInput | Iterable[ImageInput] | None = None,
    draws: int | None = None,
    embedder: str | Path | None = None,
    checkpoint: str | None = None,
    calibration: Sequence[str | Path] = (),
    seed: int = 0,
    timeout_s: float = 600.0,
    progress: Progress = SILENT,
    **inputs: Unpack[InputOptions],
) -> BenchResult:
    """Measure models, as :func:`edgeseal.tflite.bench` does, and the same weights elsewhere.

    Args:
        paths: ``.tflite`` files of one graph; the others are measured by the first.
        with_peers: time the same weights in every other engine.
        peer_names: some of the other engines.
        compiled_model: time LiteRT's CompiledModel beside its interpreter.
        threads: that each may use.
        rounds: timed runs of each, in turn.
        device: run each file there as well, to see how far its results agree; that is not timed.
        browser: time LiteRT.js in a browser beside, as :func:`edgeseal.tflite.bench` does.
        images: pictures to run on; the bundled photographs for models of ours, if neither these
            nor ``draws`` are given.
        draws: number of drawn inputs instead, 2 or more.
        embedder: marks the images; counts the bits that detectors read.
        checkpoint: for peers: what the files were made from.
        calibration: pictures for static INT8 peers; default: crops of the bundled photographs.
        seed: for what is drawn.
        timeout_s: longest wait for an engine.
        progress: hears what goes on.
        inputs: how pixels are fed, and sizes that the file leaves open; see :class:`InputOptions`.

    Raises:
        UsageError: arguments that contradict each other or the files, or a device that cannot be
            asked here.
        FileError, ModelError: a file cannot be read, or is no model.
        MissingExtraError: a peer is not installed.
    """
    check_devices(device, browser=browser)
    if embedder is not None and images is None:
        raise UsageError("`embedder` marks pictures: name them with `images`")
    if not (with_peers or peer_names):
        _refuse_for_peers(checkpoint=checkpoint, calibration=calibration or None)
    form = InputForm.of(**inputs)
    with contextlib.ExitStack() as stack:
        opened = files_of(
            paths, form, has_images=images is not None, draws=draws, progress=progress
        )
        files, names = stack.enter_context(opened)
        info = _description(files[0])
        peers = find_peers([] if with_peers else peer_names) if with_peers or peer_names else []
        source = _PeerSource.of(files[0].path, info, checkpoint) if peers else None
        if images is None and draws is None and info is not None:
            images = photo_paths()
        pictures, bits = _pictures(images, embedder, info, seed)
        judge = plain_agreement
        if info is None or info.part == "detector":
            judge = functools.partial(compare_logits, bits=bits)
        bencher = Bencher(
            files, names, compiled_model, threads, rounds, seed, timeout_s, device, browser
        )
        say = stack.enter_context(progress.busy("measuring"))
        more: list[Engine] = []
        if source is not None:
            folder = stack.enter_context(scratch_folder())
            more = source.engines(peers, folder, calibration, threads, seed, say)
        return bencher.run(pictures, draws, judge, say, more)


def compare_logits(outputs: Float, reference: Float, bits: Float | None) -> EngineAgreement:
    """Compare the logits of a detector; index 0 carries no information.

    Args:
        outputs: float32 [pictures, 1 + bits]; anything else is compared as plain values.
        reference: the same shape.
        bits: float32 [pictures, bits] that the pictures carry, or None.
    """
    if reference.ndim != 2:
        return plain_agreement(outputs, reference)
    logits, expected = outputs[:, 1:], reference[:, 1:]
    return ReadingAgreement(
        nmse_img=nmse_img(logits, expected),
        sign_agreement=sign_agreement(logits, expected),
        bits_read=None if bits is None else sign_agreement(logits, bits - 0.5),
    )


@dataclass(frozen=True, slots=True)
class _PeerSource:
    """What peers are made from."""

    weights: PeerWeights
    info: ModelInfo

    @classmethod
    def of(cls, path: Path, info: ModelInfo | None, checkpoint: str | None) -> _PeerSource:
        if info is None:
            raise UsageError(
                f"{path}: was not written by edgeseal, so its weights are not known to other "
                "engines; leave `with_peers` and `peer_names` out"
            )
        if info.recipe != "float32":
            raise UsageError(
                f"{path}: is {info.recipe}; peers are compared with a float32 file: name one first"
            )
        return cls(weights_of(info, checkpoint), info)

    def engines(
        self,
        peers: Sequence[Peer],
        folder: Path,
        calibration: Sequence[str | Path],
        threads: int,
        seed: int,
        say: Callable[[str], None],
    ) -> list[Engine]:
        pictures = list_pictures(calibration) if calibration else None
        inputs = calibration_inputs(self.info, pictures, seed=seed)
        return prepare_peers(
            peers, self.weights, folder, calibration=inputs, threads=threads, advance=say
        )


def _description(file: ModelFile) -> ModelInfo | None:
    return read_info(file.model, source=str(file.path)) if has_info(file.model) else None


def _refuse_for_peers(**arguments: object) -> None:
    """Refuse arguments that would do nothing, since no other engine was named."""
    given = [f"`{name}`" for name, value in arguments.items() if value is not None]
    if given:
        raise UsageError(
            f"{' and '.join(given)}: for other engines; add `with_peers`, or `peer_names`"
        )


def _pictures(
    images: ImageInput | Iterable[ImageInput] | None,
    embedder: str | Path | None,
    info: ModelInfo | None,
    seed: int,
) -> tuple[list[ImageInput] | None, Float | None]:
    """Return what to run on, marked where an embedder is given, and the bits in it if known."""
    if images is None:
        return None, None
    if embedder is None:
        return given_inputs(images), None
    pictures = given_pictures(images)
    marker = load_embedder(embedder)
    if info is None or info.part != "detector" or info.bits != marker.info.bits:
        raise UsageError(f"{embedder}: marks {marker.info.bits} bits, which no MODEL here reads")
    messages = [Message.random(info.bits, seed=seed + i) for i in range(len(pictures))]
    pairs = zip(pictures, messages, strict=True)
    marked: list[ImageInput] = [marker.embed(one, message).image for one, message in pairs]
    return marked, np.stack([message.array() for message in messages])

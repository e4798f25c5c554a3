"""``edgeseal bench``."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeseal.cli._shared._console import busy
from edgeseal.cli._shared._options import JsonOption
from edgeseal.data import photo_paths
from edgeseal.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgeseal.pictures import ImageInput
    from edgeseal.tflite.benchmark import Engine
    from edgeseal.tflite.comparison import ModelFile
    from edgeseal.tflite.inputs import ModelInputs
    from edgeseal.watermark.peers import Peer, PeerWeights
    from edgeseal.watermark.runtime import ModelInfo

__all__ = ["bench"]

_DRAWS = 8  # for models of which nothing is known


def bench(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL", help=".tflite files of one graph; the first is 1.00."),
    ],
    with_peers: Annotated[
        bool, typer.Option("--peers", help="Time the same weights in every other engine.")
    ] = False,
    peer_names: Annotated[
        list[str] | None,
        typer.Option("--peer", metavar="NAME", help="One of the other engines; may be repeated."),
    ] = None,
    compiled_model: Annotated[
        bool,
        typer.Option("--compiled-model", help="LiteRT's CompiledModel beside its interpreter."),
    ] = False,
    threads: Annotated[
        int, typer.Option("--threads", metavar="N", min=1, help="Threads that each may use.")
    ] = 1,
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="N", min=1, help="Timed runs of each, in turn.")
    ] = 30,
    images: Annotated[
        list[Path] | None,
        typer.Option("--images", metavar="IMAGE|DIR", help="Pictures to run on; may be repeated."),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            "--random",
            metavar="N",
            min=2,
            help="Drawn pictures, without --images. [default: the bundled photographs]",
        ),
    ] = None,
    embedder: Annotated[
        Path | None,
        typer.Option("--embedder", metavar="MODEL", help="Marks the --images; counts bits read."),
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(metavar="PATH|URL", help="For peers: what the files were made from."),
    ] = None,
    calibration: Annotated[
        list[Path] | None,
        typer.Option(
            "--calibration",
            metavar="IMAGE|DIR",
            help="For static INT8 peers; default: crops of the bundled photographs.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="For what is drawn.")] = 0,
    timeout_s: Annotated[
        float, typer.Option("--timeout", metavar="S", min=1, help="Longest wait for an engine.")
    ] = 600.0,
    as_json: JsonOption = False,
) -> None:
    """Measure time, memory and agreement of models, in LiteRT and in other engines.

    Every engine has a process of its own, and all run in turn, so that ratios hold on a busy
    machine. NMSE (of detectors NMSE(img)) and sign are those against the first model. Exits with 1
    if a model cannot run.
    """
    from edgeseal.cli._bench_report import Conditions, accuracies, print_record, print_report
    from edgeseal.tflite.benchmark import bench as measure
    from edgeseal.tflite.comparison import ModelFile, check_ends
    from edgeseal.tflite.inputs import model_inputs

    if embedder is not None and not images:
        raise UsageError("--embedder marks pictures: name them with --images")
    if images and draws is not None:
        raise UsageError("--images and --random: give one of them")
    if not (with_peers or peer_names):
        _refuse_for_peers({"--checkpoint": checkpoint, "--calibration": calibration})
    files = [ModelFile.read(path) for path in paths]
    for file in files[1:]:
        check_ends(files[0], file)
    info = _description(files[0])
    wanted = _find_peers(peer_names or [], everyone=with_peers)
    source = _peer_source(paths[0], info, checkpoint) if wanted else None
    if not images and draws is None and info is not None:
        images = photo_paths()
    marked = _pictures(images, embedder, info, seed)
    models = [file.model for file in files]
    samples = model_inputs(models, marked.pictures, draws=draws or _DRAWS, seed=seed)
    engines, inputs = _litert(paths, samples, threads, compiled_model=compiled_model)
    own = len(engines)
    with contextlib.ExitStack() as stack, busy("measuring") as show:
        if source is not None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgeseal-")))
            engines += source.engines(wanted, folder, calibration, threads, seed, show)
            inputs += [samples[0]] * (len(engines) - own)
        found = measure(engines, inputs, rounds=rounds, timeout_s=timeout_s, advance=show)
    agreement = accuracies(found, marked.bits, is_detector=info is None or info.part == "detector")
    conditions = Conditions(threads=threads, rounds=rounds, pictures=len(samples[0]), seed=seed)
    (print_record if as_json else print_report)(found, agreement, conditions)
    if any(one.failure is not None for one in found[:own]):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Pictures:
    """What to run on: None for drawn inputs, and the bits in them, if they are known."""

    pictures: Sequence[ImageInput] | None
    bits: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class _PeerSource:
    """What peers are made from."""

    weights: PeerWeights
    info: ModelInfo

    def engines(
        self,
        peers: Sequence[Peer],
        folder: Path,
        calibration: list[Path] | None,
        threads: int,
        seed: int,
        show: Callable[[str], None],
    ) -> list[Engine]:
        from edgeseal.pictures import list_pictures
        from edgeseal.watermark.peers import calibration_inputs, prepare_peers

        pictures = None if calibration is None else list_pictures(calibration)
        inputs = calibration_inputs(self.info, pictures, seed=seed)
        return prepare_peers(
            peers, self.weights, folder, calibration=inputs, threads=threads, advance=show
        )


def _description(file: ModelFile) -> ModelInfo | None:
    from edgeseal.watermark.runtime import has_info, read_info

    return read_info(file.model, source=str(file.path)) if has_info(file.model) else None


def _refuse_for_peers(options: Mapping[str, object]) -> None:
    """Refuse options that would do nothing, since no other engine was named."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise UsageError(f"{' and '.join(given)}: for other engines; add --peers, or --peer NAME")


def _find_peers(names: list[str], *, everyone: bool) -> list[Peer]:
    if not names and not everyone:
        return []
    from edgeseal.watermark.peers import find_peers

    return find_peers([] if everyone else names)


def _peer_source(path: Path, info: ModelInfo | None, checkpoint: str | None) -> _PeerSource:
    from edgeseal.watermark.peers import weights_of

    if info is None:
        raise UsageError(
            f"{path}: was not written by edgeseal, so its weights are not known to other engines; "
            "leave --peers and --peer out"
        )
    if info.recipe != "float32":
        raise UsageError(
            f"{path}: is {info.recipe}; peers are compared with a float32 file: name one first"
        )
    return _PeerSource(weights_of(info, checkpoint), info)


def _pictures(
    images: list[Path] | None, embedder: Path | None, info: ModelInfo | None, seed: int
) -> _Pictures:
    """Read pictures, and mark them where an embedder is given."""
    if not images:
        return _Pictures(None)
    from edgeseal.pictures import list_pictures

    paths = list_pictures(images)
    if embedder is None:
        return _Pictures(paths)
    import numpy as np

    from edgeseal.watermark.runtime import Message, load_embedder

    marker = load_embedder(embedder)
    if info is None or info.part != "detector" or info.bits != marker.info.bits:
        raise UsageError(f"{embedder}: marks {marker.info.bits} bits, which no MODEL here reads")
    messages = [Message.random(info.bits, seed=seed + i) for i in range(len(paths))]
    pairs = zip(paths, messages, strict=True)
    pictures = [marker.embed(path, message).image for path, message in pairs]
    return _Pictures(pictures, np.stack([message.array() for message in messages]))


def _litert(
    paths: Sequence[Path], samples: Sequence[ModelInputs], threads: int, *, compiled_model: bool
) -> tuple[list[Engine], list[ModelInputs]]:
    from edgeseal.tflite.benchmark import LiteRTCompiledModel, LiteRTInterpreter

    kinds = (LiteRTInterpreter, LiteRTCompiledModel) if compiled_model else (LiteRTInterpreter,)
    pairs = [
        (kind(path, threads), inputs)
        for path, inputs in zip(paths, samples, strict=True)
        for kind in kinds
    ]
    return [engine for engine, _ in pairs], [inputs for _, inputs in pairs]

r"""Marking and reading videos: speed beside upstream's pipeline, and memory over length.

::

    python benchmarks/video.py speed --card videoseal_0.0 --models DIR --photos DIR
    python benchmarks/video.py memory --embedder FILE --detector FILE --photos DIR --seconds 30 120

The clip pans over photographs. ``speed`` runs both pipelines alternately in this process, from the
same H.264 file to the same encoder settings, with the same random weights: upstream's as its
streaming script does it (chunks of 16 frames as a tensor, PyTorch), read and written with PyAV like
ours. ``DIR`` holds files named as ``edgeseal convert --random-weights 0`` names them. ``memory``
marks clips of several lengths, and reads one of eight frames of them, in processes of their own and
prints their peak.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from edgeseal.pictures import find_pictures
from edgeseal.watermark.cards import Part, load_card
from edgeseal.watermark.runtime import Message, load_detector, load_embedder
from edgeseal.watermark.video import Encoding, detect_video, embed_video

_HEIGHT, _WIDTH = 1080, 1920
_CHUNK = 16  # upstream's own
_ENCODING = {"crf": "18", "preset": "veryfast"}
_CONSOLE = Console(width=120)

Pixels = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    speed = commands.add_parser("speed")
    speed.add_argument("--card", required=True)
    speed.add_argument("--models", type=Path, required=True)
    speed.add_argument("--recipe", default="float32")
    speed.add_argument("--frames", type=int, default=48)
    speed.add_argument("--rounds", type=int, default=3)
    speed.add_argument("--threads", type=int, default=2)
    memory = commands.add_parser("memory")
    memory.add_argument("--embedder", type=Path, required=True)
    memory.add_argument("--detector", type=Path, required=True)
    memory.add_argument("--seconds", type=int, nargs="+", default=[30, 120])
    memory.add_argument("--rate", type=int, default=25)
    one = commands.add_parser("one")
    one.add_argument("arguments", nargs=4)
    for command in (speed, memory):
        command.add_argument("--photos", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.command == "one":
        _one(*arguments.arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        run = _speed if arguments.command == "speed" else _memory
        run(arguments, Path(folder))


def _speed(arguments: argparse.Namespace, folder: Path) -> None:
    clip = _write_clip(folder / "clip.mp4", arguments.photos, arguments.frames, 25)
    model = _upstream(arguments.card, arguments.threads)
    stem, recipe, threads = arguments.card, arguments.recipe, arguments.threads
    embedder = load_embedder(arguments.models / f"{stem}_embedder_{recipe}.tflite", threads=threads)
    detector = load_detector(arguments.models / f"{stem}_detector_{recipe}.tflite")
    message = Message.random(embedder.info.bits, seed=0)
    encoding = Encoding(crf=float(_ENCODING["crf"]), preset=_ENCODING["preset"])
    ours, theirs = folder / "ours.mp4", folder / "theirs.mp4"
    runs: dict[str, Callable[[], object]] = {
        "embed, upstream": lambda: _upstream_embed(model, clip, theirs, message),
        "embed, edgeseal": lambda: embed_video(
            embedder, clip, ours, message, encoding=encoding, overwrite=True
        ),
        "detect, upstream": lambda: _upstream_detect(model, clip),
        "detect, edgeseal": lambda: detect_video(detector, clip, workers=threads),
    }
    wall, busy = _alternate(runs, arguments.rounds)
    table = Table("run", "frames/s", "CPU s/frame", "x upstream's time", "x upstream's CPU time")
    for name in runs:
        peer = name.split(",")[0] + ", upstream"
        rate = arguments.frames / wall[name]
        shares = (wall[name] / wall[peer], busy[name] / busy[peer])
        cells = (
            f"{rate:.2f}",
            f"{busy[name] / arguments.frames:.3f}",
            *(f"{s:.2f}" for s in shares),
        )
        table.add_row(name, *cells)
    _CONSOLE.print(
        f"{stem}, {recipe}, {_WIDTH} x {_HEIGHT}, {arguments.frames} frames, {threads} threads, "
        f"{arguments.rounds} rounds, fastest of each"
    )
    _CONSOLE.print(table)


def _alternate(
    runs: dict[str, Callable[[], object]], rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the least wall and processor seconds of each run."""
    wall, busy = dict.fromkeys(runs, np.inf), dict.fromkeys(runs, np.inf)
    for _ in range(rounds):
        for name, run in runs.items():
            began, worked = time.perf_counter(), time.process_time()
            run()
            wall[name] = min(wall[name], time.perf_counter() - began)
            busy[name] = min(busy[name], time.process_time() - worked)
    return wall, busy


def _upstream(name: str, threads: int) -> Any:
    """Return upstream's ``Videoseal`` with random weights."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    upstream: Any = importlib.import_module("upstream")
    torch: Any = importlib.import_module("torch")
    models: Any = importlib.import_module("edgeseal.watermark.models")
    torch.set_num_threads(threads)
    card = load_card(name)
    parts = {part: models.random_weights(card, part, 0).module.state_dict() for part in Part}
    embedder, detector = upstream.UpstreamEmbedder(card), upstream.upstream_detector(card)
    embedder.load_state_dict(parts[Part.EMBEDDER])
    detector.load_state_dict(parts[Part.DETECTOR])
    network = upstream.upstream_module("embedder", package="models").UnetEmbedder(
        embedder.unet, embedder.msg_processor
    )
    network.yuv = embedder.unet.in_channels == 1
    jnd = None if card.attenuation is None else upstream.upstream_jnd(card.attenuation)
    return (
        upstream.upstream_module("videoseal", package="models")
        .Videoseal(
            network,
            detector,
            None,
            attenuation=jnd,
            scaling_w=card.scaling_w,
            scaling_i=card.scaling_i,
            img_size=card.image_size,
            chunk_size=32,
            step_size=card.step_size,
        )
        .eval()
    )


def _chunks(path: Path) -> Iterator[tuple[Any, list[Any]]]:
    """Yield tensors [F, 3, H, W], 0..1, and the frames that they are of."""
    torch: Any = importlib.import_module("torch")
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        frames: list[Any] = []
        for frame in container.decode(video=0):
            frames.append(frame)
            if len(frames) == _CHUNK:
                yield _tensor(torch, frames), frames
                frames = []
        if frames:
            yield _tensor(torch, frames), frames


def _tensor(torch: Any, frames: list[Any]) -> Any:
    pixels = np.stack([frame.to_ndarray(format="rgb24") for frame in frames])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255.0


def _upstream_embed(model: Any, source: Path, target: Path, message: Message) -> None:
    torch: Any = importlib.import_module("torch")
    bits = torch.tensor([message.bits])
    with av.open(str(target), "w") as container, torch.no_grad():
        stream = _add_stream(container, 25)
        for tensor, frames in _chunks(source):
            marked = model.embed(tensor, bits, is_video=True)["imgs_w"]
            levels = (marked * 255.0).byte().permute(0, 2, 3, 1).numpy()
            for pixels, like in zip(levels, frames, strict=True):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                frame.pts, frame.time_base = like.pts, like.time_base
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _upstream_detect(model: Any, source: Path) -> Any:
    torch: Any = importlib.import_module("torch")
    with torch.no_grad():
        logits = [model.detect(tensor, is_video=True)["preds"] for tensor, _ in _chunks(source)]
    return torch.cat(logits).mean(0)


def _memory(arguments: argparse.Namespace, folder: Path) -> None:
    _CONSOLE.print(f"{arguments.embedder.name}, {arguments.detector.name}, {_WIDTH} x {_HEIGHT}")
    for seconds in arguments.seconds:
        frames = seconds * arguments.rate
        clip = _write_clip(folder / "clip.mp4", arguments.photos, frames, arguments.rate)
        marked = folder / "marked.mp4"
        cells = []
        for verb, model, path in (
            ("embed", arguments.embedder, clip),
            ("detect", arguments.detector, clip),
        ):
            cells.append(f"{_peak_bytes(verb, model, path, marked) / 2**20:.0f}")
        _CONSOLE.print(
            f"{seconds} s at {arguments.rate}/s, {frames} frames: embed {cells[0]} MiB, detect "
            f"{cells[1]} MiB"
        )


def _peak_bytes(verb: str, model: Path, source: Path, target: Path) -> int:
    """Mark or read a video in a process of its own and return its peak of resident memory."""
    command = [sys.executable, __file__, "one", verb, str(model), str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


def _one(verb: str, model: str, source: str, target: str) -> None:
    if verb == "embed":
        embedder = load_embedder(model)
        message = Message.random(embedder.info.bits, seed=0)
        encoding = Encoding(preset="ultrafast")
        embed_video(embedder, source, target, message, encoding=encoding, overwrite=True)
    else:
        detect_video(load_detector(model), source, every=8)
    # Linux counts what the parent had in getrusage's figure; this one begins with the program.
    status = Path("/proc/self/status").read_text()
    print(1024 * int(status.partition("VmHWM:")[2].split()[0]))


def _write_clip(path: Path, photos: Path, frames: int, rate: int) -> Path:
    """Write a clip that pans over photographs, a new one every two seconds."""
    pictures = [_enlarged(picture) for picture in find_pictures(photos)[:8]]
    with av.open(str(path), "w") as container:
        stream = _add_stream(container, rate)
        for index in range(frames):
            picture = pictures[index // (2 * rate) % len(pictures)]
            shift = 3 * (index % (2 * rate)) % 150
            pixels = picture[shift // 2 : shift // 2 + _HEIGHT, shift : shift + _WIDTH]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _enlarged(path: Path) -> Pixels:
    with Image.open(path) as picture:
        size = (_WIDTH + 160, _HEIGHT + 90)
        pixels: Pixels = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BICUBIC))
    return pixels


def _add_stream(container: Any, rate: int) -> Any:
    stream = container.add_stream("libx264", rate=rate, options=_ENCODING)
    stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
    return stream


if __name__ == "__main__":
    main()

r"""How well browsers compute: photographs in the page, and recipes in LiteRT.js by backend.

::

    edgeseal convert videoseal_0.0 --random-weights 0 --part detector -o FILES --recipe dynamic-int8
    python benchmarks/browser.py FILES/*.tflite                # agreement and memory
    python benchmarks/browser.py FILES/*.tflite --rounds 30    # times, too, on an idle machine
    python benchmarks/browser.py FILES/*.tflite --backend webgpu
    python benchmarks/browser.py --photographs FOLDER          # needs selenium and chromedriver

Files are compared with themselves in LiteRT on this processor, on the bundled photographs; a time
is the median over rounds of its ratio to the first file's in LiteRT, which has one thread. WebGPU
is SwiftShader's where there is no graphics processor, which takes minutes and is not timed.
``--photographs`` marks every picture of a folder with the reference pair's embedder and reads it as
PNG and as JPEG of quality 75 in the page, on WebAssembly with one thread, and in Python.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import edgeseal
from edgeseal.data import photo_paths
from edgeseal.tflite.benchmark import Engine, LiteRTInBrowser, LiteRTInterpreter, bench
from edgeseal.tflite.devices import BROWSER_BACKENDS
from edgeseal.tflite.graph import read_model
from edgeseal.tflite.metrics import nsr, sign_agreement
from edgeseal.watermark.payload import Payload

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # for the page in a browser

_FORMATS = {"png": {}, "jpeg": {"quality": 75}}
_RECIPES = ("float32", "dynamic-int8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="*", metavar="DETECTOR.tflite")
    parser.add_argument("--rounds", type=int, metavar="N")
    parser.add_argument("--backend", action="append", choices=BROWSER_BACKENDS)
    parser.add_argument("--photographs", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.files:
        _backends(arguments.files, arguments.backend or ["wasm", "wasm-threads"], arguments.rounds)
    if arguments.photographs:
        with tempfile.TemporaryDirectory() as folder:
            _photographs(sorted(arguments.photographs.iterdir()), Path(folder))


def _backends(files: list[Path], backends: list[str], rounds: int | None) -> None:
    """Print how every file agrees with itself in LiteRT, its memory, and a time if asked for."""
    engines: list[Engine | LiteRTInBrowser] = []
    for path in files:
        engines += [LiteRTInterpreter(path), *(LiteRTInBrowser(path, b, 2) for b in backends)]
    inputs = [_inputs(Path(engine.model)) for engine in engines]
    found = bench(engines, inputs, rounds=rounds or 1, sustained_s=0.0)
    natives = {one.model: one.outputs for one in found if one.engine == "LiteRT"}
    for one in found:
        facts = [one.failure or ""]
        native = natives[one.model]
        if one.outputs is not None and native is not None:
            agreement = sign_agreement(one.outputs, native)
            facts = [f"signs {agreement:.5f}", f"NSR {nsr(one.outputs, native):.1e}"]
        if one.timings and one.timings.peak_memory_bytes:
            facts.append(f"{one.timings.peak_memory_bytes / 2**20:.0f} MiB")
        if one.timings and rounds:
            facts.append(f"{one.timings.ratio:.2f} of the first")
        print(f"{Path(one.model).stem:40} {one.engine:38} {', '.join(facts)}", flush=True)


def _inputs(path: Path) -> list[tuple[Any, ...]]:
    size = read_model(path).main.inputs[0].shape[1]
    pictures = [Image.open(photo).convert("RGB").resize((size, size)) for photo in photo_paths()]
    return [(np.asarray(one, np.float32)[None] / 255,) for one in pictures]


def _photographs(photographs: list[Path], folder: Path) -> None:
    from tflite.view.browser import start_browser  # type: ignore[import-not-found]
    from web.browsing import OPTIONS, Page, served  # type: ignore[import-not-found]

    edgeseal.convert("reference", folder / "models", part="both", recipes=_RECIPES)
    embedder = edgeseal.load_embedder(folder / "models" / "reference_embedder_float32.tflite")
    files = [path for one in photographs for path in _marked(one, embedder, folder)]
    driver = start_browser(OPTIONS)
    try:
        for recipe in _RECIPES:
            model = folder / "models" / f"reference_detector_{recipe}.tflite"
            edgeseal.pack([model], folder / f"{recipe}-pack")
            edgeseal.web(export=folder / recipe, models=folder / f"{recipe}-pack")
            index = folder / recipe / "index.html"
            index.write_text(
                index.read_text().replace('"webgpu,webnn,wasm-threads,wasm"', '"wasm"')
            )
            with served(folder / recipe) as url:
                cards = Page(driver, url).open().read(*files)
            _compare(recipe, files, cards, edgeseal.load_detector(model))
    finally:
        driver.quit()


def _marked(photograph: Path, embedder: edgeseal.LiteRTEmbedder, folder: Path) -> Iterator[Path]:
    marked = embedder.embed(photograph, Payload.from_text(photograph.stem)).pixels
    for name, options in _FORMATS.items():
        path = folder / f"{photograph.stem}.{name}"
        file = io.BytesIO()
        Image.fromarray(marked).save(file, name, **options)
        path.write_bytes(file.getvalue())
        yield path


def _compare(
    recipe: str, files: list[Path], cards: list[Any], detector: edgeseal.LiteRTDetector
) -> None:
    """Print how the page's readings compare with Python's, for each format."""
    for name in _FORMATS:
        pairs = [(p, c) for p, c in zip(files, cards, strict=True) if p.suffix == f".{name}"]
        same, right, signs, farthest = 0, 0, [], 0.0
        for path, card in pairs:
            expected = detector.detect(path, fpr=1e-6)
            found = card["record"]["detection"]
            logits = np.array(found["logits"], np.float32)
            reading = expected.to_json()["reading"]
            same += reading["payload"] == found["reading"]["payload"]
            right += found["reading"]["payload"] == {"kind": "text", "value": path.stem}
            signs.append((logits > 0) == (expected.logits > 0))
            off = np.abs(logits - expected.logits).max() / np.abs(expected.logits).max()
            farthest = max(farthest, float(off))
        print(
            f"reference {recipe:12} {name:4} payload as Python's {same} of {len(pairs)}, "
            f"as embedded {right}; signs {np.mean(signs):.5f}; "
            f"logits within {farthest:.1e} of the largest",
            flush=True,
        )


if __name__ == "__main__":
    main()

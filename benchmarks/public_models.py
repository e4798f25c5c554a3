r"""Public float models: every recipe against the stock quantizer's nearest one.

::

    pip download --no-deps -d wheels mediapipe==0.10.14 openwakeword==0.4.0
    python benchmarks/public_models.py wheels [--recipes full-int8 dynamic-int8] [--json FILE]

takes every float ``.tflite`` in files, folders and wheels, applies recipes to it, and prints the
normalized mean squared error of the outputs on inputs that were not calibrated on: photographs for
pictures, in the range that the model says it wants, normal noise for the rest. Both quantizers
calibrate on the same arrays. Each file runs in a process of its own, since kernels may end it. For
the stock quantizer too, FLOAT16 weights are widened and a signature is added where there is none.

The last column is ours by stock's; a recipe passes where it is no worse than 1.1 times stock's, or
where stock has none. Exits with 1 if one does not pass.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from skimage import data

from edgeseal import tflite
from edgeseal.errors import EdgesealError
from edgeseal.pictures import ImageInput
from edgeseal.tflite.graph import Model, Signature, Tensor, read_model, write_model
from edgeseal.tflite.inputs import known_scale, picture_input, picture_samples
from edgeseal.tflite.quantization import check_fit, find_recipe

STOCK = {
    "float16": None,
    "weight-int8": "weight_only_wi8_afp32",
    "dynamic-int8": "dynamic_wi8_afp32",
    "hybrid-int8": "static_wi8_ai8",
    "full-int8": "static_wi8_ai8",
    "int16x8": "static_wi8_ai16",
    "mixed-int4": "dynamic_wi4_afp32",
    "dynamic-int4": "dynamic_wi4_afp32",
}
MOST = 1.1
_CALIBRATION, _TEST = 16, 8
_RUN = """
import sys
import numpy as np
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(sys.argv[1], num_threads=2)
interpreter.allocate_tensors()
given, found = np.load(sys.argv[2]), []
inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
def stored(values, detail):  # the stock quantizer leaves integers at the ends
    (scale, zero), kind = detail["quantization"], detail["dtype"]
    if not scale or values.dtype == kind:
        return values
    limits = np.iinfo(kind)
    return np.clip(np.rint(values / scale) + zero, limits.min, limits.max).astype(kind)
def real(values, detail):
    scale, zero = detail["quantization"]
    return (values.astype(np.float64) - zero) * scale if scale else values
for row in range(len(given[given.files[0]])):
    for place, detail in enumerate(inputs):
        interpreter.set_tensor(detail["index"], stored(given[f"arr_{place}"][row], detail))
    interpreter.invoke()
    found.append([real(interpreter.get_tensor(d["index"]).copy(), d) for d in outputs])
np.savez(sys.argv[3], *(np.stack(one) for one in zip(*found)))
"""
_QUANTIZE = """
import sys
import numpy as np
from ai_edge_quantizer import quantizer, recipe
source, name, rows, target = sys.argv[1:]
made = quantizer.Quantizer(source, getattr(recipe, name)())
calibration = None
if made.need_calibration:
    given = np.load(rows)
    from ai_edge_litert.interpreter import Interpreter
    runner = Interpreter(source).get_signature_runner()
    names = list(runner.get_input_details())
    details = Interpreter(source).get_input_details()
    order = [next(i for i, d in enumerate(details) if tuple(d["shape"]) == tuple(
        runner.get_input_details()[n]["shape"])) for n in names]
    data = [{n: given[f"arr_{p}"][row] for n, p in zip(names, order)} for row in
            range(len(given["arr_0"]))]
    calibration = made.calibrate({runner._signature_key: data})
made.quantize(calibration).export_model(target, overwrite=True)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A recipe on a model.

    Attributes:
        model: the file's name.
        recipe: ours.
        ours: NMSE of the worst output; None where it was refused.
        stock: the same of the stock quantizer; None where it fails.
        why: what either says that does not run.
    """

    model: str
    recipe: str
    ours: float | None
    stock: float | None
    why: str

    @property
    def passes(self) -> bool:
        """Whether it is no worse than stock."""
        if self.stock is None:
            return self.ours is not None
        return self.ours is not None and self.ours <= MOST * max(self.stock, 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--recipes", nargs="*", default=list(STOCK))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for path in _models(arguments.sources, Path(folder)):
            for row in _measure(path, arguments.recipes, Path(folder)):
                rows.append(row)
                print(_line(row), flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    failed = [row for row in rows if not row.passes]
    print(f"{len(rows)} trials, {len(rows) - len(failed)} pass")
    sys.exit(1 if failed else 0)


def _line(row: Row) -> str:
    ours, stock = ("-" if one is None else f"{one:.1e}" for one in (row.ours, row.stock))
    ratio = "" if row.ours is None or not row.stock else f"{row.ours / row.stock:.2f}"
    verdict = "" if row.passes else "WORSE"
    return f"{row.model:44} {row.recipe:13} {ours:>8} {stock:>8} {ratio:>8} {verdict:5} {row.why}"


def _models(sources: list[Path], folder: Path) -> Iterator[Path]:
    """Yield float models: those of files, folders and wheels, with FLOAT16 weights widened."""
    for source in sources:
        files = sorted(source.rglob("*")) if source.is_dir() else [source]
        for file in files:
            if file.suffix == ".whl":
                with zipfile.ZipFile(file) as wheel:
                    names = [name for name in wheel.namelist() if name.endswith(".tflite")]
                    found = [Path(wheel.extract(name, folder / "wheels")) for name in names]
            else:
                found = [file] if file.suffix == ".tflite" else []
            for path in sorted(found):
                wide = folder / path.name
                try:
                    model = read_model(path)
                    check_fit(model, find_recipe("weight-int8"))
                    if not model.signatures:
                        ends = ({t.name: t for t in side} for side in _ends(model))
                        model.signatures.append(Signature("serving_default", model.main, *ends))
                    write_model(model, wide, overwrite=True)
                except EdgesealError as error:
                    print(f"{path.name}: left out: {str(error).splitlines()[0][:100]}")
                    continue
                yield wide


def _ends(model: Model) -> tuple[list[Tensor], list[Tensor]]:
    return model.main.inputs, model.main.outputs


def _measure(path: Path, recipes: list[str], folder: Path) -> Iterator[Row]:
    model = read_model(path)
    arrays = folder / "arrays"
    arrays.mkdir(exist_ok=True)
    learned, tried = arrays / "calibration.npz", arrays / "test.npz"
    np.savez(learned, *_values(model, _CALIBRATION, 0))
    np.savez(tried, *_values(model, _TEST, 1))
    expected, why = _outputs(path, tried, folder)
    if expected is None:
        print(f"{path.name}: left out: {why}")
        return
    known: dict[str, tuple[float | None, str]] = {}
    for name in recipes:
        ours, reason = _ours(path, name, learned, tried, expected, folder)
        stock_name = STOCK[name]
        stock: float | None = None
        if stock_name is not None:
            if stock_name not in known:
                known[stock_name] = _stock(path, stock_name, learned, tried, expected, folder)
            stock, other = known[stock_name]
            reason = reason or (f"stock: {other}" if other else "")
        yield Row(path.name, name, ours, stock, reason)


def _values(model: Model, count: int, seed: int) -> list[np.ndarray]:
    """Return what to run on: for each input an array [count, *shape]."""
    generator = np.random.default_rng(seed)
    try:
        picture = picture_input(model)
    except EdgesealError:
        picture = None
    views = list(_views(count, seed)) if picture is not None else []
    made = []
    for tensor in model.main.inputs:
        shape = tuple(max(1, size) for size in tensor.shape)
        if tensor is picture:
            samples = picture_samples(views, tensor, known_scale(model))
            values = np.stack([sample[tensor.name] for sample in samples])
        else:
            values = generator.normal(size=(count, *shape)).astype(np.float32)
        made.append(values)
    return made


def _views(count: int, seed: int) -> Iterator[ImageInput]:
    """Yield parts of photographs, others for each seed."""
    generator = np.random.default_rng(seed)
    pictures = [data.astronaut(), data.cat(), data.coffee(), data.rocket()]
    for index in range(count):
        picture = pictures[(2 * seed + index % 2) % len(pictures)]
        size = int(min(picture.shape[:2]) * generator.uniform(0.5, 0.95))
        top, left = (int(generator.integers(0, side - size)) for side in picture.shape[:2])
        yield (picture[top : top + size, left : left + size] / 255).astype(np.float32)


def _outputs(path: Path, arrays: Path, folder: Path) -> tuple[list[np.ndarray] | None, str]:
    result = folder / "outputs.npz"
    done = _python(_RUN, path, arrays, result)
    if done:
        return None, done
    with np.load(result) as found:
        return [found[name].astype(np.float64) for name in found.files], ""


def _python(program: str, *arguments: object) -> str:
    """Run a program in a process of its own; returns what it says if it fails."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    except subprocess.TimeoutExpired:
        return "took more than 15 minutes"
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return lines[-1][:120] if done.returncode > 0 else f"signal {-done.returncode}"


def _ours(
    path: Path, recipe: str, learned: Path, tried: Path, expected: list[np.ndarray], folder: Path
) -> tuple[float | None, str]:
    target = folder / "ours.tflite"
    calibration = [learned] if find_recipe(recipe).uses_calibration else []
    try:
        made = tflite.quantize(path, recipe, target, calibration=calibration, overwrite=True)
    except EdgesealError as error:
        return None, " ".join(str(error).split())[:160]
    if not made.is_good:
        return None, str(made.refusal)[:160]
    return _error(target, tried, expected, folder)


def _stock(
    path: Path, recipe: str, learned: Path, tried: Path, expected: list[np.ndarray], folder: Path
) -> tuple[float | None, str]:
    target = folder / "stock.tflite"
    why = _python(_QUANTIZE, path, recipe, learned, target)
    return (None, why) if why else _error(target, tried, expected, folder)


def _error(
    path: Path, tried: Path, expected: list[np.ndarray], folder: Path
) -> tuple[float | None, str]:
    found, why = _outputs(path, tried, folder)
    if found is None:
        return None, why
    worst = 0.0
    for got, want in zip(found, expected, strict=True):
        variance = float(want.var())
        if variance > 0:
            worst = max(worst, float(np.square(got - want).mean()) / variance)
    return worst, ""


if __name__ == "__main__":
    main()

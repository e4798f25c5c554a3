"""The file of ranges: it comes back as it was, and what is damaged is refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseal.errors import FileError, ModelError, OutputExistsError
from edgeseal.tflite.calibration import Ranges, TensorStatistics, read_ranges, write_ranges
from edgeseal.tflite.calibration._ranges import GraphRanges, InputsRecord


def statistics(seed: int, *shape: int) -> TensorStatistics:
    rng = np.random.default_rng(seed)
    seen = TensorStatistics()
    for _ in range(3):
        seen.add(rng.normal(size=shape).astype(np.float32))
    return seen


def ranges() -> Ranges:
    tensors = {"a": statistics(0, 5, 4), "b#2": statistics(1, 7), "ü/ñ;x": statistics(2, 2, 3, 3)}
    graphs = {"one": GraphRanges(tensors, 3), "two": GraphRanges({}, 0)}
    return Ranges("model", InputsRecord(3, 3, True, "digest"), graphs)


def test_ranges_come_back_when_written(tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    write_ranges(ranges(), path)
    found = read_ranges(path)
    assert (found.source, found.inputs) == ("model", InputsRecord(3, 3, True, "digest"))
    assert {name: graph.done for name, graph in found.graphs.items()} == {"one": 3, "two": 0}
    for key, seen in ranges().graphs["one"].tensors.items():
        again = found.graphs["one"].tensors[key]
        assert again.to_record() == seen.to_record()
        for name in ("channel_low", "channel_high", "channel_mean", "channel_energy"):
            one, other = getattr(again, name), getattr(seen, name)
            assert (one is None) is (other is None)
            assert one is None or np.array_equal(one, other)


def test_file_is_the_same_when_read_and_written_again(tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    write_ranges(ranges(), first)
    write_ranges(read_ranges(first), second)
    assert first.read_bytes() == second.read_bytes()


def test_tensor_is_left_out_when_nothing_was_seen_of_it(tmp_path: Path) -> None:
    unfinished = ranges()
    unfinished.graphs["one"].tensors["never"] = TensorStatistics()
    write_ranges(unfinished, tmp_path / "ranges.json")
    assert set(read_ranges(tmp_path / "ranges.json").graphs["one"].tensors) == {
        "a", "b#2", "ü/ñ;x"
    }  # fmt: skip


def test_existing_file_is_kept_when_overwriting_was_not_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    path.write_text("mine")
    with pytest.raises(OutputExistsError):
        write_ranges(ranges(), path)
    assert path.read_text() == "mine"
    write_ranges(ranges(), path, overwrite=True)
    assert read_ranges(path).source == "model"


def test_file_error_names_the_path_when_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"gone\.json: cannot be read \(No such file"):
        read_ranges(tmp_path / "gone.json")


def drop(*keys: str) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        for key in keys[:-1]:
            record = record[key]
        del record[keys[-1]]

    return change


def put(value: object, *keys: str) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        for key in keys[:-1]:
            record = record[key]
        record[keys[-1]] = value

    return change


TENSOR = ("graphs", "one", "tensors", "a")


@pytest.mark.parametrize(
    "damage",
    [
        drop("model"),
        drop("inputs", "digest"),
        put(1, "inputs", "more"),
        put([1, 2], "graphs"),
        drop("graphs", "one", "done"),
        put("many", "graphs", "one", "done"),
        drop("graphs", "one", "tensors"),
        drop(*TENSOR, "low"),
        put("high", *TENSOR, "high"),
        put(None, *TENSOR, "pictures"),
        drop(*TENSOR, "histogram", "counts"),
        put("x", *TENSOR, "histogram", "exponent"),
        drop(*TENSOR, "channel_sum"),
        put(["a"], *TENSOR, "channel_low"),
        put(5.0, *TENSOR, "low"),  # above the largest
    ],
)
def test_model_error_says_damaged_when_a_field_is_wrong(
    damage: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    path = tmp_path / "ranges.json"
    write_ranges(ranges(), path)
    record = json.loads(path.read_text())
    damage(record)
    path.write_text(json.dumps(record))
    with pytest.raises(ModelError, match=r"ranges\.json: damaged ranges file .*; calibrate again"):
        read_ranges(path)


def test_model_error_says_so_when_a_number_is_infinite(tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    write_ranges(ranges(), path)
    record = json.loads(path.read_text())
    put(1e999, *TENSOR, "high")(record)
    path.write_text(json.dumps(record))
    with pytest.raises(ModelError, match=r"ranges\.json: .*Infinity, which is no number of JSON"):
        read_ranges(path)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_model_error_names_the_version_when_it_is_another(version: object, tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    write_ranges(ranges(), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": version}))
    with pytest.raises(ModelError, match=f"schema version {version!r}, expected 1"):
        read_ranges(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_model_error_says_so_when_the_file_is_cut_short(share: float, tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    write_ranges(ranges(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ModelError, match="not a ranges file"):
        read_ranges(path)


def test_statistics_have_no_channels_when_the_last_dimension_is_too_long() -> None:
    seen = statistics(0, 1, 16_385)
    assert seen.channel_low is seen.channel_mean is seen.channel_energy is None
    assert "channel_low" not in seen.to_record()
    again = TensorStatistics.from_record(json.loads(json.dumps(seen.to_record())))
    assert (again.low, again.high, again.pictures) == (seen.low, seen.high, 3)


def test_energy_is_the_mean_square_when_pictures_differ_in_size() -> None:
    rng = np.random.default_rng(5)
    pictures = [rng.normal(size=(rows, 6)).astype(np.float32) for rows in (3, 30, 11)]
    seen = TensorStatistics()
    for values in pictures:
        seen.add(values)
    every = np.concatenate(pictures)
    assert np.allclose(seen.channel_energy, np.square(every).mean(axis=0), rtol=1e-6)
    assert np.allclose(seen.channel_mean, every.mean(axis=0), atol=1e-6)


def test_histogram_has_evenly_spread_values_when_a_picture_has_very_many() -> None:
    values = np.linspace(-1, 1, 600_000, dtype=np.float32)
    seen = TensorStatistics()
    seen.add(values)
    assert (seen.low, seen.high) == (-1, 1)
    assert 200_000 <= seen.histogram.total <= 1 << 18
    assert seen.histogram.edges()[0] <= -1 < 1 - 1e-4 < seen.histogram.edges()[-1]
    shares = seen.histogram.counts / seen.histogram.total
    assert shares[1:-1].max() < 1.1 * shares[1:-1].min()

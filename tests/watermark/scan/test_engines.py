"""The function that reads one item, inside other engines: as pandas' batches, in Spark, in Daft."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import edgeseal
from edgeseal.watermark.scan import Item, Reading, read_item
from pairs import Pair

NAMES = ("a.png", "c.png", "f.png")
COLUMNS = ("source", "verdict", "content")


@pytest.fixture
def given(corpus: Path) -> dict[str, list[Any]]:
    """Pictures as a table of an engine holds them."""
    return {"source": list(NAMES), "image": [(corpus / name).read_bytes() for name in NAMES]}


@pytest.fixture
def expected(corpus: Path, pair96: Pair) -> list[tuple[str, str, str | None]]:
    """What ``detect`` says of them, in their order."""
    found = edgeseal.detect([corpus / name for name in NAMES], model=pair96.detector).results
    readings = [one.detection.reading if one.detection else None for one in found]
    return [
        (name, "error", None)
        if reading is None
        else (name, reading.status.value, str(reading.payload) if reading.payload else None)
        for name, reading in zip(NAMES, readings, strict=True)
    ]


def reader(model: Path) -> Any:
    """Return the function of docs/scan.md for ``mapInPandas``."""
    pandas: Any = pytest.importorskip("pandas", reason="pandas is not installed")
    reading = Reading.with_model(model)

    def read(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            items = map(Item, batch["source"], map(bytes, batch["image"]))
            rows = [dataclasses.asdict(read_item(reading, item)) for item in items]
            yield pandas.DataFrame(rows)[list(COLUMNS)]

    return read


def found(rows: Any) -> list[tuple[Any, ...]]:
    """Return the cells of a table of pandas."""
    columns = [[None if cell != cell else cell for cell in rows[name]] for name in COLUMNS]
    return sorted(zip(*columns, strict=True))


def test_rows_are_those_of_detection_in_batches_of_pandas(
    pair96: Pair, given: dict[str, list[Any]], expected: list[tuple[str, str, str | None]]
) -> None:
    read = reader(pair96.detector)
    import pandas

    whole = pandas.DataFrame(given)
    batches = list(read(iter([whole[:2], whole[2:]])))
    assert [len(batch) for batch in batches] == [2, 1]
    assert found(pandas.concat(batches)) == expected


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_rows_are_those_of_detection_in_spark(
    pair96: Pair,
    given: dict[str, list[Any]],
    expected: list[tuple[str, str, str | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sql: Any = pytest.importorskip("pyspark.sql", reason="PySpark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    read = reader(pair96.detector)
    settings = {"spark.ui.enabled": "false", "spark.sql.execution.arrow.maxRecordsPerBatch": "2"}
    spark = sql.SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    try:
        table = spark.createDataFrame(list(zip(*given.values(), strict=True)), list(given))
        rows = table.mapInPandas(read, "source string, verdict string, content string").toPandas()
    finally:
        spark.stop()
    assert found(rows) == expected


@pytest.mark.filterwarnings("ignore")
def test_rows_are_those_of_detection_in_daft(
    pair96: Pair, given: dict[str, list[Any]], expected: list[tuple[str, str, str | None]]
) -> None:
    daft: Any = pytest.importorskip("daft", reason="Daft is not installed")
    reading = Reading.with_model(pair96.detector)
    kinds = {name: daft.DataType.string() for name in COLUMNS}

    @daft.func(return_dtype=daft.DataType.struct(kinds))
    def read(source: str, image: bytes) -> dict[str, Any]:
        row = read_item(reading, Item(source, image))
        return {name: getattr(row, name) for name in COLUMNS}

    table = daft.from_pydict(given)
    rows = table.select(read(table["source"], table["image"]).alias("row")).to_pydict()["row"]
    assert sorted(tuple(row[name] for name in COLUMNS) for row in rows) == expected

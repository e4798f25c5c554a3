"""What a profile says of itself, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeseal.tflite.graph import Arithmetic, Macs, new_operator
from edgeseal.tflite.profiling import OperatorTime, Placement, Profile
from graphs import value


def timed(kind: str, **changes: Any) -> OperatorTime:
    result = value(f"{kind.lower()}_out", [1])
    known: dict[str, Any] = {
        "number": 0,
        "operator": new_operator(kind, [value("x", [1])], [result]),
        "module": "",
        "placement": Placement.DELEGATE,
        "latency_ms": 1.0,
        "share": 0.25,
        "macs": None,
        "message": "",
    }
    return OperatorTime(**known | changes)


def profile_of(*operators: OperatorTime, **changes: Any) -> Profile:
    known: dict[str, Any] = {
        "path": Path("m.tflite"),
        "threads": 1,
        "rounds": 3,
        "latency_ms": 4.0,
        "processor_ms": 4.0,
        "refusal": "",
        "partitions": 1,
    }
    return Profile(operators=operators, **known | changes)


INTEGER = timed("CONV_2D", macs=Macs(6_000_000, Arithmetic.INTEGER))
HYBRID = timed("FULLY_CONNECTED", macs=Macs(3_000_000, Arithmetic.HYBRID))
FLOAT = timed("BATCH_MATMUL", macs=Macs(1_000_000, Arithmetic.FLOAT), placement=Placement.FALLBACK)
LOADING = timed("DEQUANTIZE", placement=Placement.LOADING, latency_ms=None, share=None)


def test_whole_places_and_products_are_said_when_a_file_runs() -> None:
    assert str(profile_of(INTEGER, HYBRID, FLOAT, LOADING, partitions=2)).splitlines() == [
        "m.tflite: 4 ms with 1 thread; operators one by one: 3 ms, 75% of the whole",
        "4 operators: 2 on the accelerated delegate, in 2 pieces; 1 on LiteRT's own kernels; "
        "1 unpack constants once, when it is loaded",
        "0.01 G multiply-accumulates, 90.0% on integer kernels: 60.0% integers, 30.0% floats that "
        "are quantized on the way; 10.0% float",
    ]


def test_nothing_is_made_up_when_a_file_does_not_run_and_multiplies_nothing() -> None:
    failed = timed("ABS", latency_ms=None, share=None, message="no kernel")
    found = profile_of(
        failed, threads=2, latency_ms=None, processor_ms=None, refusal="no kernel", partitions=0
    )
    assert str(found).splitlines() == [
        "m.tflite: does not run with 2 threads; operators one by one: 0 ms",
        "1 operators: 1 on the accelerated delegate",
        "no multiply-accumulates in matrix products, convolutions or recurrent layers",
    ]
    assert not found.is_good
    record = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert record["refusal"] == record["operators"][0]["failure"] == "no kernel"
    assert record["isolated_share"] is record["integer_macs_share"] is record["latency_ms"] is None


def test_sums_of_a_record_are_those_of_its_operators() -> None:
    second = timed("CONV_2D", latency_ms=5.0, share=None, macs=Macs(2_000_000, Arithmetic.FLOAT))
    found = profile_of(INTEGER, HYBRID, FLOAT, LOADING, second)
    record = json.loads(json.dumps(found.to_json(), allow_nan=False))
    rows = record["operators"]
    counts = [row["macs"]["count"] for row in rows if row["macs"]]
    assert record["macs"]["total"] == sum(counts) == 12_000_000
    assert sum(count for name, count in record["macs"].items() if name != "total") == sum(counts)
    assert record["integer_macs_share"] == pytest.approx(9 / 12)
    assert record["isolated_ms"] == sum(row["latency_ms"] or 0 for row in rows) == 8
    kinds = {kind["kind"]: kind for kind in record["kinds"]}
    assert [kind["kind"] for kind in record["kinds"]] == [
        "CONV_2D",
        "BATCH_MATMUL",  # as slow as the next: by name
        "FULLY_CONNECTED",
        "DEQUANTIZE",
    ]
    assert (kinds["CONV_2D"]["count"], kinds["CONV_2D"]["latency_ms"]) == (2, 6)
    assert kinds["CONV_2D"]["macs"] == 8_000_000
    assert kinds["DEQUANTIZE"]["share"] is None
    assert [kinds[kind]["on_delegate"] for kind in ("CONV_2D", "BATCH_MATMUL")] == [2, 0]

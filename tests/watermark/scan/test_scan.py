"""Scans: rows as detection gives them, and outputs that survive any end."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

import edgeseal
from edgeseal import ScanResult
from edgeseal.errors import (
    EdgesealError,
    FileError,
    OutputExistsError,
    ProbeError,
    UsageError,
)
from edgeseal.tflite.workers import WorkerProcess
from edgeseal.watermark.payload import Payload
from edgeseal.watermark.registry import Issued, Registry
from edgeseal.watermark.scan import Item, Reading, read_item, read_items
from edgeseal.watermark.scan import _scan_pool as pool
from pairs import Pair
from patience import HANG_S, wait_until
from watermark.scan.conftest import Heard

Scan = Callable[..., ScanResult]
COUNTS = {"absent": 3, "error": 1, "present": 2}


@pytest.fixture
def scan(pair96: Pair, tmp_path: Path) -> Scan:
    """Scans with one worker into a folder."""

    def run(*sources: object, output: str = "out", **options: Any) -> ScanResult:
        options = {"model": pair96.detector, "workers": 1, **options}
        return edgeseal.scan([str(one) for one in sources], tmp_path / output, **options)

    return run


@pytest.fixture(scope="module")
def undisturbed(
    pair96: Pair, corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ScanResult, Path]:
    """A scan of the corpus, and its output."""
    output = tmp_path_factory.mktemp("scan") / "out"
    return edgeseal.scan(corpus, output, model=pair96.detector, workers=2, part_rows=4), output


def rows(output: Path) -> list[dict[str, Any]]:
    """Return the rows of an output, without what hangs on the clock."""
    if output.is_file():
        found = [json.loads(line) for line in output.read_text().splitlines()]
    else:
        found = [row for part in parts(output) for row in pq.read_table(part).to_pylist()]
    names = [field.name for field in pq.read_schema(parts(output)[0])] if output.is_dir() else None
    return [{name: row[name] for name in names or row if name != "seconds"} for row in found]


def parts(output: Path) -> list[Path]:
    return sorted(output.glob("part-*.parquet"))


def test_rows_are_what_detection_reads(
    undisturbed: tuple[ScanResult, Path], pair96: Pair, corpus: Path
) -> None:
    result, output = undisturbed
    found = {row["source"]: row for row in rows(output)}
    oracle = edgeseal.detect(corpus, model=pair96.detector)
    assert len(found) == len(oracle.results) == 6
    for one in oracle.results:
        row, detection = found[str(one.source)], one.detection
        if detection is None or detection.reading is None:
            assert row["verdict"] == "error"
            assert str(one.error) == row["error"]
            continue
        reading = detection.reading
        assert row["message"] == detection.hex
        assert row["verdict"] == reading.status.value
        assert row["p_value"] == reading.p_value
        assert row["corrected_errors"] == reading.corrected_errors
        assert row["content"] == (None if reading.payload is None else str(reading.payload))
    assert {found[f"{corpus}/{name}"]["content"] for name in ("a.png", "deep/b.png")} == {
        "17", "18"
    }  # fmt: skip
    assert dict(result.verdicts) == COUNTS
    assert result.left_out == {"unknown": 1}
    assert not result.is_good
    assert [len(pq.read_table(part)) for part in parts(output)] == [4, 2]
    assert json.loads((output / "_manifest.json").read_text())["is_finished"]


def test_second_run_changes_nothing_and_says_so(
    undisturbed: tuple[ScanResult, Path], corpus: Path, pair96: Pair
) -> None:
    result, output = undisturbed
    before = {path: path.stat().st_mtime_ns for path in parts(output)}
    again = edgeseal.scan(corpus, output, model=pair96.detector, part_rows=4)
    assert again.written == 0
    assert again.verdicts == result.verdicts
    assert "nothing to do" in str(again)
    assert {path: path.stat().st_mtime_ns for path in parts(output)} == before


def test_expected_message_is_judged_by_its_p_value(
    scan: Scan, undisturbed: tuple[ScanResult, Path], corpus: Path, tmp_path: Path
) -> None:
    marked = next(row for row in rows(undisturbed[1]) if row["content"] == "17")
    found = scan(corpus / "a.png", corpus / "c.png", expect=marked["message"])
    assert found.verdicts == {"absent": 1, "present": 1}
    near, far = rows(tmp_path / "out")
    assert (near["matching_bits"], near["verdict"]) == (96, "present")
    assert near["p_value"] == pytest.approx(2.0**-96)
    assert far["p_value"] > 1e-6


def test_video_is_one_item_and_reads_as_detection_reads_it(pair96: Pair, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for level in range(6):
            pixels = np.full((48, 64, 3), 90 + 20 * level, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    reading = Reading.with_model(pair96.detector, every=2)
    row = read_item(reading, Item("clip", str(clip)))
    (oracle,) = edgeseal.detect(clip, model=pair96.detector, every=2).results
    assert oracle.detection is not None
    assert (row.source, row.message, row.error) == ("clip", oracle.detection.hex, None)
    bad = read_item(reading, Item("bad", str(tmp_path / "missing.mp4")))
    assert bad.verdict == "error"


def test_lines_and_archives_hold_the_same_rows(
    scan: Scan, undisturbed: tuple[ScanResult, Path], corpus: Path, tar: Path, tmp_path: Path
) -> None:
    found = scan(tar, output="found.jsonl")
    assert (found.items, found.written) == (3, 3)
    folder = {Path(row["source"]).name: row for row in rows(undisturbed[1])}
    for row in rows(tmp_path / "found.jsonl"):
        twin = folder[Path(row["source"]).name]
        same = set(twin) - {"source", "error"}
        assert {name: row[name] for name in same} == {name: twin[name] for name in same}
        assert row["source"].startswith(f"{tar}/")
    again = scan(tar, output="found.jsonl")
    assert (again.items, again.written) == (3, 0)


def test_rows_say_whom_a_message_was_issued_to(
    scan: Scan, undisturbed: tuple[ScanResult, Path], corpus: Path, tmp_path: Path
) -> None:
    place = tmp_path / "issued.sqlite"
    with pytest.raises(FileError, match="there is no registry"):
        scan(corpus, registry=place)
    unmarked = next(row for row in rows(undisturbed[1]) if row["source"] == f"{corpus}/c.png")
    digits = unmarked["message"]
    near = digits[:-1] + f"{int(digits[-1], 16) ^ 7:x}"  # three bits differ
    with Registry(place, 96) as registry:
        registry.add([Issued(Payload.from_id(18), "Ada"), Issued(near, "Bob")])
    scan(corpus / "c.png", corpus / "deep" / "b.png", corpus / "a.png", registry=place)
    found = [(row["issued_to"], row["issued_errors"]) for row in rows(tmp_path / "out")]
    assert found == [("Bob", 3), ("Ada", 0), (None, None)]
    with pytest.raises(FileError, match=r"registry .*issued\.sqlite, not None"):
        scan(corpus)


def test_file_that_ends_the_worker_costs_one_row(
    scan: Scan, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_WORKER", "watermark.scan.poisoned_worker")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "0.png").write_bytes(b"poison")
    (folder / "1.png").write_bytes(b"once " + str(tmp_path / "mark").encode())
    (folder / "2.png").write_bytes((corpus / "a.png").read_bytes())
    found = scan(folder)
    assert found.items == 3
    poison, once, good = rows(tmp_path / "out")
    assert "ends the process that reads it, 3 times: SIGSEGV" in poison["error"]
    assert "not a picture" in once["error"]  # it was read by the next worker
    assert good["content"] == "17"


def test_file_that_ends_a_cluster_s_worker_costs_one_row_of_those_read_at_once(
    corpus: Path, pair96: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_WORKER", "watermark.scan.poisoned_worker")
    contents = [(corpus / "a.png").read_bytes()] * 6
    contents[1] = b"poison"
    contents[5] = b"once " + str(tmp_path / "mark").encode()
    items = [Item(str(number), content) for number, content in enumerate(contents)]
    items.insert(3, Item("clip", str(tmp_path / "missing.mp4")))
    found = list(
        read_items(
            Reading.with_model(pair96.detector),
            iter(items),
            workers=1,
            timeout_s=600,
            start=pool._start_process,
        )
    )
    assert [row.source for row in found] == [item.name for item in items]
    assert [row.content for row in found] == ["17", None, "17", None, "17", "17", None]
    assert "ends the process that reads it, 3 times: SIGSEGV" in str(found[1].error)
    assert "not a picture" in str(found[6].error)


def test_worker_that_is_killed_before_it_begins_costs_nothing(
    scan: Scan, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    def dies_first(*arguments: Any, **options: Any) -> WorkerProcess:
        started.append(arguments)
        if len(started) == 1:
            raise ProbeError("the process that reads pictures cannot start: SIGKILL")
        return WorkerProcess(*arguments, **options)

    monkeypatch.setattr(pool, "WorkerProcess", dies_first)
    assert scan(corpus / "a.png").verdicts == {"present": 1}
    assert len(started) == 2


def test_worker_that_starts_while_the_scan_ends_is_ended(tmp_path: Path) -> None:
    ended: list[bool] = []

    class Late:
        def ask(self, request: Any, timeout_s: float) -> Any:
            raise AssertionError("nobody waits for it")

        def close(self) -> None:
            ended.append(True)

    def start() -> Late:
        workers.close()
        return Late()

    reading = Reading(str(tmp_path), 96, None, 1e-6, False, 1)
    workers = pool._Pool(reading, 1.0, start)
    with pytest.raises(RuntimeError, match="the scan has ended"):
        workers.read([Item("a.png", b"")])
    assert ended == [True]


def test_file_that_hangs_costs_one_row(
    scan: Scan, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_WORKER", "watermark.scan.poisoned_worker")
    (tmp_path / "slow.png").write_bytes(b"slow")
    assert scan(tmp_path / "slow.png", timeout_s=0.5).failed == 1
    assert "no answer within 0.5 s" in rows(tmp_path / "out")[0]["error"]


def test_failed_items_are_tried_again_when_asked(scan: Scan, corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "f.png"):
        (folder / name).write_bytes((corpus / name).read_bytes())
    assert scan(folder).failed == 1
    (folder / "f.png").write_bytes((corpus / "c.png").read_bytes())
    assert scan(folder).written == 0
    again = scan(folder, retry=True)
    assert (again.written, again.items, again.failed) == (1, 2, 0)


def test_what_was_read_stays_when_the_disk_is_full(
    scan: Scan,
    undisturbed: tuple[ScanResult, Path],
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write, calls = pq.write_table, []

    def full_after_two(*args: Any) -> None:
        calls.append(args)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(*args)

    monkeypatch.setattr(pq, "write_table", full_after_two)
    with pytest.raises(FileError, match=r"cannot be written \(No space left on device\)"):
        scan(corpus, part_rows=2)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "_manifest.json", "part-000000.parquet", "part-000001.parquet"
    ]  # fmt: skip
    monkeypatch.setattr(pq, "write_table", write)
    assert scan(corpus, part_rows=2).written == 2
    assert rows(tmp_path / "out") == rows(undisturbed[1])


COMMAND = """
import sys
from edgeseal.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_rows_are_those_of_an_undisturbed_run_when_it_was_killed(
    scan: Scan,
    undisturbed: tuple[ScanResult, Path],
    corpus: Path,
    pair96: Pair,
    tmp_path: Path,
) -> None:
    pytest.importorskip("aiohttp", reason="aiohttp is not installed")
    out = tmp_path / "out"
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes questions and never answers
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/x.png"
        sources = [corpus / "a.png", corpus / "c.png", address, corpus / "d.jpg"]
        command = ["scan", *sources, "--model", pair96.detector, "-o", out]
        command += ["--workers", 1, "--part-rows", 1]
        with subprocess.Popen([sys.executable, "-c", COMMAND, *map(str, command)]) as process:
            wait_until(lambda: len(parts(out)) == 2 or process.poll() is not None)
            process.send_signal(signal.SIGKILL)
            assert process.wait(timeout=HANG_S) == -signal.SIGKILL
    (out / ".edgeseal-run_left.parquet").write_bytes(b"half a part")
    assert len(rows(out)) == 2
    assert scan(corpus).items == 6
    assert sorted(map(str, rows(out))) == sorted(map(str, rows(undisturbed[1])))
    assert not list(out.glob(".edgeseal*"))


def test_output_of_another_scan_is_refused(
    scan: Scan, corpus: Path, tmp_path: Path, pair96: Pair
) -> None:
    scan(corpus / "c.png")
    with pytest.raises(FileError, match=r"another scan: fpr 1e-06, not 0\.001"):
        scan(corpus, fpr=1e-3)
    manifest = tmp_path / "out" / "_manifest.json"
    record = json.loads(manifest.read_text())
    for name, value in {"schema_version": 99, "model_sha256": "0" * 64}.items():
        manifest.write_text(json.dumps({**record, name: value}))
        with pytest.raises(FileError, match=f"{name} {value}, not "):
            scan(corpus)
    manifest.write_text("{")
    with pytest.raises(FileError, match="is damaged"):
        scan(corpus)
    assert len(rows(tmp_path / "out")) == 1


def test_folder_of_something_else_is_refused(scan: Scan, corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(OutputExistsError, match="holds something else"):
        scan(corpus)


def test_second_scan_into_a_folder_is_refused_while_one_runs(
    scan: Scan, corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    descriptor = os.open(tmp_path / "out", os.O_RDONLY)
    with contextlib.closing(os.fdopen(os.dup(os.open(os.devnull, os.O_RDONLY)))):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(FileError, match="another run is writing it"):
            scan(corpus)
    os.close(descriptor)


def test_damaged_part_is_named(scan: Scan, corpus: Path, tmp_path: Path) -> None:
    scan(corpus / "c.png")
    (part,) = parts(tmp_path / "out")
    part.write_bytes(b"PAR1")
    with pytest.raises(FileError, match=f"{part}: cannot be read .* remove it"):
        scan(corpus / "c.png")
    part.unlink()
    assert scan(corpus / "c.png").items == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fpr": 2.0}, "rate"),
        ({"workers": 0, "part_rows": 0}, r"`workers`.*\n.*`part_rows`"),
        ({"timeout_s": 0.0}, "`timeout_s`: expected more than 0"),
        ({"every": 0}, "`every`"),
        ({"retry": True, "output": "a.jsonl"}, "`retry` is for Parquet"),
        ({"expect": "12"}, "message: expected"),
    ],
)
def test_arguments_are_refused_before_any_work(
    scan: Scan, corpus: Path, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        scan(corpus, **options)
    assert not list(tmp_path.iterdir())


def test_clock_that_jumps_changes_nothing(
    pair96: Pair, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Reading.with_model(pair96.detector)
    item = Item("a", str(corpus / "a.png"))
    expected = read_item(reading, item)
    hours = itertools.count(10**9, -3600)
    monkeypatch.setattr(time, "time", lambda: float(next(hours)))
    found = read_item(reading, item)
    assert 0 < found.seconds < HANG_S
    assert dataclasses.replace(found, seconds=expected.seconds) == expected


@pytest.mark.parametrize("what", ["empty folder", "empty tar", "other files", "no pattern"])
def test_source_without_items_is_refused(
    scan: Scan, tmp_path: Path, what: str, corpus: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    source: object = folder
    if what == "empty tar":
        (folder / "x.tar").write_bytes(bytes(10240))
    elif what == "other files":
        (folder / "x.txt").touch()
    elif what == "no pattern":
        source = f"{folder}/*.png"
    with pytest.raises(EdgesealError, match=r"nothing to scan|no file fits this pattern"):
        scan(source)
    assert not (tmp_path / "out").exists()


def test_rows_of_an_http_server_have_their_addresses(
    scan: Scan, server: str, tmp_path: Path, heard: Heard
) -> None:
    addresses = [f"{server}/pictures/a.png", f"{server}/pictures/missing.png"]
    found = scan(*addresses, progress=heard)
    assert found.verdicts == {"error": 1, "present": 1}
    good, bad = rows(tmp_path / "out")
    assert (good["source"], good["content"]) == (addresses[0], "17")
    assert "nothing is there" in bad["error"]
    assert heard.notes == [f"Error: {bad['error']}"]

"""Issued messages: found exactly and with errors, against comparing all of them."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseal.errors import FileError, UsageError
from edgeseal.watermark.payload import Payload
from edgeseal.watermark.registry import Issued, Registry
from edgeseal.watermark.registry import _registry as registry
from edgeseal.watermark.registry._hamming_index import HammingIndex, pack
from edgeseal.watermark.runtime import Message, p_value

BITS = 96


def flipped(message: Message, errors: int, seed: int = 0) -> Message:
    bits = np.array(message.bits)
    bits[np.random.default_rng(seed).choice(len(bits), errors, replace=False)] ^= 1
    return Message(tuple(bits.tolist()))


@given(st.integers(1, 80), st.integers(0, 40), st.integers(0, 200), st.integers(0, 9))
def test_index_finds_what_comparing_all_finds(
    bits: int, errors: int, count: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    word = generator.integers(0, 2, bits)
    noise = generator.random((count, bits)) < generator.random((count, 1)) / 2
    messages = np.vstack([word, word ^ noise])
    distances = (messages[1:] != word).sum(axis=1)
    words = pack(np.packbits(messages, axis=1).tobytes(), bits)
    places, found = HammingIndex(words[1:], bits).find(words[0], errors)
    assert sorted(places.tolist()) == np.flatnonzero(distances <= errors).tolist()
    assert found.tolist() == sorted(distances[distances <= errors].tolist())


def fill(place: str | Path, count: int = 50) -> Registry:
    opened = Registry(place, BITS)
    assert opened.add(Issued(Payload.from_id(n), f"customer {n}") for n in range(count)) == count
    return opened


def check_search(place: str | Path) -> None:
    """Search a new registry in every way."""
    with fill(place) as opened:
        assert opened.label(Payload.from_id(7)) == "customer 7"
        assert opened.label(Payload.from_id(77)) is None
        issued = Message.random(BITS, seed=1)
        assert opened.add([Issued(issued, "raw"), Issued(Payload.from_id(7), "again")]) == 1
        assert opened.label(Payload.from_id(7)) == "customer 7"
        (match,) = opened.find(flipped(issued, 10))
        assert (match.message, match.label, match.errors) == (issued, "raw", 10)
        assert match.p_value == pytest.approx(51 * p_value(86, BITS))
        assert opened.find(flipped(issued, 11)) == []
        assert [match.errors for match in opened.find(flipped(issued, 11), errors=11)] == [11]
        with Registry(place, BITS) as other:
            other.add([Issued(flipped(issued, 1), "near")])
        assert [match.label for match in opened.find(issued)] == ["raw", "near"]
    with Registry(place, BITS) as again:
        assert again.label(issued) == "raw"
    with pytest.raises(UsageError, match=r"holds messages of 96 bits, schema 1; expected 64 bits"):
        Registry(place, 64)


def test_messages_are_found_in_a_file(tmp_path: Path) -> None:
    check_search(tmp_path / "issued.sqlite")


def test_messages_are_found_when_they_were_sorted_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_LOOSE", 3)
    with Registry(tmp_path / "issued.sqlite", 20) as opened:
        for seed in range(12):
            message = Message.random(20, seed=seed)
            opened.add([Issued(message, str(seed))])
            assert opened.find(message, errors=0)[0].label == str(seed)
        assert len(opened.find(message, errors=20)) == 12


def test_nothing_is_kept_when_one_message_is_wrong(tmp_path: Path) -> None:
    with Registry(tmp_path / "issued.sqlite", BITS) as opened:
        with pytest.raises(UsageError, match="expected 24 hexadecimal digits"):
            opened.add([Issued(Payload.from_id(1), "good"), Issued("12", "short")])
        assert opened.label(Payload.from_id(1)) is None


def test_wrong_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, whatever its length " * 99)
    with pytest.raises(FileError, match=r"cannot be used \(file is not a database\)"):
        Registry(tmp_path / "text", BITS)
    with pytest.raises(FileError, match="unable to open"):
        Registry(tmp_path / "missing" / "file", BITS)
    with pytest.raises(UsageError, match="expected a file, or postgresql://"):
        Registry("mysql://me:secret@host/base", BITS)
    with pytest.raises(UsageError, match="`bits`"):
        Registry(tmp_path / "file", 0)
    with Registry(tmp_path / "file", BITS) as opened, pytest.raises(UsageError, match="`errors`"):
        opened.find("0" * 24, errors=97)


def test_address_is_said_without_its_password_when_a_server_does_not_answer() -> None:
    pytest.importorskip("psycopg")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place = f"postgresql://me:secret@127.0.0.1:{unused.getsockname()[1]}/base"
        with pytest.raises(FileError, match=r"postgresql://\.\.\.@127\.0\.0\.1") as caught:
            Registry(place, BITS)
    assert "secret" not in str(caught.value)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a PostgreSQL server, if its programs are here."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = shutil.which("initdb") or (str(found[-1]) if found else None)
    if initdb is None:
        pytest.skip("PostgreSQL is not installed")
    run = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    with contextlib.ExitStack() as stack:
        folder = Path("/tmp") / f"edgeseal-{os.getpid()}"  # a socket's name must be short
        folder.mkdir()
        stack.callback(shutil.rmtree, folder)
        if run:
            shutil.chown(folder, "postgres")
        quiet = {"check": True, "capture_output": True}
        subprocess.run(
            [*run, initdb, "-D", str(folder / "data"), "-A", "trust", "-U", "me"], **quiet
        )
        control = [*run, str(Path(initdb).with_name("pg_ctl")), "-D", str(folder / "data"), "-w"]
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        start = ["start", "-o", options, "-l", str(folder / "log")]
        subprocess.run([*control, *start], **quiet)
        stack.callback(subprocess.run, [*control, "-m", "immediate", "stop"], **quiet)
        yield f"postgresql://me@/postgres?host={folder}"


@pytest.mark.slow
def test_messages_are_found_in_postgresql(server: str) -> None:
    check_search(server)

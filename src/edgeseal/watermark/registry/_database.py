"""Where issued messages are kept: SQLite in a file, or PostgreSQL by its address."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from edgeseal.errors import FileError, MissingExtraError, UsageError
from edgeseal.pictures._sources import is_address

__all__ = ["Database", "place_of"]

_SCHEMA_VERSION = 1
_POSTGRES = ("postgresql://", "postgres://")
_FETCHED = 10_000
_CACHE_KIB = 1 << 17  # new messages fall anywhere in the order of the old
_TABLES = (
    "CREATE TABLE IF NOT EXISTS edgeseal_registry (version INTEGER, bits INTEGER)",
    "CREATE TABLE IF NOT EXISTS edgeseal_issued ({number}, message {bytes} NOT NULL UNIQUE, "
    "label TEXT NOT NULL)",
)
_SQLITE = {"number": "number INTEGER PRIMARY KEY", "bytes": "BLOB"}
_POSTGRESQL = {"number": "number BIGSERIAL PRIMARY KEY", "bytes": "BYTEA"}


class Database:
    """An open database of messages of one length."""

    def __init__(self, place: str | Path, bits: int) -> None:
        """Open it, or make a new one.

        Args:
            place: a file for SQLite, or ``postgresql://...``.
            bits: of each message.

        Raises:
            MissingExtraError: psycopg is not installed, for PostgreSQL.
            FileError: it cannot be opened.
            UsageError: it holds messages of another length or schema, or the address is no
                PostgreSQL's.
        """
        self._place = str(place)
        self._shown = place_of(place)
        self._is_remote = is_address(self._place)
        self._mark = "%s" if self._is_remote else "?"
        self._failures: tuple[type[Exception], ...] = (sqlite3.Error,)
        with self._reported():
            self._connection: Any = self._connect()
            with self._transaction():
                for table in _TABLES:
                    kinds = _POSTGRESQL if self._is_remote else _SQLITE
                    self._connection.execute(table.format_map(kinds))
                query = "SELECT version, bits FROM edgeseal_registry"
                found = self._connection.execute(query).fetchone()
                if found is None:
                    values = f"({self._mark}, {self._mark})"
                    made = f"INSERT INTO edgeseal_registry VALUES {values}"
                    self._connection.execute(made, (_SCHEMA_VERSION, bits))
        if found is not None and tuple(found) != (_SCHEMA_VERSION, bits):
            self.close()
            raise UsageError(
                f"{self._shown}: holds messages of {found[1]} bits, schema {found[0]}; expected "
                f"{bits} bits, schema {_SCHEMA_VERSION}; choose another"
            )

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def add(self, rows: Iterable[tuple[bytes, str]]) -> int:
        """Keep messages with their labels, all or none; those that are there stay as they are.

        Returns:
            The number of new ones.

        Raises:
            FileError: the database refuses it.
        """
        values = f"({self._mark}, {self._mark})"
        with self._reported(), self._transaction():
            if self._is_remote:  # else a smaller number may appear after a larger one was seen
                self._connection.execute("LOCK TABLE edgeseal_issued IN SHARE ROW EXCLUSIVE MODE")
            cursor = self._connection.cursor()
            cursor.executemany(
                f"INSERT INTO edgeseal_issued (message, label) VALUES {values} "
                "ON CONFLICT (message) DO NOTHING",
                rows,
            )
            return max(0, int(cursor.rowcount))

    def label(self, message: bytes) -> str | None:
        """Return the label of a message, or None if it was not issued.

        Raises:
            FileError: the database refuses it.
        """
        with self._reported():
            found = self._connection.execute(
                f"SELECT label FROM edgeseal_issued WHERE message = {self._mark}", (message,)
            ).fetchone()
            return None if found is None else str(found[0])

    def rows(self, after: int) -> Iterator[tuple[int, bytes]]:
        """Yield number and message of all that came after one with a number, in their order.

        Raises:
            FileError: the database refuses it.
        """
        with self._reported():
            while True:
                found = self._connection.execute(
                    f"SELECT number, message FROM edgeseal_issued WHERE number > {self._mark} "
                    f"ORDER BY number LIMIT {_FETCHED}",
                    (after,),
                ).fetchall()
                if not found:
                    return
                yield from ((number, bytes(message)) for number, message in found)
                after = found[-1][0]

    def _connect(self) -> Any:
        if not self._is_remote:
            opened = sqlite3.connect(self._place, timeout=60, check_same_thread=False)
            opened.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            return opened
        if not self._place.startswith(_POSTGRES):
            raise UsageError(f"{self._shown}: expected a file, or postgresql://USER@HOST/DATABASE")
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtraError("a registry in PostgreSQL", "postgres") from error
        self._failures = (psycopg.Error,)
        return psycopg.connect(self._place, autocommit=True)

    def _transaction(self) -> AbstractContextManager[Any]:
        transaction: AbstractContextManager[Any] = (
            self._connection.transaction() if self._is_remote else self._connection
        )
        return transaction

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        """Say in one line what the database says.

        Raises:
            FileError: it fails.
        """
        try:
            yield
        except self._failures as error:
            words = " ".join(str(error).split())
            raise FileError(f"{self._shown}: the registry cannot be used ({words})") from error


def place_of(place: str | Path) -> str:
    """Return where a database is, without user and password."""
    scheme, _, rest = str(place).partition("://")
    return f"{scheme}://...@{rest.rpartition('@')[2]}" if "@" in rest else str(place)

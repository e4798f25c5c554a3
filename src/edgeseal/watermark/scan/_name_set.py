"""Names of items, remembered on the disk: their number may be any."""

from __future__ import annotations

import hashlib
import sqlite3

from edgeseal._closing import Closing
from edgeseal.errors import FileError

__all__ = ["NameSet", "fingerprint"]

_BYTES = 11  # of a fingerprint: two of 10^9 names are alike with a probability of 2e-9


class NameSet(Closing):
    """A set of names in a file without a name, of which SQLite keeps a little in memory.

    Not for several threads at a time.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self._count = 0
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA cache_size = -256")  # KiB; the system keeps the file's
        self._database.execute(
            "CREATE TABLE names (name BLOB PRIMARY KEY, times INTEGER) WITHOUT ROWID"
        )
        self._database.execute("BEGIN")  # in no transaction every name would be one

    def __len__(self) -> int:
        """Return the number of different names."""
        return self._count

    def __contains__(self, name: str) -> bool:
        """Return whether a name was added."""
        query = "SELECT 1 FROM names WHERE name = ?"
        return self._database.execute(query, (fingerprint(name),)).fetchone() is not None

    def add(self, name: str) -> int:
        """Add a name, and return how many times that was done with it now.

        Raises:
            FileError: the folder for temporary files has no room.
        """
        key = (fingerprint(name),)
        try:
            added = self._database.execute(
                "INSERT INTO names VALUES (?, 1) ON CONFLICT (name) DO NOTHING", key
            )
            if added.rowcount:
                self._count += 1
                return 1
            self._database.execute("UPDATE names SET times = times + 1 WHERE name = ?", key)
            (times,) = self._database.execute(
                "SELECT times FROM names WHERE name = ?", key
            ).fetchone()
        except sqlite3.Error as error:
            raise FileError(
                f"{name}: cannot be noted in the folder for temporary files ({error}); make room "
                "there, or set TMPDIR to another"
            ) from error
        return int(times)

    def close(self) -> None:
        """Forget all."""
        self._database.close()


def fingerprint(name: str) -> bytes:
    """Return what stands for a name, always the same."""
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()

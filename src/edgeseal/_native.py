"""Holds back what native code prints."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

__all__ = ["native_output_held_back"]


@contextlib.contextmanager
def native_output_held_back(*, show_on_failure: bool) -> Iterator[None]:
    """Keep stdout and stderr quiet, native code included, which no logging configuration reaches.

    Args:
        show_on_failure: print what was held back to stderr if the body raises.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, copy in enumerate(saved, start=1):
                os.dup2(copy, descriptor)
                os.close(copy)
            if failed and show_on_failure:
                log.seek(0)
                os.write(2, log.read())

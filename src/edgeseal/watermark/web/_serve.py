"""Serves a folder of files to this device alone."""

from __future__ import annotations

import http.server
from pathlib import Path
from typing import Any

from edgeseal.errors import UsageError

__all__ = ["HEADERS", "server_of"]

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
        "connect-src 'self'; img-src 'self' blob:; style-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
"""What the page is served with; a server of one's own should send the same."""

_LOOPBACK = "127.0.0.1"
_TYPES = {
    "": "application/octet-stream",
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}


class _Files(http.server.SimpleHTTPRequestHandler):
    """Files with the headers above, and nothing on stderr."""

    extensions_map = _TYPES

    def end_headers(self) -> None:
        """Add the headers."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def server_of(folder: Path, port: int) -> http.server.ThreadingHTTPServer:
    """Return a server of a folder on the loopback address, which has the port already.

    Raises:
        UsageError: the port is taken, or none.
    """

    def handler(*arguments: Any) -> _Files:
        return _Files(*arguments, directory=str(folder))

    try:
        return http.server.ThreadingHTTPServer((_LOOPBACK, port), handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"port: {port} cannot be used on {_LOOPBACK} ({reason}); choose another, or 0 for any"
        ) from error

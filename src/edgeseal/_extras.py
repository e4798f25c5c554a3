"""How an extra is added to this installation."""

from __future__ import annotations

from typing import Any

__all__ = ["install_command"]


def install_command(extra: str) -> str:
    """Return the command that installs an extra, for a shell.

    An extra has to come from where Edgeseal came from: a package index may hold nothing of that
    name, or something else. What an installer noted down (PEP 610) says where that was; it notes
    nothing for a package from an index.
    """
    import json
    import shlex
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        text = distribution("edgeseal").read_text("direct_url.json")
    except PackageNotFoundError:  # run from the sources, without an installation
        return f"pip install {shlex.quote(f'.[{extra}]')}"
    record = json.loads(text) if text else {}
    editable = "-e " if record.get("dir_info", {}).get("editable") else ""
    return f"pip install {editable}{shlex.quote(_requirement(extra, record))}"


def _requirement(extra: str, record: dict[str, Any]) -> str:
    """Return what to ask an installer for, by the record of where Edgeseal came from."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    url = record.get("url", "")
    if url.startswith("file:") and "vcs_info" not in record:
        return f"{url2pathname(urlsplit(url).path)}[{extra}]"
    if not url:
        return f"edgeseal[{extra}]"
    vcs = record.get("vcs_info")
    source = f"{vcs['vcs']}+{url}@{vcs['commit_id']}" if vcs else url
    return f"edgeseal[{extra}] @ {source}"

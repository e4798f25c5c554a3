"""What pages say to install, looked at: stands in for pip, and installs nothing."""

from __future__ import annotations

import re
import sys

from pages import ROOT

# Of nobody's name but what is published: whoever takes another one would be run by our readers.
PUBLISHED = {"torch"}


def main(verb: str, *arguments: str) -> str | None:
    """Return what is wrong with a command, if anything is."""
    if verb != "install":
        return f"expected `pip install`, got `pip {verb}`"
    listed = (ROOT / "pyproject.toml").read_text()
    for argument in arguments:
        name, _, extras = argument.partition("[")
        for extra in filter(None, extras.rstrip("]").split(",")):
            if not re.search(rf"^{re.escape(extra)} = \[", listed, re.M):
                return f"{argument}: there is no extra {extra}"
        if not name.startswith((".", "-", "https:")) and name not in PUBLISHED:
            return f"{argument}: is not published"
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

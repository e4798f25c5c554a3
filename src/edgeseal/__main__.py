"""``python -m edgeseal``."""

from __future__ import annotations

import sys

from edgeseal.cli import main

if __name__ == "__main__":
    sys.exit(main())

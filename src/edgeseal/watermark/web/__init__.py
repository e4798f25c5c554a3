"""A page that reads and writes marks in the visitor's own browser, as a folder of files.

The page itself is built from ``web/`` in the repository by ``make web``, with LiteRT.js beside it.
"""

from edgeseal.watermark.web._web import WebSite, web

__all__ = ["WebSite", "web"]

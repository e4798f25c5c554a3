"""An evaluation as figures, as JSON and as a page."""

"""Float rewrites before weights are rounded; the same function."""

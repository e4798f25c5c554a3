"""Programs for an accelerator that a compiler left in a ``.tflite`` file."""

from __future__ import annotations

import struct

from flatbuffers import flexbuffers

from edgeseal.errors import ModelError
from edgeseal.tflite.graph._model import Operator

__all__ = ["compiled_program"]


def compiled_program(operator: Operator, content: bytes) -> tuple[str, bytes]:
    """Return the name and the bytes of what LiteRT's compiler plug-ins make of operators.

    Args:
        operator: the custom operator that stands for them.
        content: of the file that it was read from.

    Raises:
        ModelError: the operator stands for no program in this file.
    """
    stored = b"" if operator.custom_options is None else operator.custom_options.tobytes()
    try:
        options = flexbuffers.Loads(stored)
        start, size = options["bytecode_offset"], options["bytecode_size"]
        return str(options["name"]), content[start : start + size]
    except (KeyError, TypeError, ValueError, IndexError, struct.error) as error:
        raise ModelError(f"{operator!r} stands for no compiled program") from error

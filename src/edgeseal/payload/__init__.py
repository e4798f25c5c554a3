"""Payloads in messages: text, numbers, digits and bits that are known when they are read.

::

    from edgeseal.payload import Payload, payload_code

    code = payload_code(96)
    message = code.encode(Payload.from_text("hello"))
    reading = code.read(logits)
    print(reading.status, reading.payload)
"""

from edgeseal.payload._code import DEFAULT_FPR, MAYBE_RATE, PayloadCode, payload_code
from edgeseal.payload._payload import Payload, PayloadKind, capacity
from edgeseal.payload._reading import MarkStatus, Reading

__all__ = [
    "DEFAULT_FPR",
    "MAYBE_RATE",
    "MarkStatus",
    "Payload",
    "PayloadCode",
    "PayloadKind",
    "Reading",
    "capacity",
    "payload_code",
]

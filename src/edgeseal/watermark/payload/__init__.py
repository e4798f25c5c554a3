"""Payloads in messages: text, numbers, digits and bits that are known when they are read.

::

    from edgeseal.watermark.payload import Payload, payload_code

    code = payload_code(96)
    message = code.encode(Payload.from_text("hello"))
    reading = code.read(logits)
    print(reading.status, reading.payload)
"""

from edgeseal.watermark.payload._code import DEFAULT_FPR, MAYBE_RATE, PayloadCode, payload_code
from edgeseal.watermark.payload._payload import Payload, PayloadKind, capacity
from edgeseal.watermark.payload._payload_reading import MarkStatus, PayloadReading

__all__ = [
    "DEFAULT_FPR",
    "MAYBE_RATE",
    "MarkStatus",
    "Payload",
    "PayloadCode",
    "PayloadKind",
    "PayloadReading",
    "capacity",
    "payload_code",
]

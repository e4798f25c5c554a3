"""The code that carries a payload in a message: BCH with CRC behind a mask, sized by the length.

Of a message of n bits a third, in whole bytes, is payload. The BCH code is the one that corrects
most and leaves room for the payload; what its dimension leaves over is CRC (the lowest bits of
CRC-32 over the payload word, zeros beyond 32). Together they are large enough that the wanted
false-positive rate holds for every word within the errors that are corrected.
"""

from __future__ import annotations

import functools
import hashlib
import math
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgeseal.errors import UsageError
from edgeseal.watermark.payload._bch import BCH, bch
from edgeseal.watermark.payload._evidence import log2_p_hard, log2_p_soft
from edgeseal.watermark.payload._nearest import nearest
from edgeseal.watermark.payload._payload import Payload, from_word, to_word
from edgeseal.watermark.payload._payload_reading import MarkStatus, PayloadReading

__all__ = ["DEFAULT_FPR", "MAYBE_RATE", "PayloadCode", "payload_code"]

DEFAULT_FPR = 1e-6
"""Share of unmarked pictures that may be taken for marked ones."""

MAYBE_RATE = 1e-3
"""Share of unmarked pictures that may be called damaged or present."""

_VERSION = 1
_HARD_SHARE = 0.75  # of the false-positive rate, for the count of errors; the rest for their weight
_LN_10 = math.log(10)


@dataclass(frozen=True, slots=True, eq=False)
class PayloadCode:
    """How messages of one length carry payloads; made by :func:`payload_code`.

    Attributes:
        length: bits of the message.
        payload_bits: bits of the payload word.
        crc_bits: bits of the checksum.
        code: the BCH code over both.
        mask: uint8 [length], what code words are flipped with.
        generator: uint8 [payload_bits, length], code words that span all others but for ``offset``.
        offset: uint8 [length], the code word of a payload word of zeros.
    """

    length: int
    payload_bits: int
    crc_bits: int
    code: BCH
    mask: NDArray[np.uint8]
    generator: NDArray[np.uint8]
    offset: NDArray[np.uint8]

    @property
    def correctable_errors(self) -> int:
        """Number of wrong bits that are corrected whatever they are."""
        return self.code.errors

    @property
    def false_positive_rate(self) -> float:
        """Share of random words within :attr:`correctable_errors` of a valid one."""
        return math.pow(2.0, log2_p_hard(self.code.errors, self.length, self.payload_bits))

    def encode(self, payload: Payload) -> tuple[int, ...]:
        """Return the message that carries a payload.

        Raises:
            UsageError: the payload is too long; the message says what would fit.
        """
        word = to_word(payload, self.payload_bits)
        return tuple((self._code_word(word) ^ self.mask).tolist())

    def read(self, logits: NDArray[np.floating], *, fpr: float = DEFAULT_FPR) -> PayloadReading:
        """Look for a payload in what a detector read.

        Args:
            logits: floating point [length]; a bit is 1 where its logit is above 0, and the surer
                the farther its logit is from 0.
            fpr: share of unmarked pictures that may be called present, above 0 and below 1.

        Raises:
            UsageError: another number of logits, values that are not finite, or a rate out of
                range.
        """
        values = self._checked(logits)
        self.check_rate(fpr)
        word, weights = (values > 0).astype(np.uint8) ^ self.mask, np.abs(values)
        limit = math.log2(fpr)
        found, surprise = self._search(word, weights, enough=limit)
        status = MarkStatus.ABSENT
        if surprise <= max(limit, math.log2(MAYBE_RATE)):
            status = MarkStatus.PRESENT if surprise <= limit else MarkStatus.DAMAGED
        is_present = status is MarkStatus.PRESENT
        return PayloadReading(
            status=status,
            fpr=fpr,
            log10_p_value=surprise * math.log10(2),
            payload=from_word(self._payload_word(found), self.payload_bits) if is_present else None,
            corrected_errors=int((found ^ word).sum()) if is_present else None,
            correctable_errors=self.correctable_errors,
        )

    def _search(
        self, word: NDArray[np.uint8], weights: NDArray[np.float64], *, enough: float
    ) -> tuple[NDArray[np.uint8], float]:
        """Return the least likely of the valid words found, and how unlikely it is (log2)."""
        found, surprise = self.code.decode(word), 0.0
        if found is not None and self._is_valid(found):
            surprise = self._log2_p_value(found, word, weights)
            if surprise <= enough:
                return found, surprise
        other = nearest(self.generator, word ^ self.offset, weights) ^ self.offset
        other_surprise = self._log2_p_value(other, word, weights)
        if found is not None and surprise < other_surprise:
            return found, surprise
        return other, other_surprise

    @staticmethod
    def check_rate(fpr: float) -> None:
        """Refuse what is no false-positive rate.

        Raises:
            UsageError: it is not above 0 and below 1.
        """
        if not 0 < fpr < 1:
            raise UsageError(f"fpr: expected a rate above 0 and below 1, got {fpr}")

    def _checked(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        values = np.asarray(logits, np.float64)
        if values.shape != (self.length,) or not np.isfinite(values).all():
            raise UsageError(
                f"logits: expected {self.length} finite numbers, got shape {list(values.shape)}"
            )
        return values

    def _log2_p_value(
        self, found: NDArray[np.uint8], word: NDArray[np.uint8], weights: NDArray[np.float64]
    ) -> float:
        """Bound the chance that an unmarked picture has a valid word that near, at most 0."""
        wrong = found != word
        hard = log2_p_hard(int(wrong.sum()), self.length, self.payload_bits)
        soft = log2_p_soft(weights, wrong, self.payload_bits)
        return min(hard - math.log2(_HARD_SHARE), soft - math.log2(1 - _HARD_SHARE), 0.0)

    def _is_valid(self, found: NDArray[np.uint8]) -> bool:
        return bool((self._code_word(self._payload_word(found)) == found).all())

    def _payload_word(self, found: NDArray[np.uint8]) -> int:
        return int("".join(map(str, found[: self.payload_bits].tolist())), 2)

    def _code_word(self, word: int) -> NDArray[np.uint8]:
        return _code_word(word, self.payload_bits, self.code)


@functools.lru_cache(maxsize=16)
def payload_code(length: int) -> PayloadCode:
    """Return the code of messages of ``length`` bits.

    Raises:
        UsageError: so few bits that no payload of a byte could be told from chance at
            :data:`DEFAULT_FPR`.
    """
    limit = math.log2(DEFAULT_FPR * _HARD_SHARE)
    for payload_bits in range(8 * (length // 24), 0, -8):
        errors = _most_errors(length, payload_bits, limit)
        if errors:
            return _build(length, payload_bits, errors)
    raise UsageError(
        f"a message of {length} bits is too short for a payload that can be told from chance; "
        "embed raw bits with --message (a Message) and detect them with --expect"
    )


def _most_errors(length: int, payload_bits: int, limit: float) -> int:
    """Return how many errors can be corrected within the false-positive rate; 0 for none."""
    errors = 0
    while (
        log2_p_hard(errors + 1, length, payload_bits) <= limit
        and bch(length, errors + 1).data_bits >= payload_bits
    ):
        errors += 1
    return errors


def _build(length: int, payload_bits: int, errors: int) -> PayloadCode:
    code = bch(length, errors)
    offset = _code_word(0, payload_bits, code)
    rows = [
        _code_word(1 << (payload_bits - 1 - i), payload_bits, code) for i in range(payload_bits)
    ]
    return PayloadCode(
        length=length,
        payload_bits=payload_bits,
        crc_bits=min(32, code.data_bits - payload_bits),
        code=code,
        mask=_mask(length),
        generator=np.array(rows) ^ offset,
        offset=offset,
    )


def _code_word(word: int, payload_bits: int, code: BCH) -> NDArray[np.uint8]:
    left = code.data_bits - payload_bits
    crc = zlib.crc32(word.to_bytes(-(-payload_bits // 8), "big")) & ((1 << min(32, left)) - 1)
    data = word << left | crc
    bits = np.frombuffer(f"{data:0{code.data_bits}b}".encode(), np.uint8) - ord("0")
    return code.encode(bits)


def _mask(length: int) -> NDArray[np.uint8]:
    """Return pseudo-random bits that nobody could choose: SHA-256 of a name and a counter."""
    blocks = range(-(-length // 256))
    digests = [
        hashlib.sha256(f"edgeseal payload {_VERSION}: {i}".encode()).digest() for i in blocks
    ]
    return np.unpackbits(np.frombuffer(b"".join(digests), np.uint8))[:length]

"""Pictures for benchmarks that need no photographs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["pink_noise"]


def pink_noise(count: int, size: int, *, seed: int) -> NDArray[np.float32]:
    """Return pictures float32 [count, size, size, 3] whose spectrum falls like a photograph's."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None])
    falloff = 1 / np.maximum(frequency, 1 / size)
    spectrum = np.fft.fft2(rng.normal(size=(count, 3, size, size))) * falloff
    noise = np.fft.ifft2(spectrum).real.transpose(0, 2, 3, 1)
    noise /= noise.std(axis=(1, 2, 3), keepdims=True)
    pictures: NDArray[np.float32] = (0.5 + 0.2 * noise).clip(0, 1).astype(np.float32)
    return pictures

"""XNNPACK: without AMX, static INT8 FULLY_CONNECTED is slower than quantizing while running."""

import ctypes
import struct
import sys

import numpy as np
from _graphs import best_ms, constant, interpreter, per_tensor

from edgeseal.tflite.graph import Tensor, new_operator

ROWS, INPUTS, OUTPUTS = 256, 384, 1536


def refuse_amx() -> None:
    """Let Linux refuse the permission for AMX, so that newer processors behave as most do."""
    libc = ctypes.CDLL(None, use_errno=True)
    load, equal, done = 0x20, 0x15, 0x06  # of seccomp's filters
    steps = [
        (load, 0, 0, 0),  # the number of the system call
        (equal, 0, 3, 158),  # arch_prctl
        (load, 0, 0, 16),  # its first argument
        (equal, 0, 1, 0x1023),  # ARCH_REQ_XCOMP_PERM
        (done, 0, 0, 0x00050001),  # EPERM
        (done, 0, 0, 0x7FFF0000),  # allowed
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(held))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
        sys.exit("seccomp is refused here")


def linear(*, is_static: bool) -> float:
    """Return the milliseconds of a layer with INT8 weights and INT8 or FLOAT32 ends."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-127, 128, (OUTPUTS, INPUTS)).astype(np.int8)
    scales = np.full(OUTPUTS, 0.01, np.float32)
    x, y = Tensor("x", (ROWS, INPUTS), "FLOAT32"), Tensor("y", (ROWS, OUTPUTS), "FLOAT32")
    bias = constant("b", np.zeros(OUTPUTS, np.float32))
    if is_static:
        x.dtype, x.quantization = "INT8", per_tensor(0.02)
        y.dtype, y.quantization = "INT8", per_tensor(0.5)
        bias = constant("b", np.zeros(OUTPUTS, np.int32), scales * np.float32(0.02))
    operands = [x, constant("w", weights, scales), bias]
    operator = new_operator("FULLY_CONNECTED", operands, [y], fusedActivationFunction=0)
    return best_ms(interpreter(x, y, operator), 100)


def main() -> None:
    """Print the times of both, in turn; with ``--amx`` as the processor is."""
    if "--amx" not in sys.argv:
        refuse_amx()
    for _ in range(3):
        static, dynamic = linear(is_static=True), linear(is_static=False)
        print(f"static {static:.3f} ms, dynamic {dynamic:.3f} ms, ratio {static / dynamic:.2f}")


if __name__ == "__main__":
    main()

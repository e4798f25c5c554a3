r"""Runs a command on an x86-64 processor as if it had no AMX. Linux only.

::

    python benchmarks/without_amx.py COMMAND [ARGUMENT ...]

Most processors in use have no AMX; this shows on one that has it what they would do. Linux gives a
process the tile registers only when it asks for them, by ``arch_prctl(ARCH_REQ_XCOMP_PERM)``. A
seccomp filter, which the command and all its children inherit, answers that request with EPERM;
every other system call is left alone. XNNPACK, oneDNN and ONNX Runtime then take their AVX-512
kernels. On a processor without AMX nothing changes.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

_PR_SET_NO_NEW_PRIVS = 38  # lets a filter be set without being root
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_ARCH_PRCTL = 158  # the system call's number on x86-64
_ARCH_REQ_XCOMP_PERM = 0x1023
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050001  # with EPERM
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # of a BPF program
_NUMBER, _ARGUMENT = 0, 16  # places in `struct seccomp_data`


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit("usage: python benchmarks/without_amx.py COMMAND [ARGUMENT ...]")
    if sys.platform != "linux" or platform.machine() != "x86_64":
        sys.exit("without_amx: works on Linux on x86-64 only")
    _refuse_tiles()
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error.strerror}")


def _refuse_tiles() -> None:
    program = b"".join(
        struct.pack("HBBI", *statement)
        for statement in (
            (_LOAD, 0, 0, _NUMBER),
            (_JUMP_IF_EQUAL, 0, 3, _ARCH_PRCTL),  # else to _ALLOW
            (_LOAD, 0, 0, _ARGUMENT),
            (_JUMP_IF_EQUAL, 0, 1, _ARCH_REQ_XCOMP_PERM),  # else to _ALLOW
            (_RETURN, 0, 0, _REFUSE),
            (_RETURN, 0, 0, _ALLOW),
        )
    )
    buffer = ctypes.create_string_buffer(program, len(program))
    filters = _Program(len(program) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filters), 0, 0
    ):
        sys.exit(f"without_amx: the kernel takes no filter: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()

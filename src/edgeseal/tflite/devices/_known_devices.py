"""The devices by name, and what each wants installed."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from edgeseal._extras import install_command
from edgeseal.errors import UsageError
from edgeseal.tflite.devices._browser import SOFTWARE_WEBGPU
from edgeseal.tflite.devices._device import Device
from edgeseal.tflite.devices._vela_compiler import check_macs

__all__ = [
    "ARM_CPUS",
    "BROWSER_BACKENDS",
    "DEVICE_NAMES",
    "SOCS",
    "browser_device",
    "find_device",
    "find_devices",
]

DEVICE_NAMES = (
    "cpu", "gpu", "qualcomm[:SOC]", "arm[:CPU]", "ethos-u85[:MACS]", "browser[:BACKEND]",
)  # fmt: skip
SOCS = ("SM8450", "SM8550", "SM8650", "SM8750", "SM8850")
"""Snapdragon 8 of five years, as LiteRT's compiler names them."""
ARM_CPUS = ("cortex-a53", "cortex-a76", "max")
"""Plain NEON; dot product; INT8 matrix products."""
BROWSER_BACKENDS = ("wasm", "wasm-threads", "webgpu")
"""WebAssembly with one thread and with several; the graphics processor."""

_ETHOS_MACS = 256  # per cycle, the size in the middle
_WORKERS = "edgeseal.tflite.devices._{}_worker"
_ARM_FOLDER = "EDGESEAL_ARM"  # names the folder that tools/arm.sh made
_CHROMIUM = Path("/usr/lib/chromium")  # where Debian keeps SwiftShader, a complete software Vulkan
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_DRIVERS = "/dev/dri/renderD*", "/dev/nvidia[0-9]*"


def find_device(name: str) -> Device:
    """Return a device by name.

    Args:
        name: ``cpu``, ``gpu``, ``qualcomm``, ``arm``, ``ethos-u85`` or ``browser``; the last four
            take a processor, a size or a backend behind a colon, as in ``qualcomm:SM8650``,
            ``arm:cortex-a53``, ``ethos-u85:256`` and ``browser:webgpu``.

    Raises:
        UsageError: there is no such device; lists those there are.
    """
    kind, _, variant = name.partition(":")
    make = _KINDS.get(kind)
    if make is None or (variant and kind in ("cpu", "gpu")):
        raise UsageError(f"unknown device {name!r}; devices are {', '.join(DEVICE_NAMES)}")
    return make(variant)


def find_devices(names: Sequence[str]) -> list[Device]:
    """Return devices that can be asked here, by name.

    Raises:
        UsageError: there is no such device, or something has to be installed for it; says what.
    """
    found = [find_device(name) for name in names]
    missing = [f"{device.name}: {device.missing}" for device in found if device.missing]
    if missing:
        raise UsageError(f"cannot be asked here: {'; '.join(missing)}")
    return found


def _cpu(_: str) -> Device:
    command = (sys.executable, "-m", _WORKERS.format("cpu"))
    return Device("cpu", f"LiteRT on this processor ({platform.machine()})", command)


def _gpu(_: str) -> Device:
    command = (sys.executable, "-m", _WORKERS.format("gpu"))
    title = "LiteRT's GPU accelerator"
    missing = "" if _has_accelerator() else "install ai-edge-litert 2.3 or newer"
    if not sys.platform.startswith("linux") or any(_found(p) for p in _DRIVERS):
        return Device("gpu", title, command, missing=missing)
    icd = _CHROMIUM / "vk_swiftshader_icd.json"
    environment = {}
    if "VK_ICD_FILENAMES" not in os.environ:
        environment["VK_ICD_FILENAMES"] = str(icd)
        if not icd.exists():
            missing = missing or (
                "no GPU; for a software one, install Debian's `chromium` package, or name a Vulkan "
                "driver in VK_ICD_FILENAMES"
            )
    if ctypes.util.find_library("vulkan") is None:
        environment["LD_LIBRARY_PATH"] = str(_CHROMIUM)
    return Device("gpu", f"{title} on SwiftShader, a software GPU", command, environment, missing)


def _has_accelerator() -> bool:
    spec = importlib.util.find_spec("ai_edge_litert")
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    return any(_found(f"{folder}/*WebGpuAccelerator*") for folder in folders)


def _found(pattern: str) -> bool:
    root, *rest = Path(pattern).parts
    return any(Path(root).glob(str(Path(*rest))))


def _qualcomm(variant: str) -> Device:
    soc = variant or "SM8650"
    if soc not in SOCS:
        raise UsageError(f"unknown processor {soc!r}; LiteRT compiles for {', '.join(SOCS)}")
    is_here = (sys.platform, platform.machine()) == ("linux", "x86_64")
    wanted = ("onnx", "onnxruntime", "onnxruntime_qnn")
    missing = "" if is_here else "Qualcomm's compiler and emulator run on Linux x86-64 only"
    if is_here and sys.version_info < (3, 11):
        missing = "Qualcomm's libraries need Python 3.11 or newer"
    elif is_here and any(importlib.util.find_spec(name) is None for name in wanted):
        missing = f"it needs the extra [qualcomm]: `{install_command('qualcomm')}`"
    command = (sys.executable, "-m", _WORKERS.format("qualcomm"), soc)
    title = f"Qualcomm's compiler for {soc}, and its emulator"
    return Device(f"qualcomm:{soc}", title, command, missing=missing)


def _arm(variant: str) -> Device:
    cpu = variant or "cortex-a76"
    if cpu not in ARM_CPUS:
        raise UsageError(f"unknown Arm processor {cpu!r}; known ones: {', '.join(ARM_CPUS)}")
    name, title = f"arm:{cpu}", f"LiteRT's Arm kernels for {cpu}, emulated by QEMU"
    folder = Path(os.environ.get(_ARM_FOLDER, ""))
    emulators = sorted(folder.glob("*/usr/bin/qemu-aarch64")) if _ARM_FOLDER in os.environ else []
    if not emulators:
        said = f"run tools/arm.sh DIR once, then set {_ARM_FOLDER}=DIR"
        return Device(name, title, missing=said)
    system = folder / "arm64"
    python = system / "usr" / "bin" / "python3.13"
    command = (str(emulators[0]), "-cpu", cpu, "-L", str(system), str(python))
    ours = Path(__file__).parents[3]
    environment = {"PYTHONPATH": os.pathsep.join((str(folder / "site"), str(ours)))}
    return Device(name, title, (*command, "-m", _WORKERS.format("cpu")), environment)


def _ethos(variant: str) -> Device:
    macs = int(variant or _ETHOS_MACS) if (variant or "0").isdecimal() else 0
    check_macs(macs)
    missing = ""
    if importlib.util.find_spec("ethosu") is None:
        missing = f"it needs the extra [npu]: `{install_command('npu')}`"
    name, title = f"ethos-u85:{macs}", "Vela, the compiler for Arm's Ethos-U85, which runs nothing"
    command = (sys.executable, "-m", _WORKERS.format("ethos"), str(macs))
    return Device(name, title, command, missing=missing, runs=False)


def browser_device(backend: str, *, threads: int | None = None) -> Device:
    """Return LiteRT.js in a browser as a device.

    Args:
        backend: one of :data:`BROWSER_BACKENDS`.
        threads: of ``wasm-threads``; as many as the processor has if None.

    Raises:
        UsageError: there is no such backend.
    """
    if backend not in BROWSER_BACKENDS:
        raise UsageError(f"unknown backend {backend!r}; known ones: {', '.join(BROWSER_BACKENDS)}")
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    missing = "" if program else "install Chromium or Chrome (Debian: `chromium`)"
    count = (threads or os.cpu_count() or 1) if backend == "wasm-threads" else 1
    accelerator = backend.partition("-")[0]
    options: tuple[str, ...] = ()
    title = f"LiteRT.js in WebAssembly, {count} thread{'s' * (count != 1)}"
    if accelerator == "webgpu":
        title = "LiteRT.js in WebGPU"
        if not any(_found(pattern) for pattern in _DRIVERS):
            options, title = SOFTWARE_WEBGPU, f"{title} on SwiftShader, a software GPU"
    worker = (sys.executable, "-m", _WORKERS.format("browser"))
    command = (*worker, program or "", accelerator, str(count), *options)
    return Device(f"browser:{backend}", title, command, missing=missing)


def _browser(variant: str) -> Device:
    return browser_device(variant or BROWSER_BACKENDS[0])


_KINDS: dict[str, Callable[[str], Device]] = {
    "cpu": _cpu,
    "gpu": _gpu,
    "qualcomm": _qualcomm,
    "arm": _arm,
    "ethos-u85": _ethos,
    "browser": _browser,
}

"""Devices that can be asked here: what they take of a model, and whether they compute it right."""

from edgeseal.tflite.devices._check_on import check_on
from edgeseal.tflite.devices._device import Device, DeviceSession
from edgeseal.tflite.devices._device_model import DeviceModel
from edgeseal.tflite.devices._device_report import (
    DeviceReport,
    DeviceResult,
    Verdict,
    WrongOperator,
)
from edgeseal.tflite.devices._examiner import TAKEN_AND_WRONG, Examiner
from edgeseal.tflite.devices._known_devices import (
    ARM_CPUS,
    BROWSER_BACKENDS,
    DEVICE_NAMES,
    SOCS,
    browser_device,
    find_device,
    find_devices,
)
from edgeseal.tflite.devices._rightness import MOST_NSR
from edgeseal.tflite.devices._trial import (
    BrowserOpen,
    BrowserRun,
    BrowserTold,
    DeviceAnswer,
    Refusal,
)
from edgeseal.tflite.devices._vela_compiler import (
    ETHOS_U85_MACS,
    Compilation,
    check_macs,
    compile_with_vela,
)

__all__ = [
    "ARM_CPUS",
    "BROWSER_BACKENDS",
    "DEVICE_NAMES",
    "ETHOS_U85_MACS",
    "MOST_NSR",
    "SOCS",
    "TAKEN_AND_WRONG",
    "BrowserOpen",
    "BrowserRun",
    "BrowserTold",
    "Compilation",
    "Device",
    "DeviceAnswer",
    "DeviceModel",
    "DeviceReport",
    "DeviceResult",
    "DeviceSession",
    "Examiner",
    "Refusal",
    "Verdict",
    "WrongOperator",
    "browser_device",
    "check_macs",
    "check_on",
    "compile_with_vela",
    "find_device",
    "find_devices",
]

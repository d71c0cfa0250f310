"""Choose between the processor and a graphics card without loading torch, which takes seconds."""

import ctypes
import logging
import platform
import sys
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)
AMD = Path("/dev/kfd")


def is_processor(wish: str) -> bool:
    """Whether the processor does the work. Where the machine seems to have a card that torch could use, torch is asked.

    `wish`: auto, cpu, cuda or mps. Raises EncoderError when it cannot be met.
    """
    if wish == "cpu" or (wish == "auto" and not _may_have_card()):
        log.info("device=cpu (%s)", "LOUPE_DEVICE" if wish == "cpu" else "no CUDA or MPS found")
        return True
    from encoder.torch_setup import choose_device

    return choose_device(wish).type == "cpu"


def revision_of(revision: str, dtype: str) -> str:
    """Other number types give other vectors, so they belong to the encoder's identity; float32 goes without saying."""
    return revision if dtype in ("auto", "float32") else f"{revision}+{dtype}"


def _may_have_card() -> bool:
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    with suppress(OSError, AttributeError):
        driver, count = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"), ctypes.c_int()
        if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value:
            return True
    return AMD.exists()

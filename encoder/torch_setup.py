"""Choose device, number type and threads once, and log why."""

import logging

import torch

from errors import EncoderError

log = logging.getLogger(__name__)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(wish: str) -> torch.device:
    """`auto` takes CUDA, then Apple's MPS, then the processor. Raises EncoderError when the wish cannot be met."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wish == "auto":
        name = "cuda" if cuda else "mps" if mps else "cpu"
        reason = "no CUDA or MPS found" if name == "cpu" else f"{name.upper()} found"
    else:
        name, reason = wish, "LOUPE_DEVICE"
        if (wish == "cuda" and not cuda) or (wish == "mps" and not mps):
            raise EncoderError(
                f"LOUPE_DEVICE is {wish!r}, but torch {torch.__version__} finds none. Set it to auto or cpu."
            )
    log.info("device=%s (%s)", name, reason)
    return torch.device(name)


def choose_dtype(wish: str) -> torch.dtype:
    """`auto` is float32: the only one whose vectors are the same on every machine that shares a library."""
    name = "float32" if wish == "auto" else wish
    log.info("dtype=%s (%s)", name, "same vectors on every machine" if wish == "auto" else "LOUPE_DTYPE")
    return DTYPES[name]


def set_threads(count: int) -> None:
    """Threads of one operation; 0 leaves torch's choice (one for each core)."""
    if count:
        torch.set_num_threads(count)
    log.info("threads=%d (%s)", torch.get_num_threads(), "LOUPE_THREADS" if count else "torch's choice")

"""The specialists' two models by OpenVINO, from an export in the cache. No torch, no transformers.

    LOUPE_CACHE/exports/specialists-KEY/     KEY: version of OpenVINO, processor, FORMAT
        vision.xml, vision.bin               see `encoder.models.Vision`
        sentences.xml, sentences.bin         see `encoder.models.Sentences`
        export.json                          what it was made of and for: `Description`

All in float32: what is shorter and faster gives other vectors (`encoder.gate`, docs/encoder.md). An export that is
damaged, or made of other weights, for another version or for another processor is refused with the reason and made
again (`encoder.export`, in a process of its own); where that cannot be done, torch does the work.
"""

import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from pydantic import BaseModel, ValidationError

from encoder.models import (
    MAX_TOKENS,
    SENTENCE_FOLDER,
    SENTENCE_WEIGHTS,
    SIDE,
    VISION_WEIGHTS,
    Array,
    Seen,
    by_length,
)
from errors import FolderError, first_line
from host import folders

log = logging.getLogger(__name__)
FORMAT = 2
DESCRIPTION = "export.json"
FILES = ("vision.xml", "vision.bin", "sentences.xml", "sentences.bin")
SOURCES = {"vision": VISION_WEIGHTS, "sentences": SENTENCE_WEIGHTS}
EXACT = "f32"
ROWS = 3
"""Outputs of the vision model that `encode` needs; `maps` needs the others."""
MAKING_S = 900
AGAIN_S = 24 * 3600
"""For so long no further export is tried where one could not be made: a try takes as long as a success."""


class ExportError(Exception):
    """Why the export cannot be used or made."""


class Source(BaseModel):
    """The weights of one model, as they were installed."""

    size: int
    mtime_ns: int
    sha256: str


class Description(BaseModel):
    format: str
    openvino: str
    processor: str
    made_by: dict[str, str]
    """Package -> version."""
    sources: dict[str, Source]
    files: dict[str, str]
    """Name -> SHA-256."""


def load_exported(cache: Path, threads: int) -> "Exported | None":
    """The export of this processor, made where it is not there yet; None, with a logged reason, where none can be."""
    try:
        folder = folder_of(cache)
        try:
            return Exported(cache, threads)
        except ExportError as error:
            if failed := failure_of(folder):
                raise ExportError(f"{failed}; python -m encoder export tries again at once") from None
            log.info("Preparing the encoder for this processor, once, up to a minute (%s) ...", error)
        make(cache)
        return Exported(cache, threads)
    except ExportError as error:
        log.warning("runtime=torch (%s)", error)
        return None


def make(cache: Path) -> None:
    """Make the export in another process, so that torch never loads into this one. Raises ExportError."""
    try:
        folder = folders.make_folder(exports(cache))
        with folders.using(folder), tempfile.TemporaryFile(dir=folder):
            pass
    except FolderError as error:
        raise ExportError(f"no export can be kept: {error}") from None
    command = [sys.executable, "-m", "encoder.export", str(cache)]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=MAKING_S, check=False
        )
        reason = (done.stderr.strip() or "no reason given").splitlines()[-1] if done.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = first_line(error)
    if not reason:
        return forget_failure(cache)
    with suppress(OSError):
        _failed(folder_of(cache)).write_text(reason, encoding="utf-8")
    raise ExportError(f"the export could not be made: {reason}")


def forget_failure(cache: Path) -> None:
    with suppress(OSError, ExportError):
        _failed(folder_of(cache)).unlink(missing_ok=True)


def failure_of(folder: Path) -> str:
    """Why the last try to make this export failed, within AGAIN_S; "" where none did."""
    with suppress(OSError, ValueError):
        if 0 <= time.time() - _failed(folder).stat().st_mtime < AGAIN_S:
            return f"the export could not be made: {_failed(folder).read_text(encoding='utf-8')}"
    return ""


def _failed(folder: Path) -> Path:
    return folder.with_suffix(".failed")


def exports(cache: Path) -> Path:
    return cache / "exports"


def made_for() -> dict[str, str]:
    """What an export is good for. Raises ExportError where OpenVINO cannot be used."""
    try:
        openvino = open_vino()
        processor = str(_core().get_property("CPU", "FULL_DEVICE_NAME"))
        abilities = "+".join(sorted(set(number_types()) & {"BF16", "FP16", "FP32", "INT8"}))
    except Exception as error:  # an absent package, a library of the system, a processor without AVX2
        raise ExportError(f"OpenVINO cannot be used: {first_line(error)}") from error
    return {"format": str(FORMAT), "openvino": openvino.__version__, "processor": f"{processor} ({abilities})"}


def number_types() -> list[str]:
    """Those that the processor computes with, by OpenVINO's names."""
    return list(_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def folder_of(cache: Path) -> Path:
    key = hashlib.sha256(json.dumps(made_for()).encode()).hexdigest()[:8]
    return exports(cache) / f"specialists-{key}"


class Exported:
    """One export, its files checked and read; a model is compiled when it is first asked."""

    def __init__(self, cache: Path, threads: int = 0) -> None:
        """Raises ExportError."""
        folder, threads = folder_of(cache), threads or _cores()
        about = read_description(folder)
        self.digests = {name: digest_of_source(name, about.sources[name]) for name in SOURCES}
        for name in FILES:
            if digest_of(folder / name) != about.files.get(name):
                raise ExportError(f"{folder / name} is damaged")
        self.vision = ExportedVision(folder / "vision.xml", threads)
        self.sentences = ExportedSentences(folder / "sentences.xml", threads)
        log.info("runtime=openvino %s, threads=%d", about.openvino.split("-")[0], threads)


def read_description(folder: Path) -> Description:
    """`export.json` of an export for this OpenVINO and this processor. Raises ExportError."""
    wanted = made_for()
    try:
        about = Description.model_validate_json((folder / DESCRIPTION).read_bytes())
    except FileNotFoundError:
        raise ExportError(f"there is none for {' '.join(wanted.values())}") from None
    except (OSError, ValidationError) as error:
        raise ExportError(f"{folder / DESCRIPTION} cannot be read: {first_line(error)}") from None
    found = about.model_dump(include={*wanted})
    if found != wanted or {*about.sources} != {*SOURCES}:
        raise ExportError(f"it was made for {' '.join(found.values())}, this is {' '.join(wanted.values())}")
    return about


def describe_source(name: str) -> Source:
    about = SOURCES[name].stat()
    return Source(size=about.st_size, mtime_ns=about.st_mtime_ns, sha256=digest_of(SOURCES[name]))


def digest_of_source(name: str, noted: Source) -> str:
    """SHA-256 of the weights that are installed: as noted where size and time are those of then. Raises ExportError
    where the export was made of others."""
    there = SOURCES[name].stat()
    if (noted.size, noted.mtime_ns) != (there.st_size, there.st_mtime_ns):
        if (now := digest_of(SOURCES[name])) != noted.sha256:
            raise ExportError(f"it was made of other weights than {SOURCES[name].name} ({now[:8]})")
    return noted.sha256


class ExportedVision:
    """See `encoder.models.Vision`. One picture in one request: its rows do not depend on the pictures beside it."""

    def __init__(self, path: Path, threads: int, precision: str = EXACT) -> None:
        """`precision`: see `encoder.command`, which compares them."""
        self._model, self._threads = read_model(path), threads
        self._options = _options(precision, threads, streams=threads)

    def encode(self, pixels: Array) -> Seen:
        queue = self._queue
        rows = [np.empty((len(pixels), width), np.float32) for width in self._widths]

        def keep(request: Any, at: int) -> None:
            for index, row in enumerate(rows):
                row[at] = request.get_output_tensor(index).data[0]

        queue.set_callback(keep)
        for at in range(len(pixels)):
            queue.start_async({0: pixels[at : at + 1]}, at)
        queue.wait_all()
        return Seen(*rows)

    def maps(self, pixels: Array) -> list[Array]:
        found = self._whole({0: pixels[None]})
        return [np.array(found[index][0]) for index in range(len(found))]

    @cached_property
    def _queue(self) -> Any:
        compiled = _core().compile_model(_outputs(self._model, slice(ROWS)), "CPU", self._options)
        self._widths = [output.partial_shape[1].get_length() for output in compiled.outputs]
        return open_vino().AsyncInferQueue(compiled, self._threads)

    @cached_property
    def _whole(self) -> Any:
        return _core().compile_model(_outputs(self._model, slice(ROWS, None)), "CPU", self._options)


class ExportedSentences:
    """See `encoder.models.Sentences`."""

    def __init__(self, path: Path, threads: int) -> None:
        self._model, self._options = read_model(path), _options(EXACT, threads, streams=1)

    def encode(self, texts: Sequence[str]) -> Array:
        return by_length(texts, self._encode)

    def _encode(self, texts: list[str]) -> Array:
        tokens = self._tokenizer.encode_batch(texts)
        ids, mask = (np.array([getattr(one, name) for one in tokens]) for name in ("ids", "attention_mask"))
        return np.array(self._compiled([ids, mask])[0])

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(SENTENCE_FOLDER / "tokenizer.json"))
        tokenizer.enable_truncation(MAX_TOKENS)
        tokenizer.enable_padding()
        return tokenizer

    @cached_property
    def _compiled(self) -> Any:
        return _core().compile_model(self._model, "CPU", self._options)


def open_vino() -> ModuleType:
    """The package, without the one that it reports its use to Intel by."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    module: ModuleType = openvino
    return module


@cache
def _core() -> Any:
    return open_vino().Core()


def read_model(path: Path) -> Any:
    """Before it is asked anything: what removes the folder later takes nothing away. Raises ExportError."""
    try:
        return _core().read_model(path)
    except RuntimeError as error:
        raise ExportError(f"{path} cannot be read: {first_line(error)}") from None


def _outputs(model: Any, which: slice) -> Any:
    """A copy with some of the outputs, for one picture at a time."""
    whole = model.clone()
    part = open_vino().Model(whole.get_results()[which], whole.get_parameters())
    part.reshape([1, SIDE, SIDE, 3])
    return part


def _options(precision: str, threads: int, streams: int) -> dict[str, Any]:
    """Not pinned to cores: several processes of Loupe would be pinned to the same ones."""
    return {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams,
        "ENABLE_CPU_PINNING": False,
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def digest_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ExportError(f"{path} cannot be read ({error.strerror})") from None

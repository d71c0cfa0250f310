"""The specialists' two models by OpenVINO, from an export in the cache. No torch, no transformers.

    LOUPE_CACHE/exports/specialists-KEY/     KEY: version of OpenVINO, processor, FORMAT
        vision.xml, vision.bin               see `encoder.models.Vision`
        sentences.xml, sentences.bin         see `encoder.models.Sentences`
        export.json                          what it was made of and for, and the number type that was chosen

An export that is damaged, or made of other weights, for another version or for another processor is refused with the
reason and made again (`encoder.export`, in a process of its own); where that cannot be done, torch does the work.
"""

import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

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
FORMAT = 1
DESCRIPTION = "export.json"
FILES = ("vision.xml", "vision.bin", "sentences.xml", "sentences.bin")
SOURCES = {"vision": VISION_WEIGHTS, "sentences": SENTENCE_WEIGHTS}
EXACT = "f32"
ROWS = 3
"""Outputs of the vision model that `encode` needs; `maps` needs the others."""
MAKING_S = 900


class ExportError(Exception):
    """Why the export cannot be used or made."""


def load_exported(cache: Path, threads: int, *, exact: bool = False) -> "Exported | None":
    """The export of this processor, made where it is not there yet; None with a logged reason where it cannot be had.

    `exact`: in float32, whatever number type was chosen for this processor.
    """
    try:
        try:
            return Exported(cache, threads, exact=exact)
        except ExportError as error:
            log.info("Preparing the encoder for this processor, once, up to a minute (%s) ...", error)
        make(cache)
        return Exported(cache, threads, exact=exact)
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
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportError(f"the export could not be made: {first_line(error)}") from None
    if done.returncode:
        last = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise ExportError(f"the export could not be made: {last}")


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
    """One export, its files checked; a model is compiled when it is first asked."""

    def __init__(self, cache: Path, threads: int = 0, *, exact: bool = False) -> None:
        """Raises ExportError."""
        self.folder, self._threads = folder_of(cache), threads or _cores()
        self.about = read_description(self.folder)
        self.digests = {name: digest_of_source(name, self.about) for name in SOURCES}
        for name in FILES:
            if digest_of(self.folder / name) != self.about["files"].get(name):
                raise ExportError(f"{self.folder / name} is damaged")
        self.precision = EXACT if exact else str(self.about["precision"])
        why = "LOUPE_DTYPE" if exact else self.about["reason"]
        self.vision = ExportedVision(self.folder / "vision.xml", self.precision, self._threads)
        self.sentences = ExportedSentences(self.folder / "sentences.xml", self._threads)
        version = self.about["openvino"].split("-")[0]
        log.info("runtime=openvino %s, threads=%d, %s (%s)", version, self._threads, self.precision, why)


def read_description(folder: Path) -> dict[str, Any]:
    """`export.json` of an export for this OpenVINO and this processor. Raises ExportError."""
    try:
        about = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        found, wanted = {name: about[name] for name in made_for()}, made_for()
        usable = isinstance(about["precision"], str) and {*about["sources"]} == {*SOURCES} and "files" in about
    except FileNotFoundError:
        raise ExportError(f"there is none for {' '.join(made_for().values())}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{folder / DESCRIPTION} cannot be read: {first_line(error)}") from None
    if found != wanted or not usable:
        raise ExportError(f"it was made for {' '.join(found.values())}, this is {' '.join(wanted.values())}")
    return dict(about)


def describe_source(name: str) -> dict[str, Any]:
    about = SOURCES[name].stat()
    return {"size": about.st_size, "mtime_ns": about.st_mtime_ns, "sha256": digest_of(SOURCES[name])}


def digest_of_source(name: str, about: Mapping[str, Any]) -> str:
    """SHA-256 of the weights that are installed: as noted where size and time are those of then. Raises ExportError
    where the export was made of others."""
    noted, there = about["sources"][name], SOURCES[name].stat()
    if (noted.get("size"), noted.get("mtime_ns")) != (there.st_size, there.st_mtime_ns):
        if (now := digest_of(SOURCES[name])) != noted.get("sha256"):
            raise ExportError(f"it was made of other weights than {SOURCES[name].name} ({now[:8]})")
    return str(noted["sha256"])


class ExportedVision:
    """See `encoder.models.Vision`. One picture in one request: its rows do not depend on the pictures beside it."""

    def __init__(self, path: Path, precision: str, threads: int) -> None:
        self._path, self._threads = path, threads
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
        compiled = _core().compile_model(_outputs(self._path, slice(ROWS)), "CPU", self._options)
        self._widths = [output.partial_shape[1].get_length() for output in compiled.outputs]
        return open_vino().AsyncInferQueue(compiled, self._threads)

    @cached_property
    def _whole(self) -> Any:
        return _core().compile_model(_outputs(self._path, slice(ROWS, None)), "CPU", self._options)


class ExportedSentences:
    """See `encoder.models.Sentences`. Always in float32: words are few beside pictures."""

    def __init__(self, path: Path, threads: int) -> None:
        self._path, self._options = path, _options(EXACT, threads, streams=1)

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
        return _core().compile_model(_core().read_model(self._path), "CPU", self._options)


def open_vino() -> ModuleType:
    """The package, without the one that it reports its use to Intel by."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    module: ModuleType = openvino
    return module


@cache
def _core() -> Any:
    return open_vino().Core()


def _outputs(path: Path, which: slice) -> Any:
    """The model with some of its outputs, for one picture at a time."""
    model = _core().read_model(path)
    part = open_vino().Model(model.get_results()[which], model.get_parameters())
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

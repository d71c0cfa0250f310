"""Export the specialists' two models for this processor, and choose the number type: `python -m encoder.export CACHE`.

torch makes the export and then does not run. The number type is the fastest whose vectors agree with float32 on the
pictures of `samples/` (`encoder.gate`), if it is faster by a fifth at least.
"""

import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from encoder.exported import (
    DESCRIPTION,
    EXACT,
    FILES,
    SOURCES,
    Exported,
    ExportedSentences,
    ExportedVision,
    ExportError,
    describe_source,
    digest_of,
    exports,
    folder_of,
    made_for,
    number_types,
    open_vino,
)
from encoder.gate import fault_of
from encoder.models import SIDE, Array, Sentences, Vision
from encoder.projection import TrainedProjection
from encoder.specialists import embed, square
from host import folders

SAMPLES = Path(__file__).parents[1] / "samples"
OTHERS = {"bf16": "BF16", "f16": "FP16"}
"""Number types besides EXACT, and what the processor calls the ability."""
CANDIDATES = ("f16",)
"""Those that pass the gate on the development sets (docs/encoder.md): bf16 passes on `samples/` and fails there."""
FASTER = 1.2
"""How much faster than EXACT another number type must be."""
TIMED = 24
SAME = 1e-4
"""By how much a number of the export may differ from torch's, of the largest."""
TEXTS = ["a boat", "", "Ein Fahrrad am Meer, spät am Abend", "word " * 300, "日本の山"]


def export(cache: Path) -> None:
    """Make the export in `cache`, unless another process has just made it. Raises ExportError, FolderError."""
    above = folders.make_folder(exports(cache))
    with folders.using(above), folders.own_lock(above / "export.lock"):
        try:
            Exported(cache)
        except ExportError:
            part = above / ".part"
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(mode=0o700)
            _fill(part)
            _remove_older(above)
            shutil.rmtree(folder_of(cache), ignore_errors=True)
            part.replace(folder_of(cache))


def _fill(folder: Path) -> None:
    import torch

    from encoder.towers import SentenceModel, VisionModel

    openvino = open_vino()
    seen, said = VisionModel("cpu"), SentenceModel("cpu")
    pixels = torch.zeros((1, SIDE, SIDE, 3))
    tokens = (torch.tensor([[101, 2000, 102], [101, 102, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]]))
    with torch.no_grad():
        vision = openvino.convert_model(seen.network, example_input=pixels, input=[1, SIDE, SIDE, 3])
        sentences = openvino.convert_model(said.network, example_input=tokens)
    openvino.save_model(vision, folder / "vision.xml", compress_to_fp16=False)
    openvino.save_model(sentences, folder / "sentences.xml", compress_to_fp16=False)
    _compare(folder, seen, said)
    about: dict[str, Any] = dict(made_for())
    about["made_by"] = {name: version(name) for name in ("torch", "transformers", "tokenizers")}
    about["sources"] = {name: describe_source(name) for name in SOURCES}
    about["files"] = {name: digest_of(folder / name) for name in FILES}
    about["precision"], about["reason"] = choose(folder)
    (folder / DESCRIPTION).write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")


def _compare(folder: Path, vision: Vision, sentences: Sentences) -> None:
    """Raise ExportError where the export in float32 gives other numbers than torch."""
    pixels = np.random.default_rng(0).uniform(0, 255, (2, SIDE, SIDE, 3)).astype(np.float32)
    mine, words = ExportedVision(folder / "vision.xml", EXACT, 1), ExportedSentences(folder / "sentences.xml", 1)
    exact, other = vision.encode(pixels), mine.encode(pixels)
    pairs = {name: (getattr(exact, name), getattr(other, name)) for name in ("features", "middle", "logits")}
    pairs["sentences"] = (sentences.encode(TEXTS), words.encode(TEXTS))
    maps = zip(vision.maps(pixels[0]), mine.maps(pixels[0]), strict=True)
    pairs |= {f"map {number}": pair for number, pair in enumerate(maps)}
    for name, (wanted, got) in pairs.items():
        if not np.abs(wanted - got).max() <= SAME * np.abs(wanted).max():
            raise ExportError(f"OpenVINO gives other {name} than torch on this processor")


def choose(folder: Path) -> tuple[str, str]:
    """The number type for this processor, and why."""
    there = {name for name in CANDIDATES if OTHERS[name] in number_types()}
    images = list(sample_images())
    if not there or not images:
        return (
            EXACT,
            "the processor has no shorter number type that agrees" if images else "no samples/ to compare others on",
        )
    projection, pixels = TrainedProjection.load(), np.stack([square(image) for image in images])
    models = {name: ExportedVision(folder / "vision.xml", name, 1) for name in (EXACT, *sorted(there))}
    speeds = measure_speeds(models, pixels)
    exact, reasons = embed(projection, images, models[EXACT].encode(pixels)), []
    for name in sorted(there, key=lambda name: -speeds[name]):
        times = speeds[name] / speeds[EXACT]
        if times < FASTER:
            reasons.append(f"{name} is {times:.2f} times as fast")
        elif fault := fault_of(exact, embed(projection, images, models[name].encode(pixels))):
            reasons.append(f"{name} differs: {fault}")
        else:
            return name, f"{times:.2f} times as fast as {EXACT} and agrees with it"
    return EXACT, "; ".join(reasons)


def measure_speeds(models: Mapping[str, Vision], pixels: Array) -> dict[str, float]:
    """Pictures per second of processor time, the best of three turns that take turns."""
    speeds = dict.fromkeys(models, 0.0)
    for _ in range(3):
        for name, model in models.items():
            speeds[name] = max(speeds[name], _speed(model, pixels[:TIMED]))
    return speeds


def _speed(model: Vision, pixels: Array) -> float:
    started = time.process_time()
    model.encode(pixels)
    return len(pixels) / (time.process_time() - started)


def sample_images() -> Iterator[Image.Image]:
    """The pictures of `samples/`, on white."""
    for path in sorted(path for kind in ("photos/*.jpg", "drawings/*.png") for path in SAMPLES.glob(kind)):
        yield on_white(path)


def on_white(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        picture = opened.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def _remove_older(above: Path) -> None:
    """What an older version of Loupe or OpenVINO made for this processor; those for others are left."""
    for folder in above.glob("specialists-*"):
        try:
            made = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))["processor"]
        except (OSError, ValueError, KeyError, TypeError):
            made = made_for()["processor"]
        if made == made_for()["processor"]:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        export(Path(sys.argv[1]))
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")

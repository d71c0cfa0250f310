"""Hold the export against torch in float32, and report what it costs. A part of the entry point `python -m encoder`."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from encoder.exported import EXACT, Exported, ExportedVision, folder_of, load_exported, number_types
from encoder.gate import agree, fault_of, ranking_fault
from encoder.models import Array, Vision
from encoder.projection import TrainedProjection
from encoder.protocol import Embeddings
from encoder.specialists import embed, square
from errors import EncoderError, Exit
from evaluation.metrics import judge_embeddings
from training.data.judged import drawings, photographs
from training.data.packages import SourceMissing

SAMPLES = Path(__file__).parents[1] / "samples"
TORCH = "torch"
OTHERS = {"bf16": "BF16", "f16": "FP16"}
"""Number types besides EXACT, and what the processor calls the ability."""
TIMED = 24
MEMORY = """
import sys, psutil
from pathlib import Path
from PIL import Image
from encoder.load import load_encoder
encoder = load_encoder("specialists", device="cpu", cache=Path(sys.argv[1]) if sys.argv[1] else None)
encoder.encode_texts(["a boat"])
words = psutil.Process().memory_info().rss
encoder.encode_images([Image.new("RGB", (640, 480))] * 32)
print(words // 2**20, psutil.Process().memory_info().rss // 2**20)
"""


@dataclass(frozen=True)
class Judged:
    """Pictures with the captions they must be found by."""

    name: str
    images: Sequence[Image.Image]
    captions: Sequence[str]
    relevant: Sequence[Sequence[int]]
    """For each caption the pictures."""


def verify(cache: Path, *, development: bool) -> int:
    """Print the report, also of the number types that are not used. Raises EncoderError."""
    if (export := load_exported(cache, 1)) is None:
        raise EncoderError("There is no export to verify: the reason stands above.")
    from encoder.torch_setup import set_threads
    from encoder.towers import VisionModel

    set_threads(1)
    names = [EXACT, *sorted(name for name, ability in OTHERS.items() if ability in number_types())]
    models: dict[str, Vision] = {TORCH: VisionModel("cpu")}
    models |= {name: ExportedVision(folder_of(cache) / "vision.xml", 1, name) for name in names}
    images, projection = list(sample_images()), TrainedProjection.load()
    speeds = measure_speeds(models, np.stack([square(image) for image in images]))
    rows = {name: _vectors(projection, model, images) for name, model in models.items()}
    print(f"{len(images)} pictures of samples/, one thread; agreement with torch in float32")
    for name in models:
        of = {vector: agree(rows[TORCH][vector], rows[name][vector]) for vector in ("image", "look")}
        print(f"{name:6} {speeds[name]:5.1f} pictures/CPU s; " + "; ".join(f"{v}: {found}" for v, found in of.items()))
    faults = {name: fault_of(rows[TORCH], rows[name]) for name in names}
    if development:
        for name, fault in _compare_rankings(cache, projection, models, export).items():
            faults[name] = "; ".join(filter(None, (faults[name], fault)))
    for title, folder in ((TORCH, ""), (f"openvino {EXACT}", str(cache))):
        words, pictures = _memory(folder)
        print(f"{title}: {words} MB after a question in words, {pictures} MB after 32 pictures")
    for name in names:
        print(f"{name}: {speeds[name] / speeds[EXACT]:.2f} times as fast; {faults[name] or 'passes'}")
    return _decide(folder_of(cache), faults[EXACT])


def _decide(folder: Path, fault: str) -> int:
    if fault:
        print(f"decision: none. {EXACT} differs from torch: {fault}. Remove {folder} to have it made again")
        return Exit.USAGE
    print(f"decision: openvino in {EXACT} (it agrees with torch; another number type would be another encoder)")
    return Exit.DONE


def _compare_rankings(
    cache: Path, projection: TrainedProjection, models: Mapping[str, Vision], export: Exported
) -> dict[str, str]:
    """Print R@10 and MRR of captions that look for their pictures; number type -> what it fails by."""
    faults: dict[str, list[str]] = {name: [] for name in models if name != TORCH}
    for judged in _development(cache):
        texts = projection.words(export.sentences.encode(judged.captions))
        print(f"{judged.name}: {len(judged.captions)} captions, {len(judged.images)} pictures")
        rows = {name: _vectors(projection, model, judged.images) for name, model in models.items()}
        figures = {name: judge_embeddings(texts, rows[name]["image"], judged.relevant).mean() for name in models}
        for name in models:
            shown = ", ".join(f"{metric} {figures[name][metric]:.4f}" for metric in ("R@10", "MRR"))
            print(f"  {name:6} {shown}; image: {agree(rows[TORCH]['image'], rows[name]['image'])}")
        for name, found in faults.items():
            moved = ranking_fault(figures[TORCH], figures[name])
            found += [f"{judged.name}: {fault}" for fault in (fault_of(rows[TORCH], rows[name]), moved) if fault]
    return {name: "; ".join(found) for name, found in faults.items()}


def _development(cache: Path) -> list[Judged]:
    """The photographs and the drawings that training is judged on, as far as their packages can be had."""
    sets = {"photographs": photographs(cache, SAMPLES, on_missing=print)}
    try:
        sets["drawings"] = drawings(cache)
    except SourceMissing as missing:
        print(f"The drawings are left out: {missing}")
    return [
        Judged(
            name,
            [on_white(picture.path) for picture in pictures],
            [caption for picture in pictures for caption in picture.captions],
            [[at] for at, picture in enumerate(pictures) for _ in picture.captions],
        )
        for name, pictures in sets.items()
    ]


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


def _vectors(projection: TrainedProjection, model: Vision, images: Sequence[Image.Image]) -> dict[str, Embeddings]:
    return embed(projection, images, model.encode(np.stack([square(image) for image in images])))


def _memory(cache: str) -> tuple[int, int]:
    """In megabytes, of a process of its own: after words, and after pictures as well."""
    command = [sys.executable, "-c", MEMORY, cache]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    if done.returncode:
        raise EncoderError(f"The memory could not be measured: {done.stderr.strip()[-200:] or done.returncode}")
    words, pictures = done.stdout.split()
    return int(words), int(pictures)

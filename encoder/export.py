"""Export the specialists' two models for this processor, by torch: `python -m encoder.export CACHE`."""

import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np

from encoder.exported import (
    DESCRIPTION,
    FILES,
    SOURCES,
    Description,
    Exported,
    ExportedSentences,
    ExportedVision,
    ExportError,
    describe_source,
    digest_of,
    exports,
    folder_of,
    made_for,
    open_vino,
)
from encoder.models import SIDE, Sentences, Vision
from host import folders

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
            try:
                _fill(part)
                _remove_older(above)
                shutil.rmtree(folder_of(cache), ignore_errors=True)
                part.replace(folder_of(cache))
            finally:
                shutil.rmtree(part, ignore_errors=True)


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
    about = Description(
        **made_for(),
        made_by={name: version(name) for name in ("torch", "transformers", "tokenizers")},
        sources={name: describe_source(name) for name in SOURCES},
        files={name: digest_of(folder / name) for name in FILES},
    )
    (folder / DESCRIPTION).write_text(about.model_dump_json(indent=1), encoding="utf-8")


def _compare(folder: Path, vision: Vision, sentences: Sentences) -> None:
    """Raise ExportError where the export gives other numbers than torch."""
    pixels = np.random.default_rng(0).uniform(0, 255, (2, SIDE, SIDE, 3)).astype(np.float32)
    mine, words = ExportedVision(folder / "vision.xml", 1), ExportedSentences(folder / "sentences.xml", 1)
    exact, other = vision.encode(pixels), mine.encode(pixels)
    pairs = {name: (getattr(exact, name), getattr(other, name)) for name in ("features", "middle", "logits")}
    pairs["sentences"] = (sentences.encode(TEXTS), words.encode(TEXTS))
    maps = zip(vision.maps(pixels[0]), mine.maps(pixels[0]), strict=True)
    pairs |= {f"map {number}": pair for number, pair in enumerate(maps)}
    for name, (wanted, got) in pairs.items():
        if not np.abs(wanted - got).max() <= SAME * np.abs(wanted).max():
            raise ExportError(f"OpenVINO gives other {name} than torch on this processor")


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

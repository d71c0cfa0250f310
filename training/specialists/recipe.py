"""Make the default encoder's weights, its figures and its card from the pairs."""

import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from encoder import projection
from encoder.projection import LOOK_DIM, WEIGHTS, TrainedProjection
from encoder.protocol import unit
from encoder.torch_setup import choose_device
from evaluation.metrics import Judgement, bootstrap, paired_bootstrap
from training import losses
from training.atomic import write_text, write_whole
from training.data.judged import JudgedPicture, drawings, photographs
from training.data.make import make_data
from training.data.packages import SourceMissing
from training.data.pairs import PAIRS, Manifest, read_manifest
from training.data.sources import EXPECTED
from training.features import content_hash
from training.specialists.card import Report, card
from training.specialists.fits import fit_ridge
from training.specialists.judge import JudgedSet, Method, baselines, judge_look, set_of_captions, trained
from training.specialists.memory import Memory
from training.specialists.train import PLAN, Gains, export, fit_start, train_memory, weighted
from training.specialists.views import Towers, read_corpus

TRIED = tuple(
    Gains(conse, colours, familiar)
    for conse in (1.0, 1.3, 1.6, 2.0)
    for colours in (0.0, 1.0, 2.0, 3.0, 4.0)
    for familiar in (1.0, 0.75, 0.6, 0.5)
)
"""On the development halves."""
LEARNT = Gains()
log = logging.getLogger(__name__)
NAMES = ("R@1", "R@10", "S@1", "S@10", "MRR")
SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def run(cache: Path, out: Path, *, seed: int = 0, device: str = "auto") -> Report:
    """Obtain what is missing, train, choose, judge; write the weights, the card (.md) and the figures (.json) to `out`.

    Killed anywhere and called again it goes on. Raises TrainingError.
    """
    started, weights = time.monotonic(), out / WEIGHTS.name
    device = str(choose_device(device))
    data = cache / "training" / "data"
    manifest = read_manifest(data) if (data / PAIRS).exists() else make_data(cache)
    towers = Towers(cache, device)
    corpus = read_corpus(data, towers)
    parts = {split: corpus.where(corpus.splits == split) for split in ("train", "dev", "test")}
    skipped = lacking(manifest)
    photos = _photographs(cache, towers, skipped)
    start = fit_start(parts["train"], towers.name_colours())
    development = {"in-domain": set_of_captions("in-domain", parts["dev"]), **_half(photos, "dev")}

    def develop(projection: TrainedProjection) -> dict[str, float]:
        method = trained(projection)
        return _development({name: method.judge(judged) for name, judged in development.items()})

    def learnt_by(memory: Memory) -> TrainedProjection:
        return export(memory, start, parts["train"], LEARNT)

    folder = cache / "training" / "runs" / f"specialists-{seed}-{content_hash(data / PAIRS)[:8]}-{_recipe()}"
    others = [] if folder.exists() else sorted(folder.parent.glob(f"{folder.name.rpartition('-')[0]}-*"))
    if others:
        log.info("%s was trained by another version of the recipe; the memory is trained anew", others[-1])
    memory, history = train_memory(
        parts["train"], start, folder, lambda memory: develop(learnt_by(memory)), seed=seed, device=device
    )
    learnt = learnt_by(memory)
    tried = [asdict(gains) | develop(weighted(learnt, gains)) for gains in TRIED]
    gains = TRIED[int(np.argmax([figures["choice"] for figures in tried]))]
    report = Report(
        seed=seed,
        pictures={split: len(part) for split, part in parts.items()},
        sources=dict(Counter(corpus.sources.tolist())),
        epochs=[history.start, *history.epochs],
        best_epoch=history.best_epoch,
        gains=tried,
        chosen=asdict(gains),
        skipped=skipped,
    )
    final = {"in-domain": set_of_captions("in-domain", parts["test"]), **_half(photos, "final")}
    final |= _drawings(cache, towers, skipped)
    methods = dict(baselines(start, parts["train"])) | {"trained": trained(weighted(learnt, gains))}
    wide = replace(start, linear=fit_ridge(corpus.views.features, start.words.place(corpus.captions)))
    shipped = export(memory, wide, corpus, gains)
    write_whole(weights, shipped.save)
    as_loaded = {"shipped": trained(TrainedProjection.load(weights))}
    for name, judged in final.items():
        _judge(report, name, judged, methods if name == "in-domain" else methods | as_loaded)
    test = parts["test"]
    codes, sources = [pair.code for pair in test.pairs], [pair.source for pair in test.pairs]
    seen = shipped.project(test.views.features)
    vectors = {
        f"`look`, {LOOK_DIM} dimensions": shipped.look(test.views.features),
        f"the first {LOOK_DIM} principal axes": unit(seen[:, :LOOK_DIM]),
        "512 principal axes": seen,
        "the memory's keys, 512 dimensions": unit(seen @ shipped.key_map),
        "last layer as it is": unit(test.views.features[:, :1280]),
    }
    report.look = {
        name: {own: judge_look(rows, codes, sources, own=own == "all") for own in ("all", "others")}
        for name, rows in vectors.items()
    }
    report.weights_bytes = weights.stat().st_size
    report.minutes = (time.monotonic() - started) / 60
    write_text(weights.with_suffix(".json"), json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n")
    write_text(weights.with_suffix(".md"), card(report, PLAN))
    return report


def lacking(manifest: Manifest) -> list[str]:
    """A sentence for each source that the pairs lack."""
    reports = manifest.sources | manifest.words
    missing = [f"{name} is not in the pairs: {report.missing}" for name, report in reports.items() if report.missing]
    return missing + [f"{name} was not asked for when the pairs were made." for name in EXPECTED if name not in reports]


def _recipe() -> str:
    """Another one has another run's folder: what is resumed was begun by these very files."""
    files = sorted([*Path(__file__).parent.glob("*.py"), Path(losses.__file__), Path(projection.__file__)])
    return hashlib.sha256("".join(content_hash(file) for file in files).encode()).hexdigest()[:8]


def _development(judgements: Mapping[str, Judgement]) -> dict[str, float]:
    """MRR and R@10 of each set; `choice`, by which an epoch and a share are chosen, is the mean of all of them."""
    figures = {f"{name} {metric}": judgements[name].mean()[metric] for name in judgements for metric in ("MRR", "R@10")}
    return figures | {"choice": float(np.mean(list(figures.values())))}


def _judge(report: Report, name: str, judged: JudgedSet, methods: Mapping[str, Method]) -> None:
    judgements = {method: found.judge(judged).per_query for method, found in methods.items()}
    report.sets[name] = {"queries": len(judged.sentences), "pictures": len(judged.views)}
    report.rows[name] = {
        method: {metric: bootstrap(values[metric]) for metric in NAMES} for method, values in judgements.items()
    }
    best = "trained" if name == "in-domain" else "shipped"
    report.better[name] = {
        method: paired_bootstrap(judgements[best]["R@10"], values["R@10"])
        for method, values in judgements.items()
        if method != best
    }


def _photographs(cache: Path, towers: Towers, skipped: list[str]) -> tuple[list[JudgedPicture], JudgedSet]:
    found = photographs(cache, SAMPLES, on_missing=skipped.append)
    return found, _judged_set("photographs", found, towers)


def _half(photos: tuple[list[JudgedPicture], JudgedSet], half: str) -> dict[str, JudgedSet]:
    """The captions of one half against the photographs of both."""
    found, judged = photos
    chosen = [at for at, (picture,) in enumerate(judged.relevant) if found[picture].half == half]
    if not chosen:
        return {}
    relevant = [judged.relevant[at] for at in chosen]
    return {"photographs": JudgedSet("photographs", judged.views, judged.sentences[chosen], relevant)}


def _drawings(cache: Path, towers: Towers, skipped: list[str]) -> dict[str, JudgedSet]:
    try:
        return {"drawings": _judged_set("drawings", drawings(cache), towers)}
    except SourceMissing as missing:
        skipped.append(f"The drawings are not judged: {missing}")
        return {}


def _judged_set(name: str, pictures: list[JudgedPicture], towers: Towers) -> JudgedSet:
    views = towers.encode_pictures(pictures, [content_hash(picture.path) for picture in pictures], progress=name)
    captions = [(caption, at) for at, picture in enumerate(pictures) for caption in picture.captions]
    return JudgedSet(
        name, views, towers.encode_phrases([caption for caption, _ in captions]), [[at] for _, at in captions]
    )

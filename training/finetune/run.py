"""Tune an encoder to a captioned folder, step by step: train, choose, save, judge, report."""

import gc
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from encoder.clip import ClipEncoder
from encoder.protocol import Encoder, unit
from errors import EncoderError, EvaluationError, TrainingError
from evaluation.folder import CaptionedFolder, encode_folder, read_captioned
from evaluation.metrics import judge_embeddings
from evaluation.retrieval import Comparison, compare
from pictures.open import Limits
from training import checkpoints
from training.finetune.config import SPECIALISTS, FinetuneConfig, check, record
from training.finetune.dual import Dual
from training.finetune.head import Head
from training.finetune.report import Outside, Report, Tuned, write_report
from training.finetune.split import Ints, Pairs, Split, pairs_of, split
from training.interpolate import choose, mix
from training.loop import History, Plan, train

WATCHED = "choice"
"""The mean of R@10 and MRR, words → pictures and back: on fifty pictures R@10 of one way alone is too coarse to
choose by (measured: half the gain on the held-out side)."""
CHECKPOINTS = "checkpoints"
CHUNK = 16
"""Pictures or captions embedded at a time when validating."""
KEPT_MB = 500
"""Checkpoints of all epochs are kept up to here; above, those of the start, the best and the newest epoch."""
log = logging.getLogger(__name__)
Learner = Dual | Head
Load = Callable[[str], Encoder]


@dataclass(frozen=True)
class Dependencies:
    """What a run is given besides its configuration. `load`: an encoder by folder or name."""

    load: Load
    limits: Limits
    cache: Path
    outside: Path | None = None
    """Captioned pictures of another kind, on which losses show."""


def finetune(config: FinetuneConfig, given: Dependencies) -> Report:
    """Train, choose the mix with the start, save to `config.out`, judge, report. Called again it goes on, or reports.

    After every better epoch `config.out` holds that epoch's model whole, so that ctrl-C or a kill leaves it.
    Raises TrainingError, EvaluationError, RootError and EncoderError, each with one sentence.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    config = check(config)
    folder = read_captioned(config.folder, given.limits)
    pairs = pairs_of(folder)
    sides = split(pairs, config.validation_share, config.held_out_share, config.seed)
    tuned = _tune(config, folder, pairs, sides, given)
    gc.collect()  # the learner's model, before two more are loaded
    log.info("Judging before and after: pictures held out, and %s", given.outside or "no others")
    encoders = {"before": given.load(config.start), "after": given.load(str(config.out))}
    held_out = replace(folder, pictures=tuple(folder.pictures[index] for index in sides.held_out))

    def judge(folder: CaptionedFolder) -> dict[str, Comparison]:
        return compare(encode_folder(folder, encoders, given.limits), "before", "after", folder.folder)

    report = Report(
        **vars(tuned),
        encoder_before=encoders["before"].identity.id,
        encoder_after=encoders["after"].identity.id,
        folder=folder,
        split=sides,
        held_out=judge(held_out),
        outside=_outside(config, judge, given),
        minutes={"wall": (time.perf_counter() - wall) / 60, "cpu": (time.process_time() - cpu) / 60},
    )
    write_report(report)
    return report


def _tune(config: FinetuneConfig, folder: CaptionedFolder, pairs: Pairs, sides: Split, given: Dependencies) -> Tuned:
    trained, judged = pairs.within(sides.train), pairs.within(sides.validation)
    learner = _learner(folder, config, given)
    config = replace(config, learning_rate=config.learning_rate or learner.learning_rate)
    record(config, learner.identity, folder)
    if isinstance(learner, Head):
        learner.remember(trained)
    history = _train(learner, trained, judged, config)
    # Of the epochs after training began: on the way to it may lie a mix that is better than either end.
    best = max(range(1, len(history.epochs) + 1), key=lambda i: (history.epochs[i - 1][WATCHED], -i))
    start, tuned = (checkpoints.load(config.place / CHECKPOINTS, epoch).tensors for epoch in (0, best))

    def judge_at(alpha: float) -> Mapping[str, float]:
        checkpoints.put(learner, mix(start, tuned, alpha), f"{config.out} at α = {alpha}")
        return validate(learner, judged)

    choice = choose(judge_at, (WATCHED,))
    judge_at(choice.alpha)
    if isinstance(learner, Head):  # nothing more is chosen: the pictures chosen by are remembered too
        learner.remember(pairs.within(np.union1d(sides.train, sides.validation)))
    learner.save(config.out)
    sizes = {"trained": sum(parameter.numel() for parameter in learner.parameters()), "all": learner.all_parameters}
    remembered = learner.remembered if isinstance(learner, Head) else 0
    return Tuned(config, history, best, choice, learner.loss_name, str(learner.device), sizes, remembered)


@torch.no_grad()
def validate(learner: Learner, judged: Pairs) -> dict[str, float]:
    """One side of the split, words → pictures; `back` is pictures → words, `choice` what is chosen by."""
    pictures, captions = judged.corpus
    of_captions, of_pictures = judged.relevant()

    def embed(side: Callable[[Ints], Tensor], rows: Ints) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        return torch.cat([side(rows[i : i + CHUNK]).float().cpu() for i in range(0, len(rows), CHUNK)]).numpy()

    texts, images = embed(learner.captions, captions), embed(learner.pictures, pictures)
    if not (np.isfinite(texts).all() and np.isfinite(images).all()):
        raise TrainingError(
            "The model gives no vector for some picture or caption (NaN). Begin again with a lower --learning-rate and "
            "another --out."
        )
    there = judge_embeddings(unit(texts), unit(images), of_captions).mean()
    back = judge_embeddings(unit(images), unit(texts), of_pictures).mean()
    kept = {name: there[name] for name in ("R@1", "R@5", "R@10", "MRR")}
    kept |= {f"{name} back": back[name] for name in ("R@10", "MRR")}
    return kept | {WATCHED: float(np.mean([kept[name] for name in ("R@10", "MRR", "R@10 back", "MRR back")]))}


def batches(pairs: Pairs, size: int, seed: int, epoch: int) -> list[tuple[Ints, Ints, Ints]]:
    """Every pair once, in an order of that epoch, in batches of nearly equal size: no rest of one is left over."""
    count = len(pairs.pictures)
    order = np.random.default_rng([seed, epoch]).permutation(count)
    parts = np.array_split(order, -(-count // size))
    return [(pairs.pictures[part], pairs.captions[part], pairs.groups[part]) for part in parts]


def _learner(folder: CaptionedFolder, config: FinetuneConfig, given: Dependencies) -> Learner:
    """Where a folder was meant and is not there, the error says so in the words of the command."""
    named = Path(config.start).expanduser()
    if (named.is_absolute() or config.start.startswith(".")) and not named.is_dir():
        raise EncoderError(
            f"--from names the folder {config.start}, which is not there. Check its spelling, or start from "
            "specialists."
        )
    start = given.load(config.start)
    if config.start == SPECIALISTS:
        return Head(start, folder, given.limits, config.loss, given.cache, config.seed)
    if isinstance(start, ClipEncoder):
        return Dual(start, folder, given.limits, config.train, config.lock, config.loss, given.cache)
    raise TrainingError(
        f"{config.start} is the encoder {start.identity.id}, which cannot be trained further. Start from specialists "
        "or from a CLIP, SigLIP or SigLIP 2 model."
    )


def _train(learner: Learner, trained: Pairs, judged: Pairs, config: FinetuneConfig) -> History:
    place = config.place / CHECKPOINTS
    size_mb = 4e-6 * sum(parameter.numel() for parameter in learner.parameters())

    def on_epoch(epoch: int, model: nn.Module, metrics: Mapping[str, float]) -> None:
        best = _best_on_disk(place, epoch)
        if epoch and (not best or metrics[WATCHED] > checkpoints.read_state(place, best)["metrics"][WATCHED]):
            learner.save(config.out)
        if size_mb * config.epochs > KEPT_MB:
            for old in set(checkpoints.epochs(place)) - {0, best, epoch - 1, epoch}:
                (place / f"epoch-{old:04d}.safetensors").unlink(missing_ok=True)

    plan = Plan(
        epochs=config.epochs,
        learning_rate=config.learning_rate or learner.learning_rate,
        seed=config.seed,
        patience=config.patience,
        watch=WATCHED,
        higher_is_better=True,
        device=str(learner.device),
        mixed_precision=True,
    )
    try:
        return train(
            learner,
            lambda epoch: batches(trained, config.batch_size, config.seed, epoch),
            lambda model, batch: learner.loss(*batch),
            plan,
            place,
            validate=lambda model: validate(learner, judged),
            on_epoch=on_epoch,
        )
    except KeyboardInterrupt:
        best = _best_on_disk(place)
        holds = f"{config.out} holds the model of epoch {best}, the best so far" if best else "No epoch was done"
        log.warning("%s. The same command goes on from there.", holds)
        raise


def _best_on_disk(place: Path, before: int = 10**6) -> int:
    """The best of the epochs that are whole, without the start; 0 for none."""
    done = [epoch for epoch in checkpoints.epochs(place) if 0 < epoch < before]
    return max(done, key=lambda e: (checkpoints.read_state(place, e)["metrics"][WATCHED], -e), default=0)


def _outside(
    config: FinetuneConfig, judge: Callable[[CaptionedFolder], dict[str, Comparison]], given: Dependencies
) -> Outside:
    place = given.outside
    if place is None or not place.is_dir():
        return Outside("", {}, "not judged: there is no captioned folder of other pictures")
    if place.resolve() == config.folder or place.resolve() in config.folder.parents:
        return Outside(str(place), {}, "not judged: the folder trained on is that of the other pictures")
    try:
        return Outside(str(place), judge(read_captioned(place, given.limits)))
    except EvaluationError as error:
        return Outside(str(place), {}, f"not judged: {error}")

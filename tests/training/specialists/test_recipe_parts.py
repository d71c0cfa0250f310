"""The parts of the default encoder's recipe on a corpus of a few made-up pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from encoder.protocol import unit
from training.data.pairs import PicturePair
from training.specialists import fits
from training.specialists.fits import fit_ridge, fit_sight, fit_words, out_of_fold
from training.specialists.judge import baselines, judge_look, set_of_captions, trained
from training.specialists.memory import Memory
from training.specialists.train import (
    FAMILIAR_FROM,
    FAMILIAR_TO,
    Batches,
    Gains,
    export,
    fit_start,
    loss,
    new_memory,
    train_memory,
)
from training.specialists.views import Corpus, Views

WIDTH, DIM, CONCEPTS, SOURCES = 40, 384, 60, 3
COLOUR_NAMES = unit(np.random.default_rng(1).normal(size=(11, DIM)) + 1)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """60 concepts, drawn by three artists, 12 times each in all: features are the concept, the artist and noise."""
    rng = np.random.default_rng(0)
    looks, meanings = rng.normal(size=(CONCEPTS, WIDTH)), rng.normal(size=(WIDTH, DIM))
    styles = rng.normal(size=(SOURCES, WIDTH))
    pairs, features, phrases = [], [], []
    for number in range(CONCEPTS * 12):
        concept, source = number % CONCEPTS, number % SOURCES
        features.append(looks[concept] + 2 * styles[source] + 0.5 * rng.normal(size=WIDTH))
        split = "train" if concept < 48 else "dev"
        texts = (f"thing {concept}", f"kind of thing {concept}")
        artist, code = f"artist {source}", str(concept)
        pairs.append(PicturePair(f"{number:064x}", artist, code, concept, code, split, texts, "none", Path("nowhere")))
    for concept in range(CONCEPTS):
        meaning = looks[concept] @ meanings
        phrases += [meaning, meaning + 4 * rng.normal(size=DIM)]
    logits = rng.normal(size=(len(pairs), 1000)).astype(np.float32)
    rows = unit(np.array(phrases) + 10)
    of = [(2 * pair.concept, 2 * pair.concept + 1) for pair in pairs]
    shares = rng.dirichlet(np.ones(11), size=len(pairs)).astype(np.float32)
    views = Views(np.array(features, dtype=np.float32), logits, shares)
    return Corpus(pairs, views, rows[[first for first, _ in of]], rows, of)


@pytest.fixture
def training(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    monkeypatch.setattr(fits, "AXES", 16)
    monkeypatch.setattr("training.specialists.train.BATCH", 64)
    monkeypatch.setattr("training.specialists.judge.NEIGHBOURS", 20)
    return corpus.where(corpus.splits == "train")


def test_the_principal_axes_are_decorrelated_and_scaled(rng: np.random.Generator) -> None:
    """Standardised roots of features on an axis have the variance eigenvalue^(1 − .66)."""
    features = (rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) * [1, 2, 3, 4, 5, 6]).astype(np.float32)
    sight = fit_sight(features, np.full(500, "thing"), np.full(500, "artist"))
    rooted = np.sign(features) * np.abs(features) ** 0.5
    rows = (rooted - sight.sight_mean) @ sight.sight_axes
    standard = (rooted - rooted.mean(axis=0)) / rooted.std(axis=0)
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(standard.T, bias=True)))[::-1]
    np.testing.assert_allclose(np.cov(rows.T, bias=True), np.diag(eigenvalues**0.34), atol=1e-3)


def test_words_at_power_zero_are_only_centred_and_at_minus_one_half_white(rng: np.random.Generator) -> None:
    captions = unit(rng.normal(size=(400, 8)) * [8, 7, 6, 5, 4, 3, 2, 1] + 5)
    plain, white = fit_words(captions, power=0.0), fit_words(captions, power=-0.5)
    np.testing.assert_allclose(plain.place(captions), captions - captions.mean(axis=0), atol=1e-5)
    rows = unit(captions - captions.mean(axis=0)) @ white.map
    np.testing.assert_allclose(rows.T @ rows / len(rows), np.eye(8), atol=0.02)


def test_ridge_is_scikit_learn_s(rng: np.random.Generator) -> None:
    features, targets = rng.normal(size=(80, 5)).astype(np.float32) * 3 + 1, rng.normal(size=(80, 2)).astype(np.float32)
    standard = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6)
    slow = Ridge(alpha=7.0, fit_intercept=False, solver="cholesky").fit(standard, targets).predict(standard)
    np.testing.assert_allclose(fit_ridge(features, targets, strength=7.0)(features), slow, atol=1e-4)


def test_colours_are_told_apart_by_what_they_do_not_share(training: Corpus) -> None:
    """All eleven in equal parts say nothing; one alone says what it has more than the others."""
    start = fit_start(training, COLOUR_NAMES)
    views = Views(training.views.features[:2], training.views.logits[:2], np.zeros((2, 11), np.float32))
    views.shares[0], views.shares[1, 4] = 1 / 11, 1
    rows = start.inputs(views).colours.numpy()
    np.testing.assert_allclose(rows[0], 0, atol=1e-6)
    placed = unit(start.words.place(COLOUR_NAMES))
    np.testing.assert_allclose(rows[1], placed[4] - placed.mean(axis=0), atol=1e-6)


def test_out_of_fold_never_uses_the_picture_s_own_concept(rng: np.random.Generator) -> None:
    """A fit that answers with the targets it saw: the picture's own target is never among them."""
    concepts, targets = np.arange(20) // 2, np.arange(20, dtype=np.float32)[:, None]
    seen: list[set[float]] = []

    def fit(features: np.ndarray, given: np.ndarray) -> fits.LinearMap:
        seen.append(set(given[:, 0].tolist()))
        return fits.LinearMap(np.zeros((1, 1), np.float32), np.full(1, len(seen) - 1, np.float32))

    said = out_of_fold(fit, targets, targets, concepts)
    for row, (fold,) in enumerate(said.astype(int)):
        assert not {float(other) for other in np.flatnonzero(concepts == concepts[row])} & seen[fold]


def test_an_untrained_memory_is_the_space_without_training(training: Corpus) -> None:
    """K = 1 and no centre: unit(memory + 1.2 ConSE + .25 linear + .4 colours), by hand for one picture."""
    start = fit_start(training, COLOUR_NAMES)
    memory = new_memory(start, training)
    inputs = start.inputs(training.views[np.array([0])])
    with torch.no_grad():
        got = memory(inputs)[0]
    cosines = memory.remembered @ inputs.sight[0]
    recalled = torch.softmax(cosines / 0.06, dim=0) @ memory.words
    total = recalled / recalled.norm() + 1.2 * inputs.conse[0] + 0.25 * inputs.linear[0] + 0.4 * inputs.colours[0]
    torch.testing.assert_close(got, total / total.norm(), atol=1e-5, rtol=0)


def test_a_hidden_picture_is_not_remembered(training: Corpus) -> None:
    start = fit_start(training, COLOUR_NAMES)
    memory = new_memory(start, training)
    inputs = start.inputs(training.views[np.array([0])])
    hidden = torch.zeros(1, len(training), dtype=torch.bool)
    hidden[0, ::2] = True
    alone = Memory(memory.remembered[1::2], memory.words[1::2])
    with torch.no_grad():
        torch.testing.assert_close(memory(inputs, hidden), alone(inputs))


def test_batches_hide_the_own_concept_always_and_the_own_artist_for_half(training: Corpus) -> None:
    batches = Batches(training, fit_start(training, COLOUR_NAMES), seed=0)
    artist_hidden = []
    for batch in batches(1):
        for hidden in batch.hidden.numpy():
            concepts, counts = np.unique(training.concepts[hidden], return_counts=True)
            assert counts.max() == 12, "one concept is hidden whole"
            artist_hidden.append(len(concepts) > 1)
    assert 0.3 < np.mean(artist_hidden) < 0.7
    assert [b.hidden.sum() for b in batches(1)] == [b.hidden.sum() for b in batches(1)]
    assert [b.hidden.sum() for b in batches(1)] != [b.hidden.sum() for b in batches(2)]


def test_training_finds_more_of_concepts_it_has_never_seen_and_the_encoder_says_the_same(
    training: Corpus, corpus: Corpus, tmp_path: Path
) -> None:
    """The loss falls, held-out MRR rises above the start's, and the exported numpy projection equals the module."""
    start = fit_start(training, COLOUR_NAMES)
    held_out = set_of_captions("held out", corpus.where(corpus.splits == "dev"))

    def validate(memory: Memory) -> dict[str, float]:
        return {"choice": trained(export(memory, start, training, Gains())).judge(held_out).mean()["MRR"]}

    memory, history = train_memory(training, start, tmp_path, validate, seed=0)
    assert history.epochs[-1]["loss"] < history.epochs[0]["loss"]
    assert history.epochs[history.best_epoch - 1]["choice"] > history.start["choice"]
    views = held_out.views
    with torch.no_grad():
        module = memory(start.inputs(views)).numpy()
    projection = export(memory, start, training, Gains())
    np.testing.assert_allclose(projection.image(views.features, views.logits, views.shares), module, atol=1e-4)
    wide = export(memory, start, corpus, Gains(conse=2, colours=3, familiar=0.5))
    assert len(wide.memory_keys) == len(corpus)
    np.testing.assert_allclose(wide.mixing, projection.mixing * [1, 2, 1, 3], rtol=1e-5)
    known, strange = np.full((1, 9), FAMILIAR_TO, np.float32), np.full((1, 9), FAMILIAR_FROM, np.float32)
    assert wide.trust(known) == pytest.approx(0.5) and wide.trust(strange) == pytest.approx(1)
    assert projection.trust(known) == 1


def test_the_loss_has_a_finite_gradient_with_hidden_pictures(training: Corpus) -> None:
    start = fit_start(training, COLOUR_NAMES)
    memory = new_memory(start, training)
    loss(memory, next(iter(Batches(training, start, 0)(1)))).backward()
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in memory.parameters())


def test_every_baseline_is_judged_on_the_same_set(training: Corpus, corpus: Corpus) -> None:
    """Features mean something here and logits nothing: ridge finds far more than ConSE."""
    held_out = set_of_captions("held out", corpus.where(corpus.splits == "dev"))
    found = {
        name: method.judge(held_out).mean()["MRR"]
        for name, method in baselines(fit_start(training, COLOUR_NAMES), training).items()
    }
    assert set(found) == {"ConSE", "ConSE, centred", "ridge", "ASIF", "memory", "floor"}
    assert found["ridge"] > found["ConSE"] + 0.1


def test_look_counts_another_artist_s_drawing_of_the_same_emoji_only() -> None:
    """Three emoji: the first by two artists side by side, the second by one artist twice, the third by two far apart
    behind eleven others without a code, which do not count."""
    look = np.array(
        [[1, 0], [0.99, 0.1], [0, 1], [0.1, 0.99], [-1, 0.1], [-1, -0.1], *[[-1, 0]] * 11], dtype=np.float32
    )
    codes = ["A", "A", "B", "B", "C", "C", *[None] * 11]
    sources = ["x", "y", "x", "x", "x", "y", *["z"] * 11]
    assert judge_look(unit(look), codes, sources) == 1.0
    crowd = [f"D{i}" for i in range(11)]
    assert judge_look(unit(look), [*codes[:6], *crowd], sources) == 0.5


def test_look_among_other_designers_passes_over_the_designer_s_own_drawings() -> None:
    """Between an emoji's two drawings stand twelve by the designer of the first: only the second still finds the other,
    unless they are passed over."""
    look = np.array([[1, 0], [0.9, 0.5], *[[0.99, -0.01 * i] for i in range(12)]], dtype=np.float32)
    codes, sources = ["A", "A", *[f"D{i}" for i in range(12)]], ["x", "y", *["x"] * 12]
    assert judge_look(unit(look), codes, sources) == 0.5
    assert judge_look(unit(look), codes, sources, own=False) == 1.0

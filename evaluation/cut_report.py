"""`python -m evaluation cut`: a captioned folder and nonsense -> how the line under likely hits does, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from encoder.protocol import Encoder, invalid_rows
from evaluation.cut import CutFigures, Shown, judge_cut
from evaluation.encoding import Encoded
from evaluation.metrics import Interval
from evaluation.nonsense import nonsense
from evaluation.questions import shortened
from evaluation.tables import table
from search.relevance import Bank

NONSENSE = 200
BARS = "The bars: .95 of the nonsense refused, .90 of the true hits kept."
WITHOUT, WITH = "without captions: whole captions ask", "with captions: half of their words asks, of short ones all"
LEGEND = (
    "Nonsense refused: share of nonsense questions that find nothing likely. Kept: share of the true hits among the\n"
    "first ten that are above the line. Own half, other half: share of the captions that find something likely in the\n"
    "half of the pictures that has theirs, and share that finds nothing in the half that has not (though it may have\n"
    "another picture of the same thing). Precision: of questions that find something, asked as often of either half,\n"
    "the share that is right to. Likely: median number of likely pictures. a…b: 95 % bootstrap. *: the level in use."
)


def judge_folder(
    encoded: Encoded,
    encoder: Encoder,
    name: str,
    targets: Mapping[str, float],
    false_alarm: float,
    seed: int = 0,
) -> list[CutFigures]:
    """Without captions and with them. `name`: the encoder's among `encoded.sides`; `targets`: what counts for words.

    Raises EvaluationError for fewer pictures than the line needs."""
    sides = encoded.sides[name]
    rng = np.random.default_rng(seed)
    asked = nonsense(NONSENSE, seed)
    rows = encoder.encode_texts([text for _, text in asked])
    usable = [fault is None for fault in invalid_rows(rows, rows.shape[1])]
    marks = [(kind, row) for (kind, _), row, fine in zip(asked, rows, usable, strict=True) if fine]
    bank = Bank.encode(encoder)
    own = sides.texts[[captions[0] for captions in encoded.captions_of]]
    halved = [shortened(caption, rng) or caption for caption in encoded.captions]
    whole = sum(targets.values())
    libraries = (
        Shown(WITHOUT, {"image": sides.images}, False, {"image": 1.0}, sides.texts, encoded.pictures_of),
        Shown(
            WITH,
            {"image": sides.images, "caption": own},
            True,
            {target: weight / whole for target, weight in targets.items()},
            encoder.encode_texts(halved),
            encoded.pictures_of,
        ),
    )
    return [judge_cut(shown, bank, marks, false_alarm, seed=seed) for shown in libraries]


def cut_text(found: Sequence[CutFigures], false_alarm: float) -> str:
    parts = []
    for figures in found:
        rows = [["false alarm", "nonsense refused", "kept", "own half", "other half", "precision", "likely"]]
        for level in figures.levels:
            rows.append(
                [
                    f"{level.false_alarm:g}" + (" *" if level.false_alarm == false_alarm else ""),
                    *map(_interval, (level.nonsense_refused, level.kept, level.present_found, level.absent_refused)),
                    "–" if level.precision is None else f"{level.precision:.3f}",
                    f"{level.likely:g}",
                ]
            )
        title = (
            f"{figures.title} ({figures.questions} questions, {figures.pictures} pictures, {figures.in_first_ten} true "
            "hits among first tens)"
        )
        passed = [f"{kind} {count} of {of}" for kind, (count, of) in figures.passed.items() if count]
        parts.append(f"{title}\n{table(rows)}\nNonsense that found something: {', '.join(passed) or 'none'}.")
    return "\n\n".join([*parts, BARS, LEGEND])


def cut_json(found: Sequence[CutFigures]) -> dict[str, Any]:
    return {figures.title.split(":")[0].replace(" ", "_"): figures.to_json() for figures in found}


def _interval(found: Interval | None) -> str:
    return "–" if found is None else f"{found.mean:.2f} {found.low:.2f}…{found.high:.2f}"

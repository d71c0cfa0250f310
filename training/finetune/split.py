"""Pair a folder's pictures with captions, and split them into train, validation and held out.

Pictures that share a caption are one group and stay on one side: a caption that is trained on must not be asked for in
validation (a split by picture leaks, and shows gains that are none).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from errors import TrainingError
from evaluation.folder import CaptionedFolder
from training.data.concepts import components

MIN_GROUPS = 12
"""Groups that a folder must have: two sides of three or more, and half of them to train on."""
MIN_SIDE_GROUPS = 3
"""No fewer can be judged (`evaluation.folder.FEWEST`), and the held-out side is judged when all is trained."""
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Split:
    """Indices of pictures, each ascending; every picture is in exactly one."""

    train: Ints
    validation: Ints
    held_out: Ints


@dataclass(frozen=True)
class Pairs:
    """Which caption belongs to which picture, by their indices in the folder's `pictures` and `captions`."""

    pictures: Ints  # (pairs,)
    captions: Ints  # (pairs,)
    groups: Ints
    """For each pair its group: two pairs of one group are no negatives of each other."""

    def within(self, pictures: Ints) -> "Pairs":
        kept = np.isin(self.pictures, pictures)
        return Pairs(self.pictures[kept], self.captions[kept], self.groups[kept])

    @property
    def corpus(self) -> tuple[Ints, Ints]:
        """The pictures and the captions of the pairs, each once, ascending."""
        return np.unique(self.pictures), np.unique(self.captions)

    def relevant(self) -> tuple[list[list[int]], list[list[int]]]:
        """For each caption of `corpus` its pictures, for each picture its captions, as places in `corpus`."""
        pictures, captions = self.corpus
        rows, columns = np.searchsorted(captions, self.captions), np.searchsorted(pictures, self.pictures)
        of_captions: list[list[int]] = [[] for _ in captions]
        of_pictures: list[list[int]] = [[] for _ in pictures]
        for caption, picture in zip(rows.tolist(), columns.tolist(), strict=True):
            of_captions[caption].append(picture)
            of_pictures[picture].append(caption)
        return of_captions, of_pictures


def pairs_of(folder: CaptionedFolder) -> Pairs:
    place = {caption.casefold(): index for index, caption in enumerate(folder.captions)}
    told = [sorted({place[text.casefold()] for text in picture.captions}) for picture in folder.pictures]
    groups = groups_of(told)
    rows = [(picture, caption) for picture, captions in enumerate(told) for caption in captions]
    pictures, captions = (np.array(column, dtype=np.intp) for column in zip(*rows, strict=True))
    return Pairs(pictures, captions, np.array(groups, dtype=np.intp)[pictures])


def groups_of(captions: Sequence[Sequence[int]]) -> list[int]:
    """For each picture, given by its captions, the number of its group, in order of appearance.

    Pictures with a caption in common are one group, and so are those that a third one joins.

    >>> groups_of([[0], [1, 2], [3], [2, 0]])
    [0, 0, 1, 0]
    """
    count = len(captions)
    links = [(picture, count + caption) for picture, own in enumerate(captions) for caption in own]
    size = 1 + max((caption for _, caption in links), default=count)
    groups: list[int] = components(size, np.array(links, dtype=np.int64).reshape(-1, 2))[:count].tolist()
    return groups


def split(pairs: Pairs, validation_share: float, held_out_share: float, seed: int) -> Split:
    """Whole groups, in a random order, go to validation and then to the held-out side while they fit into its share.

    Raises TrainingError when there is too little to split.
    """
    members: dict[int, list[int]] = {}
    for picture, group in sorted(set(zip(pairs.pictures.tolist(), pairs.groups.tolist(), strict=True))):
        members.setdefault(group, []).append(picture)
    count = len(pairs.corpus[0])
    if len(members) < MIN_GROUPS:
        raise TrainingError(
            f"{count} pictures have {len(members)} different captions; at least {MIN_GROUPS} are needed, because "
            "training, validation and the held-out check may not share one. Caption more pictures."
        )
    order = [list(members)[i] for i in np.random.default_rng(seed).permutation(len(members))]
    sides = []
    for share in (validation_share, held_out_share):
        size, chosen = max(MIN_SIDE_GROUPS, round(share * count)), list[int]()
        for group in order:
            # A caption with half of the pictures would be the whole side, and leave nothing to train on.
            if sum(len(members[g]) for g in chosen) + len(members[group]) <= size:
                chosen.append(group)
        if len(chosen) < MIN_SIDE_GROUPS:
            raise TrainingError(
                f"{count} pictures with {len(members)} different captions do not split: too many share one caption for "
                f"a side of {size} pictures. Write captions that tell the pictures apart."
            )
        order = [group for group in order if group not in set(chosen)]
        sides.append(chosen)
    train, validation, held_out = (
        np.array(sorted(picture for group in groups for picture in members[group]), dtype=np.intp)
        for groups in (order, *sides)
    )
    return Split(train, validation, held_out)

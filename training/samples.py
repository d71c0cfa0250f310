"""Draw an epoch's batches of positions, by labels or by keys that must not repeat; each is made in its turn."""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from errors import TrainingError

Batch = TypeVar("Batch")
Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Epoch(Generic[Batch]):
    """One epoch's batches, each made of its positions when it is its turn."""

    positions: Sequence[Positions]
    make: Callable[[Positions], Batch]

    def __len__(self) -> int:
        return len(self.positions)

    def __iter__(self) -> Iterator[Batch]:
        return map(self.make, self.positions)


@dataclass(frozen=True)
class LabelledBatches:
    """P labels times K samples a batch (arXiv 1703.07737), each sample at most once an epoch.

    pytorch-metric-learning's MPerClassSampler draws labels anew for each batch from one generator of the process, so an
    epoch neither covers the samples nor can be taken up again; sentence-transformers' works on a `datasets.Dataset`.
    """

    labels: Sequence[int]
    labels_each: int
    """P."""
    samples_each: int
    """K."""
    seed: int = 0

    def epoch(self, epoch: int) -> list[list[int]]:
        """The labels with most groups of K left go first, equals in random order, so that most samples find a batch.

        Raises TrainingError when not one batch can be made.
        """
        rng = np.random.default_rng([self.seed, epoch])
        groups: dict[int, list[list[int]]] = {}
        labels = np.asarray(self.labels)
        for label in np.unique(labels):
            members = rng.permutation(np.flatnonzero(labels == label))
            whole = len(members) // self.samples_each * self.samples_each
            if whole:
                groups[int(label)] = members[:whole].reshape(-1, self.samples_each).tolist()
        batches = []
        while len(groups) >= self.labels_each:
            order = rng.permutation(list(groups)).tolist()
            chosen = sorted(order, key=lambda label: -len(groups[label]))[: self.labels_each]
            batches.append([position for label in chosen for position in groups[label].pop()])
            groups = {label: left for label, left in groups.items() if left}
        if not batches:
            raise TrainingError(
                f"No batch of {self.labels_each} labels with {self.samples_each} samples each can be made: "
                f"{len(groups)} of {len(np.unique(labels))} labels have as many samples."
            )
        rng.shuffle(batches)
        return batches


@dataclass(frozen=True)
class DistinctBatches:
    """Batches of `size` in which no key occurs twice, so that no negative is in truth a positive; each sample at most
    once an epoch.

    `keys`: for each sample everything that must not repeat, such as its caption's and its picture's concept. Like
    sentence-transformers' NoDuplicatesBatchSampler, which needs a `datasets.Dataset`.
    """

    keys: Sequence[Sequence[Hashable]]
    size: int
    seed: int = 0

    def epoch(self, epoch: int) -> list[list[int]]:
        """A sample whose key is in the batch waits for the next. Raises TrainingError when not one batch is filled."""
        waiting = deque(np.random.default_rng([self.seed, epoch]).permutation(len(self.keys)).tolist())
        batches = []
        while waiting:
            batch: list[int] = []
            taken: set[Hashable] = set()
            passed: list[int] = []
            while waiting and len(batch) < self.size:
                position = waiting.popleft()
                if taken.isdisjoint(self.keys[position]):
                    batch.append(position)
                    taken.update(self.keys[position])
                else:
                    passed.append(position)
            if len(batch) < self.size:
                break
            batches.append(batch)
            waiting.extendleft(reversed(passed))
        if not batches:
            most = Counter(key for keys in self.keys for key in set(keys)).most_common(1)
            raise TrainingError(
                f"No batch of {self.size} samples without a repeated key can be made of {len(self.keys)} samples "
                f"(the commonest key: {most[0] if most else 'none'}). Make batches smaller."
            )
        return batches

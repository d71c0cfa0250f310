import uuid
from types import SimpleNamespace

import numpy as np

from training.experiments.live_index import LiveNearest

A, B, STRANGER = (uuid.uuid5(uuid.NAMESPACE_OID, name) for name in ("a", "b", "stranger"))


def test_what_is_not_numbered_is_passed_over_and_the_rest_moves_up() -> None:
    asked = []

    def nearest(name: str, vector: np.ndarray, k: int) -> list[tuple[uuid.UUID, float]]:
        asked.append((name, vector.tolist(), k))
        return [(STRANGER, 0.9), (B, 0.8), (A, 0.5)][:k]

    index = LiveNearest(SimpleNamespace(nearest=nearest), "caption", {A: 0, B: 7})  # type: ignore[arg-type]
    numbers, similarities = index.nearest(np.array([[1.0, 0.0], [0.0, 1.0]], np.float32), 4)
    assert asked == [("caption", [1.0, 0.0], 4), ("caption", [0.0, 1.0], 4)]
    assert numbers.tolist() == [[7, 0, -1, -1]] * 2
    assert np.allclose(similarities[0], [0.8, 0.5, -np.inf, -np.inf])


def test_a_short_list_of_neighbours_is_filled_with_nothing() -> None:
    index = LiveNearest(SimpleNamespace(nearest=lambda *_: []), "caption", {})  # type: ignore[arg-type]
    numbers, similarities = index.nearest(np.ones((1, 2), np.float32), 3)
    assert numbers.tolist() == [[-1, -1, -1]]
    assert not np.isfinite(similarities).any()

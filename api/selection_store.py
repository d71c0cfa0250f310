"""What was selected, held for a while by the name in its address: the file is made when that is opened.

In memory and bounded; a restart forgets it.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from api.links import link
from search.results import Hit

PREFIX = "/selections/"
MAX_HELD = 500_000
"""Pictures in all the selections that are held; the oldest selection goes first."""


class Selections:
    """Thread-safe."""

    def __init__(self, max_held: int = MAX_HELD) -> None:
        self._max_held = max_held
        self._held: OrderedDict[str, tuple[Hit, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def hand_in(self, hits: Sequence[Hit]) -> Callable[[str], str]:
        """The address of each kind of file. The same pictures have the same addresses."""
        text = "".join(f"{hit.uuid}{hit.similarity!r}{hit.relevance!r}" for hit in hits)
        name = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        with self._lock:
            self._held[name] = tuple(hits)
            self._held.move_to_end(name)
            while len(self._held) > 1 and sum(map(len, self._held.values())) > self._max_held:
                self._held.popitem(last=False)
        return lambda kind: link(f"{PREFIX}{name}/loupe.{kind}")

    def find(self, name: str) -> tuple[Hit, ...] | None:
        with self._lock:
            return self._held.get(name)

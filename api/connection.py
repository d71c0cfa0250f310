"""The process's one connection to Weaviate and its one encoder, shared by every session and route.

How to get the server's address, and how to load the encoder, is handed in. Whatever happens to the server, the next
question finds it again.
"""

import atexit
import gc
import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any, TypeVar

from encoder.protocol import Encoder
from errors import EncoderError, NoLibrary, Refused, SchemaError, ServerError, Unreachable, first_line
from schema.client import Address, answering, ask_both, connect
from schema.collection import ALIAS, Pictures, open_pictures
from schema.documents import DocumentStore, Kind
from schema.patience import CLIENT_ERRORS, QUESTION_S, Patience, holding, waiting
from search.relevance import ThresholdOptions
from search.searcher import Searcher

HEALTH_S = 1.0
"""How long a check waits for Weaviate."""
RELOAD_S = 5.0
"""A failure of the encoder is told to everybody who asks within this time; only then is it loaded again."""
CORRECT = "Loading is tried again by itself; restart the app after correcting LOUPE_ENCODER."
Answer = TypeVar("Answer")
log = logging.getLogger(__name__)


class Connection:
    """Thread-safe. `find_address` may start a server, `let_go` ends what it started."""

    def __init__(
        self,
        find_address: Callable[[], Address],
        load_encoder: Callable[[], Encoder],
        let_go: Callable[[], None] = lambda: None,
        threshold: ThresholdOptions | None = None,
        timeout_s: float = QUESTION_S,
        cache_mb: float = 256,
    ) -> None:
        self._find_address = find_address
        self._load_encoder = load_encoder
        self._let_go = let_go
        self._threshold = threshold
        self._cache_mb = cache_mb
        self._encoder: Encoder | None = None
        self._encoder_failure: tuple[float, EncoderError] | None = None
        self._loading = threading.Lock()
        self._patience = Patience(timeout_s)
        self._logged: SchemaError | None = None
        self._lock = threading.RLock()
        """Held while the connection is made, or a library opened."""
        self._dropping = threading.Lock()
        self._reaching = threading.Lock()
        self._address: Address | None = None
        self._client: Any = None
        self._left: list[tuple[float, Any]] = []
        self._open: tuple[Any, Searcher] | None = None
        """The searcher, and the connection that it asks over."""
        self._closed = False

    def start(self) -> None:
        """Load the encoder and reach the server in the background, so that the first question need not wait."""
        for task in (self._load, self._reach):
            threading.Thread(target=task, name=task.__name__, daemon=True).start()

    def close(self) -> None:
        """Close for good: a question that still comes starts no server again."""
        self._closed = True
        with self._lock:
            self._drop(self._client)
            for _, client in self._left:
                _close(client)
            self._let_go()

    @property
    def encoder_loaded(self) -> bool:
        """Or has failed to load: nobody waits for its start any longer."""
        return self._encoder is not None or self._encoder_failure is not None

    def encoder(self) -> Encoder:
        """Waits until it is loaded; loads it again some time after a failure. Raises EncoderError."""
        with self._loading:
            if self._encoder is None:
                if self._encoder_failure is not None and time.monotonic() - self._encoder_failure[0] < RELOAD_S:
                    raise self._encoder_failure[1]
                try:
                    self._encoder = self._loaded()
                except EncoderError as error:
                    self._encoder_failure = (time.monotonic(), error)
                    raise
            return self._encoder

    def searcher(self) -> Searcher:
        """Of the live library; waits for the encoder. Raises SchemaError and EncoderError."""
        with self._patience.question():
            live = self._live_name()
            encoder = self.encoder()
            with holding(self._lock):
                over, searcher = self._open or (None, None)
                if searcher is None or over is not self._client or searcher.pictures.name != live:
                    searcher = None
                if searcher is None or searcher.pictures.older:
                    client, pictures = self._asked(lambda client: (client, open_pictures(client, encoder.identity)))
                    # An older library grows with its next ingest; what a searcher has learned is kept until then.
                    if searcher is None or client is not over or _changed(searcher.pictures, pictures):
                        searcher = Searcher(
                            pictures, encoder, self._patience, self._threshold, self._cache_mb, prefetch=True
                        )
                    self._open = client, searcher
                return searcher

    def documents(self, kind: Kind) -> DocumentStore:
        """The albums or profiles of the server. Raises SchemaError."""
        with self._patience.question():
            with suppress(NoLibrary):
                self._live_name()  # a dead connection is noticed, and made anew
            return DocumentStore(self._connected(), kind, self._patience)

    def check(self) -> None:
        """Raises soon what `searcher` would, and EncoderError while the encoder is being loaded. An empty server is
        well."""
        if self._encoder is None:
            if self._encoder_failure is None:
                raise EncoderError("The encoder is being loaded; this takes some seconds after the start.")
            if not self._loading.locked():
                threading.Thread(target=self._load, daemon=True).start()
            raise self._encoder_failure[1]
        if self._address is not None and (problem := ask_both(self._address, HEALTH_S)):
            if not self._reaching.locked():  # where it was killed, it is started again
                threading.Thread(target=self._reach, daemon=True).start()
            raise Unreachable(problem)
        with suppress(NoLibrary):
            self.searcher()

    def _load(self) -> None:
        with suppress(EncoderError):
            self.encoder()
            # Streamlit collects garbage after every redraw, and would look through the encoder's libraries each time.
            gc.collect()
            gc.freeze()
            atexit.register(gc.unfreeze)  # else what the encoder's libraries own is never let go, and some say so

    def _loaded(self) -> Encoder:
        try:
            encoder = self._load_encoder()
            encoder.encode_texts(["a picture"])  # the first words through a model are slow
            return encoder
        except EncoderError as error:
            reason = str(error).rstrip(".")
        except Exception as error:
            if self._encoder_failure is None:
                log.exception("the encoder could not be loaded")
            reason = f"The encoder could not be loaded ({type(error).__name__}: {error}); see the log"
        raise EncoderError(f"{reason}. {CORRECT}") from None

    def _reach(self) -> None:
        with self._reaching, self._patience.question():
            try:
                self._live_name()
            except SchemaError as error:
                log.warning("%s", error)

    def _live_name(self) -> str:
        """The collection behind the alias: shows at once that the server is there, and that the alias was switched."""
        current = self._asked(lambda client: client.alias.get(alias_name=ALIAS))
        if current is None:
            self._open = None
            raise NoLibrary("There is no library yet. Make one with: python -m ingest FOLDER")
        return str(current.collection)

    def _asked(self, ask: Callable[[Any], Answer]) -> Answer:
        """The answer, over a new connection where the old one is dead."""
        client = self._connected()
        try:
            with suppress(*CLIENT_ERRORS), waiting():
                return ask(client)
            self._drop(client)
            client = self._connected()
            with answering(self._patience, Refused):
                return ask(client)
        except (Unreachable, ServerError) as error:
            # Where another question failed just now, the same error is told; `_reach` logs what has no cause.
            if error.__cause__ is not None and error is not self._logged:
                self._logged = error
                log.warning("%s (%s)", error, first_line(error.__cause__))
            self._drop(client)
            raise

    def _connected(self) -> Any:
        """The connection; made by one thread, for which the others wait."""
        if (client := self._client) is not None:
            return client
        with holding(self._lock):
            if self._closed:
                raise SchemaError("Loupe is being stopped, and answers no more questions. Start it again.")
            if (client := self._client) is None:
                self._patience.check()
                try:
                    self._address = self._find_address()
                    self._patience.remedy, self._patience.restart = self._address.remedy, self._address.restart
                    with waiting():
                        client = self._client = connect(self._address)
                except (Unreachable, ServerError) as error:
                    raise self._patience.failed(error) from None
            return client

    def _drop(self, client: Any) -> None:
        """Not used again. Other questions may still wait for its answers, so it is closed when those are over."""
        with self._dropping:
            if client is None or self._client is not client:
                return
            self._client, now = None, time.monotonic()
            over = [old for at, old in self._left if now - at > 2 * self._patience.timeout_s]
            self._left = [*((at, old) for at, old in self._left if old not in over), (now, client)]
        for old in over:
            _close(old)


def _close(client: Any) -> None:
    with suppress(Exception), closing(client):
        pass


def _changed(one: Pictures, other: Pictures) -> bool:
    return (one.name, one.properties) != (other.name, other.properties)

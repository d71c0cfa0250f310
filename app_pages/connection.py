"""The process's one connection to Weaviate and its one encoder, shared by every session and route.

Knows no page, and not where the server is: how to get its address, and how to load the encoder, is handed in. Whatever
happens to the server, the next question finds it again.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

from encoder.protocol import Encoder, EncoderError
from schema.client import Address, connect
from schema.collection import ALIAS, Pictures, open_pictures
from schema.errors import NoLibrary, SchemaError, ServerError, Unreachable
from schema.named import Kind, NamedStore
from search.bank_store import Cut
from search.searcher import Searcher

RETRY_S = 1.0
"""A failure is told to everybody who asks within this time; only then is it tried again."""
RELOAD_S = 5.0
"""The same for the encoder."""
CORRECT = "Loading is tried again by itself; restart the app after correcting LOUPE_ENCODER."
log = logging.getLogger(__name__)


class Connection:
    """Thread-safe. `find_address` may start a server, `let_go` ends what it started."""

    def __init__(
        self,
        find_address: Callable[[], Address],
        load_encoder: Callable[[], Encoder],
        let_go: Callable[[], None] = lambda: None,
        cut: Cut | None = None,
    ) -> None:
        self._find_address = find_address
        self._load_encoder = load_encoder
        self._let_go = let_go
        self._cut = cut
        self._encoder: Encoder | None = None
        self._encoder_failure: tuple[float, EncoderError] | None = None
        self._loading = threading.Lock()
        self._lock = threading.Lock()
        self._client: Any = None
        self._searcher: Searcher | None = None
        self._remedy = ""
        self._failure: tuple[float, SchemaError] | None = None
        self._closed = False

    def start(self) -> None:
        """Load the encoder and reach the server in the background, so that the first question need not wait."""
        for task in (self._load, self._reach):
            threading.Thread(target=task, name=task.__name__, daemon=True).start()

    def close(self) -> None:
        """For good: whoever still asks starts no server again."""
        with self._lock:
            self._closed = True
            self._drop()
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
        with self._lock:
            live = self._live_name()
        encoder = self.encoder()
        with self._lock:
            searcher = self._searcher if self._client is not None else None
            if searcher is None or searcher.pictures.name != live or searcher.pictures.older:
                pictures = self._asked(lambda: open_pictures(self._connected(), encoder.identity))
                # An older library grows with its next ingest; what a searcher has learned is kept until then.
                if searcher is None or self._searcher is None or _changed(searcher.pictures, pictures):
                    searcher = Searcher(pictures, encoder, self._remedy, self._cut)
                self._searcher = searcher
            return searcher

    def named(self, kind: Kind) -> NamedStore:
        """The albums or profiles of the server. Raises SchemaError."""
        with self._lock:
            with suppress(NoLibrary):
                self._live_name()  # a dead connection is noticed, and made anew
            return NamedStore(self._connected(), kind, self._remedy)

    def check(self) -> None:
        """Raises what `searcher` would, and EncoderError while the encoder is being loaded. An empty server is well."""
        if self._encoder is None:
            if self._encoder_failure is None:
                raise EncoderError("The encoder is being loaded; this takes some seconds after the start.")
            if not self._loading.locked():
                threading.Thread(target=self._load, daemon=True).start()
            raise self._encoder_failure[1]
        with suppress(NoLibrary):
            self.searcher()

    def _load(self) -> None:
        with suppress(EncoderError):
            self.encoder()
            # Streamlit collects garbage after every redraw, and would look through the encoder's libraries each time.
            gc.collect()
            gc.freeze()

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
        with self._lock:
            try:
                self._live_name()
            except SchemaError as error:
                log.warning("%s", error)

    def _live_name(self) -> str:
        """The collection behind the alias: shows at once that the server is there, and that the alias was switched."""
        current = self._asked(lambda: self._connected().alias.get(alias_name=ALIAS))
        if current is None:
            self._searcher = None
            raise NoLibrary("There is no library yet. Make one with: python -m ingest FOLDER")
        return str(current.collection)

    def _asked(self, ask: Callable[[], Any]) -> Any:
        """The answer, over a new connection where the old one is dead."""
        if self._closed:
            raise SchemaError("Loupe is being stopped, and answers no more questions. Start it again.")
        if self._failure is not None and time.monotonic() - self._failure[0] < RETRY_S:
            raise self._failure[1]
        try:
            try:
                return ask()
            except SchemaError:
                raise
            except Exception:  # whatever a dead connection raises: httpx, gRPC, the client's own
                self._drop()
                return ask()
        except (Unreachable, ServerError) as error:
            self._fail(error)
            raise
        except SchemaError:
            raise
        except Exception as error:
            log.warning("Weaviate did not answer: %s: %s", type(error).__name__, str(error).partition("\n")[0])
            failure = Unreachable(f"Weaviate did not answer. {self._remedy}.")
            self._fail(failure)
            raise failure from error

    def _connected(self) -> Any:
        if self._client is None:
            address = self._find_address()
            self._remedy = address.remedy
            self._client = connect(address)
        return self._client

    def _fail(self, failure: SchemaError) -> None:
        self._drop()
        self._failure = (time.monotonic(), failure)

    def _drop(self) -> None:
        self._searcher = None
        if (client := self._client) is not None:
            self._client = None
            with suppress(Exception), closing(client):
                pass


def _changed(one: Pictures, other: Pictures) -> bool:
    return (one.name, one.properties) != (other.name, other.properties)

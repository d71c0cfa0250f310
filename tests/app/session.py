"""A browser's side of the pages' WebSocket: opens pages, sets widgets, uploads; sees what a browser is sent."""

import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

SLOW_S = 60.0


class Session:
    """One visitor. `deltas`: what the last run of the script drew, in order."""

    def __init__(self, url: str, connection: ClientConnection) -> None:
        self._url = url
        self._connection = connection
        self._widgets: dict[str, WidgetState] = {}
        self._session_id = ""
        self._page = ("", "")
        self.deltas: list[Any] = []

    def open(self, query: str = "", page: str = "") -> None:
        """The page of that name with that query, drawn to its end."""
        self._page = (query, page)
        self._widgets.clear()
        self._run()

    def set(self, key: str, **value: Any) -> None:
        """The widget of that key gets a value, as `string_value="…"`; the page is drawn again."""
        one = WidgetState(id=self.id_of(key), **value)
        self._widgets[one.id] = one
        self._run()
        if "trigger_value" in value:
            del self._widgets[one.id]

    def send(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        """These values for widgets by their ids, whether they are drawn or not."""
        self._widgets.update({key: WidgetState(id=key, **value) for key, value in values.items()})
        self._run()

    def upload(self, key: str, name: str, data: bytes) -> None:
        """A file for the uploader of that key."""
        asked = BackMsg()
        asked.file_urls_request.request_id = uuid.uuid4().hex
        asked.file_urls_request.file_names.append(name)
        asked.file_urls_request.session_id = self._session_id
        self._connection.send(asked.SerializeToString())
        [urls] = self._until("file_urls_response").file_urls_response.file_urls
        with httpx.Client(base_url=self._url, trust_env=False) as http:
            token = http.get("/_stcore/health").cookies["_streamlit_xsrf"]
            answer = http.put(urls.upload_url, files={"file": (name, data)}, headers={"X-Xsrftoken": token})
            answer.raise_for_status()
        one = WidgetState(id=self.id_of(key))
        info = one.file_uploader_state_value.uploaded_file_info.add(name=name, size=len(data), file_id=urls.file_id)
        info.file_urls.CopyFrom(urls)
        self._widgets[one.id] = one
        self._run()

    def id_of(self, key: str) -> str:
        return next(one for one in self.ids() if one == key or one.endswith(f"-{key}"))

    def ids(self) -> list[str]:
        return list(self.kinds())

    def kinds(self) -> dict[str, str]:
        """The widgets that are drawn: id -> kind, as the protocol calls it."""
        drawn = [delta.new_element for delta in self.deltas if delta.WhichOneof("type") == "new_element"]
        found = {getattr(getattr(one, kind), "id", ""): kind for one in drawn if (kind := one.WhichOneof("type"))}
        return {one: kind for one, kind in found.items() if one}

    def drawn(self, kind: str) -> bool:
        """Whether an element of that kind is drawn."""
        return any(delta.new_element.WhichOneof("type") == kind for delta in self.deltas)

    @property
    def query(self) -> str:
        """As the address has it."""
        return self._page[0]

    def text(self) -> str:
        """All that was drawn, as the protocol spells it."""
        return "\n".join(map(str, self.deltas))

    def _run(self) -> None:
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.page_name = self._page
        state.widget_states.widgets.extend(self._widgets.values())
        self._connection.send(message.SerializeToString())
        self.deltas = []
        while True:
            seen = self._next()
            kind = seen.WhichOneof("type")
            if kind == "new_session":
                self._session_id = seen.new_session.initialize.session_id
                self.deltas = []
            elif kind == "delta":
                self.deltas.append(seen.delta)
            elif kind == "page_info_changed":
                self._page = (seen.page_info_changed.query_string, self._page[1])
            elif kind == "script_finished" and seen.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return

    def _until(self, kind: str) -> Any:
        while (seen := self._next()).WhichOneof("type") != kind:
            pass
        return seen

    def _next(self) -> Any:
        data = self._connection.recv(timeout=SLOW_S)
        assert isinstance(data, bytes)
        message = ForwardMsg()
        message.ParseFromString(data)
        return message


@contextmanager
def session(url: str, **headers: str) -> Iterator[Session]:
    address = httpx.URL(url)
    names = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    host = names.pop("host", f"{address.host}:{address.port}")
    with (
        socket.create_connection((address.host, address.port or 80)) as raw,
        connect(
            f"ws://{host}/_stcore/stream", sock=raw, additional_headers=names, proxy=None, max_size=None,
            subprotocols=["streamlit"],  # type: ignore[list-item]
        ) as connection,
    ):  # fmt: skip
        yield Session(url, connection)

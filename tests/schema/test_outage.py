"""How long a Weaviate is asked again, by a clock that the test holds; what it raises are the client's own errors."""

from collections.abc import Callable

import httpx
import pytest
from weaviate.exceptions import UnexpectedStatusCodeError, WeaviateConnectionError

from errors import Unreachable
from schema.client import is_away
from schema.outage import ask_patiently
from schema.patience import left_s

AWAY = WeaviateConnectionError("refused")
Clock = Callable[[float], None]


def refusal(status: int) -> UnexpectedStatusCodeError:
    return UnexpectedStatusCodeError("no", httpx.Response(status, json={"error": [{"message": "no"}]}))


class Server:
    """Away for some seconds, then it answers, over gRPC `late_s` later; `refuses` is raised for good."""

    def __init__(self, away_s: float = 0, late_s: float = 0, refuses: Exception | None = None) -> None:
        self.now, self.away_s, self.late_s, self.refuses = 0.0, away_s, late_s, refuses
        self.asked = 0

    def is_up(self) -> None:
        if self.now < self.away_s:
            raise AWAY

    def question(self) -> str:
        self.asked += 1
        if self.now < self.away_s + self.late_s:
            raise AWAY
        if self.refuses:
            raise self.refuses
        return "answer"


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    def ask(server: Server, wait_s: float = 120) -> str:
        def sleep(seconds: float) -> None:
            server.now += seconds

        monkeypatch.setattr("time.monotonic", lambda: server.now)
        monkeypatch.setattr("time.sleep", sleep)
        return ask_patiently(server.question, server.is_up, wait_s, "Start it", lambda: None)

    return ask


@pytest.mark.parametrize("away_s", [0.1, 3, 20, 50, 75, 110, 119])
def test_an_outage_that_ends_in_time_is_waited_out(ask: Callable[..., str], away_s: float) -> None:
    """And it goes on soon."""
    server = Server(away_s)
    assert ask(server) == "answer"
    assert server.now <= away_s + 3


def test_a_server_that_is_back_but_not_ready_in_time_gets_time_to_start(ask: Callable[..., str]) -> None:
    assert ask(Server(110, late_s=20)) == "answer"
    with pytest.raises(Unreachable):
        ask(Server(110, late_s=200))


@pytest.mark.parametrize("away_s", [119, 123, 160])
def test_a_server_that_comes_back_late_may_refuse_for_a_moment(ask: Callable[..., str], away_s: float) -> None:
    """HTTP is up before the shards are ready, whether or not the waiting time ends in between."""
    server = Server(110, late_s=away_s - 110)
    answer, ready_s = server.question, away_s + 4

    def question() -> str:
        given = answer()  # raises while it is away
        if server.now < ready_s:
            raise refusal(500)
        return given

    server.question = question  # type: ignore[method-assign]
    assert ask(server) == "answer"
    assert server.now <= ready_s + 3


def test_a_server_that_is_now_away_and_now_refuses_ends_in_bounded_time(ask: Callable[..., str]) -> None:
    server = Server()

    def question() -> str:
        server.asked += 1
        raise AWAY if server.asked % 2 else refusal(500)

    server.question = question  # type: ignore[method-assign]
    with pytest.raises((Unreachable, UnexpectedStatusCodeError)):
        ask(server)
    assert server.now <= 183


def test_a_server_that_stays_away_is_given_up_after_the_time_and_not_later(ask: Callable[..., str]) -> None:
    server = Server(1e9)
    with pytest.raises(Unreachable, match=r"did not answer for 12\d s\. What was stored stays stored\. Start it, then"):
        ask(server)
    assert 120 <= server.now < 125


@pytest.mark.parametrize(("away_s", "longest"), [(0, 10), (50, 130)])
def test_a_server_that_is_up_and_refuses_for_good_ends_in_bounded_time(
    ask: Callable[..., str], away_s: float, longest: float
) -> None:
    server = Server(away_s, refuses=refusal(500))
    with pytest.raises(UnexpectedStatusCodeError):
        ask(server)
    assert server.now <= longest


@pytest.mark.parametrize("wait_s", [2, 10, 120])
def test_a_server_that_listens_and_hangs_after_it_was_away_is_given_up_in_time(
    ask: Callable[..., str], wait_s: float
) -> None:
    """It is asked with the time that is left, not with the client's 60 s."""
    server = Server(1e9)

    def hang() -> str:
        server.now += min(left_s(), 60)
        raise AWAY

    server.is_up = server.question = hang  # type: ignore[method-assign,assignment]
    with pytest.raises(Unreachable):
        ask(server, wait_s)
    assert server.now <= wait_s + 7


def test_a_question_that_is_wrong_is_not_asked_again(ask: Callable[..., str]) -> None:
    server = Server(refuses=refusal(422))
    with pytest.raises(UnexpectedStatusCodeError):
        ask(server)
    assert (server.asked, server.now) == (1, 0)


def test_a_lost_connection_is_seen_behind_the_clients_own_errors() -> None:
    wrapped = RuntimeError("query failed")
    wrapped.__context__ = httpx.ReadTimeout("late")
    assert is_away(wrapped) and is_away(refusal(503)) and is_away(AWAY)
    assert not is_away(refusal(500)) and not is_away(None) and not is_away(ValueError())

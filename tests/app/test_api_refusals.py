"""What the HTTP API does not answer: a sentence and a status for whatever is wrong."""

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from api.connection import Connection
from api.context import AppContext
from encoder.protocol import Encoder
from errors import EncoderError, Unreachable
from tests.app.conftest import http_of, parts_of
from tests.conftest import SAMPLES


def png(side: int = 32) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(output, "PNG")
    return output.getvalue()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "empty"),
        ({"q": "x" * 3000}, "3000 characters"),
        ({"q": "cat", "limit": "1000000000"}, "limit must be"),
        ({"q": "cat", "limit": "many"}, "whole number"),
        ({"q": "cat", "offset": "-1"}, "offset must be"),
        ({"q": "cat", "offset": "10000"}, "at most 10000"),
        ({"q": "cat", "filter": "colours=red"}, "unknown filter 'colours'"),
        ({"q": "cat", "filter": "year>=soon"}, "whole number"),
        ({"q": "cat", "target": "look=1"}, "Words cannot be compared"),
        ({"like": "nonsense"}, "not the uuid"),
        ({"like": "00000000-0000-0000-0000-000000000000"}, "no picture 00000000"),
        ({"words": "1", "like": "5dd2ae12-02e2-514c-a4fe-306192e392d5"}, "needs words"),
        ({"words": "1", "q": "-people"}, "needs words"),
        ({"query": "cat"}, "unknown parameter 'query'"),
        ({"q": "beach 2:"}, "nothing follows the weight '2' at character 7"),
        ({"q": "NaN:beach"}, "the weight 'NaN' at character 1"),
        ({"q": "a\x00b"}, "a control character"),
        ({"q": "like:nowhere/at-all.jpg"}, "no picture at 'nowhere/at-all.jpg' in the library"),
        ({"q": f"like:{SAMPLES.parent / 'README.md'}"}, "in the library"),
        ({"dislike": "00000000-0000-0000-0000-000000000000"}, "no picture 00000000"),
        ({"like": "nan:5dd2ae12-02e2-514c-a4fe-306192e392d5"}, "a number other than 0"),
        ({"q": "cat", "strategy": "best"}, "strategy is one of average, best_score, sum_scores"),
        ({"q": "cat", "diversity": "nan"}, "diversity must be 0 to 1"),
        ({"q": "cat", "hide": "all"}, "'all' is not the uuid"),
        ({"q": "cat - cat"}, "'cat' is wanted and not wanted at once; take one of the two away"),
    ],
)
def test_a_bad_question_is_400_and_a_sentence(http: TestClient, params: dict[str, str], words: str) -> None:
    answer = http.get("/api/search", params=params)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[1]", "JSON object"),
        (b"[" * 100_000, "not JSON"),
        (b'{"terms": "cat"}', "'terms' must be a list"),
        (b'{"terms": [{"text": 5}]}', "must be a string"),
        (b'{"terms": [{"text": "cat", "weight": 0}]}', "weight"),
        (b'{"terms": [{"text": "cat", "weight": NaN}]}', "weight"),
        (b'{"terms": [{"text": "cat", "weight": 1e9}]}', "weight"),
        (b'{"terms": [{"text": "cat", "weight": 1' + b"0" * 400 + b"}]}", "weight"),
        (b'{"terms": [{"text": "cat"}], "diversity": 1' + b"0" * 400 + b"}", "diversity"),
        (b'{"q": ["cat"]}', "'q' must be a string, got list"),
        (b'{"q": "\\ud800 cat"}', "half a character"),
        (b'{"q": "cat x:y"}', "'x' at character 5"),
        (b'{"q": "cat", "terms": 5}', "'terms' must be a list"),
        (b'{"terms": [{"text": "cat"}], "limits": 4}', "unknown key 'limits'"),
        (b'{"terms": [{"text": "cat"}], "targets": {"image": 1e999}}', "needs a weight"),
    ],
)
def test_a_bad_body_is_400_and_a_sentence(http: TestClient, body: bytes, words: str) -> None:
    answer = http.post("/api/search", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "0 bytes"), (b"no picture at all", "no picture format"), (png()[:40], "cannot be decoded")],
)
def test_a_corrupt_picture_is_400_and_a_sentence(http: TestClient, data: bytes, words: str) -> None:
    answer = http.post("/api/search", files={"image": ("cat.png", data)})
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_a_form_that_cannot_be_read_is_400(http: TestClient) -> None:
    answer = http.post("/api/search", files={"picture": png()}, data={"q": "cat"})
    assert (answer.status_code, answer.json()["error"][:22]) == (400, "unknown file 'picture'")
    for headers in ({"content-type": "multipart/form-data"}, {"content-type": "multipart/form-data; boundary=x"}):
        answer = http.post("/api/search", content=b"--y\r\nnonsense", headers=headers)
        assert answer.status_code == 400, answer.text
    assert http.post("/api/search", data={"image": "text"}, files={"other": b""}).status_code == 400


def test_what_is_too_large_is_not_read(http: TestClient) -> None:
    assert http.post("/api/search", files={"image": b"x" * 21_000_000}).status_code == 413
    assert (
        http.post("/api/search", content=b" " * 1_000_001, headers={"content-type": "application/json"}).status_code
        == 413
    )

    def unannounced() -> Iterator[bytes]:
        """Without a content-length."""
        yield b'--x\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        for _ in range(22):
            yield b"x" * 1_000_000

    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert http.post("/api/search", content=unannounced(), headers=headers).status_code == 413


def test_other_content_types_and_methods_are_refused(http: TestClient) -> None:
    assert http.post("/api/search", content="q=cat", headers={"content-type": "text/plain"}).status_code == 415


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nonsense", 404),
        ("GET", "/api/search/more", 404),
        ("POST", "/api/", 404),
        ("GET", "/healthz/live", 404),
        ("GET", "/originals", 404),
        ("GET", "/app/static/nonsense", 404),
        ("GET", "/selections/x/loupe", 404),
        ("PUT", "/api/search", 405),
        ("BREW", "/api/search", 405),
        ("OPTIONS", "/api/albums/x", 405),
        ("POST", "/healthz", 405),
        ("DELETE", "/originals/x", 405),
    ],
)
def test_an_unknown_address_or_method_is_json_that_says_so(
    http: TestClient, method: str, path: str, status: int
) -> None:
    answer = http.request(method, path)
    assert answer.status_code == status
    assert path in answer.json()["error"]
    assert (status == 405) == ("allow" in answer.headers)


def test_without_weaviate_every_answer_is_503_and_says_what_to_do(tmp_path: Path, specialists: Encoder) -> None:
    def nowhere() -> object:
        raise Unreachable("Weaviate is not running. Start it with: python -m server start.")

    connection = Connection(nowhere, lambda: specialists)  # type: ignore[arg-type]
    http = http_of(parts_of(tmp_path, connection))
    starting = http.get("/healthz")
    assert (starting.status_code, starting.json()["status"]) == (503, "starting")
    connection.encoder()
    for path in ("/healthz", "/api/search?q=cat"):
        answer = http.get(path)
        assert answer.status_code == 503
        assert "python -m server start" in answer.json()["error"]


def test_an_encoder_that_cannot_be_loaded_is_503_and_says_why(context: AppContext, tmp_path: Path) -> None:
    def load() -> Encoder:
        raise EncoderError("LOUPE_DEVICE is 'cuda', but torch finds none. Set it to auto or cpu.")

    broken = Connection(context.connection._find_address, load)
    http = http_of(parts_of(tmp_path, broken))
    assert "LOUPE_DEVICE" in http.get("/api/search?q=cat").json()["error"]
    assert "LOUPE_DEVICE" in http.get("/healthz").json()["error"]
    broken.close()


def test_health_answers_fast_when_weaviate_hangs(
    tmp_path: Path, specialists: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.search.HEALTH_TIMEOUT_S", 0.2)

    def hang() -> object:
        time.sleep(1)
        raise Unreachable("too late")

    connection = Connection(hang, lambda: specialists)  # type: ignore[arg-type]
    connection.encoder()
    started = time.monotonic()
    answer = http_of(parts_of(tmp_path, connection)).get("/healthz")
    assert answer.status_code == 503
    assert "did not answer within" in answer.json()["error"]
    assert time.monotonic() - started < 1

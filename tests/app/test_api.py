"""The HTTP API on the samples: what it answers, and what it refuses, always with a sentence."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from app_pages.connection import Connection
from app_pages.parts import Parts
from encoder.protocol import Encoder, EncoderError
from schema.errors import Unreachable
from search.query import Query
from tests.app.conftest import http_of, parts_of
from tests.conftest import SAMPLES


def png(side: int = 32) -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(output, "PNG")
    return output.getvalue()


def test_get_finds_what_post_finds(http: TestClient) -> None:
    """One question in its two forms."""
    got = http.get(
        "/api/search",
        params={"q": "a bridge at night", "target": "image=1", "filter": "tags.any=photo", "limit": 5, "facets": 1},
    ).json()
    query = {"terms": [{"text": "a bridge at night"}], "targets": {"image": 1}, "filters": ["tags.any=photo"]}
    posted = http.post("/api/search", json=query | {"limit": 5, "facets": True}).json()
    assert [hit["uuid"] for hit in got["hits"]] == [hit["uuid"] for hit in posted["hits"]]
    assert (len(got["hits"]), got["total"], got["facets"]["tag"]["photo"]) == (5, 60, 60)
    assert "bridge" in got["hits"][0]["caption"].lower()


def test_a_posted_picture_finds_itself(http: TestClient) -> None:
    """The same decode for a stored picture and for one that asks: similarity 1."""
    path = SAMPLES / "photos" / "eiffel-tower.jpg"
    with path.open("rb") as file:
        answer = http.post("/api/search", files={"image": file}, data={"limit": "3"})
    first = answer.json()["hits"][0]
    assert first["path"] == str(path)
    assert first["similarity"] == pytest.approx(1, abs=0.01)


def test_pages_neither_repeat_nor_skip(http: TestClient) -> None:
    def page(limit: int, offset: int) -> list[str]:
        params: dict[str, str | int] = {"q": "a dog", "limit": limit, "offset": offset}
        return [hit["uuid"] for hit in http.get("/api/search", params=params).json()["hits"]]

    whole = page(48, 0)
    assert page(24, 0) + page(24, 24) == whole
    assert len(set(whole)) == 48


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "empty"),
        ({"q": "x" * 3000}, "3000 characters"),
        ({"q": "cat", "limit": "1000000000"}, "limit must be"),
        ({"q": "cat", "limit": "many"}, "whole number"),
        ({"q": "cat", "offset": "-1"}, "offset must be"),
        ({"q": "cat", "offset": "10000"}, "at most 10000"),
        ({"q": "cat", "filter": "colour=red"}, "unknown filter 'colour'"),
        ({"q": "cat", "filter": "year>=soon"}, "whole number"),
        ({"q": "cat", "target": "look=1"}, "Words cannot be compared"),
        ({"like": "nonsense"}, "not the uuid"),
        ({"like": "00000000-0000-0000-0000-000000000000"}, "no picture 00000000"),
        ({"words": "1", "like": "5dd2ae12-02e2-514c-a4fe-306192e392d5"}, "needs words"),
        ({"query": "cat"}, "unknown parameter 'query'"),
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
        (b'{"terms": [{"text": "cat", "weight": -1}]}', "weight"),
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
    assert http.put("/api/search").status_code == 405


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999"])
def test_another_sites_page_may_not_post(http: TestClient, origin: str) -> None:
    answer = http.post("/api/search", json={"terms": [{"text": "cat"}]}, headers={"origin": origin})
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_our_own_page_may_post(http: TestClient) -> None:
    headers = {"origin": "http://127.0.0.1:8501"}
    assert http.post("/api/search", json={"terms": [{"text": "cat"}]}, headers=headers).status_code == 200


def test_every_answer_has_the_security_headers(http: TestClient) -> None:
    for path in ("/api", "/api/search", "/healthz", "/originals/x", "/app/static/thumbs/x"):
        headers = http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["referrer-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


def test_the_api_describes_itself(http: TestClient) -> None:
    text = http.get("/api").text
    for name in ("q ", "like", "target", "filter", "limit", "offset", "words", "facets", "/healthz"):
        assert name in text
    example = text[text.index('{"terms"') : text.index("POST /api/search, multipart")].replace(
        '"<uuid>"', f'"{"0" * 32}"'
    )
    assert len(Query.from_json(json.loads(example)).terms) == 2


def test_health_is_ok_when_questions_can_be_answered(http: TestClient) -> None:
    http.get("/api/search", params={"q": "cat"})
    answer = http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_without_weaviate_every_answer_is_503_and_says_what_to_do(tmp_path: Path, specialists: Encoder) -> None:
    def nowhere() -> object:
        raise Unreachable("Weaviate is not running. Start it with: python -m schema start.")

    connection = Connection(nowhere, lambda: specialists)  # type: ignore[arg-type]
    http = http_of(parts_of(tmp_path, connection))
    starting = http.get("/healthz")
    assert (starting.status_code, starting.json()["status"]) == (503, "starting")
    connection.encoder()
    for path in ("/healthz", "/api/search?q=cat"):
        answer = http.get(path)
        assert answer.status_code == 503
        assert "python -m schema start" in answer.json()["error"]


def test_an_encoder_that_cannot_be_loaded_is_503_and_says_why(parts: Parts, tmp_path: Path) -> None:
    def load() -> Encoder:
        raise EncoderError("LOUPE_DEVICE is 'cuda', but torch finds none. Set it to auto or cpu.")

    broken = Connection(parts.connection._find_address, load)
    http = http_of(parts_of(tmp_path, broken))
    assert "LOUPE_DEVICE" in http.get("/api/search?q=cat").json()["error"]
    assert "LOUPE_DEVICE" in http.get("/healthz").json()["error"]
    broken.close()


def test_health_answers_fast_when_weaviate_hangs(
    tmp_path: Path, specialists: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app_pages.api.HEALTH_TIMEOUT_S", 0.2)

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

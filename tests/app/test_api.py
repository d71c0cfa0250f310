"""The HTTP API on the samples: what it answers, and what it refuses, always with a sentence."""

import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from api.connection import Connection
from api.context import AppContext
from encoder.protocol import Encoder
from errors import EncoderError, Unreachable
from search.grammar import parse
from search.query import PARAMETERS, Query
from settings import PROJECT
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
    assert (len(got["hits"]), got["total"]) == (5, 60)
    assert 5 <= got["facets"]["tag"]["photo"] == got["counted"] == got["likely"] <= 60
    assert "bridge" in got["hits"][0]["caption"].lower()


@pytest.mark.parametrize(
    "line",
    [
        "beach + sunset - people",
        "2:a bridge - 0.5:at night path:photos/ -tag:x",
        "like:photos/eiffel-tower.jpg -like:drawings/owl.png tower",
        "-like:drawings/owl.png",
        "-people",
    ],
)
def test_a_line_asks_the_same_by_address_by_json_and_by_form(http: TestClient, line: str) -> None:
    """Hit by hit, and the question that the answer says was asked asks the same once more."""
    more = {"limit": 7, "diversity": 0.3}
    got = http.get("/api/search", params={"q": line, **more}).json()
    assert len(got["hits"]) == 7
    posted = http.post("/api/search", json={"q": line, **more}).json()
    fields = {"q": line, **more}
    by_form = http.post("/api/search", files={name: (None, str(value)) for name, value in fields.items()}).json()
    again = http.post("/api/search", json=got["asked"]).json()
    for other in (posted, by_form, again):
        assert [hit["uuid"] for hit in other["hits"]] == [hit["uuid"] for hit in got["hits"]]
    assert {hit["unlikely"] for hit in got["hits"]} <= {True, False}


def test_the_command_answers_as_the_api_does(http: TestClient, environment: dict[str, str]) -> None:
    """The same line and options, hit by hit, with what is unlikely and why."""
    line = "2:a bridge - people like:photos/eiffel-tower.jpg -tag:zeppelin width>=100"
    params = {"q": line, "dislike": "0.5:drawings/owl.png", "strategy": "sum_scores", "diversity": "0.2"}
    params |= {"target": "auto", "limit": "6", "offset": "3", "facets": "1"}
    got = http.get("/api/search", params=params).json()
    options = ["--dislike", "0.5:drawings/owl.png", "--strategy", "sum_scores", "--diversity", "0.2"]
    options += ["--auto", "--limit", "6", "--offset", "3", "--facets", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "search", line, *options],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    took = {"took_ms", "encode_ms", "weaviate_ms"}
    assert set(printed) == set(got)
    for name in set(got) - took - {"hits"}:
        if name != "line":
            assert printed[name] == got[name], name
    assert printed["line"] == pytest.approx(got["line"], abs=1e-3)
    for one, other in zip(printed["hits"], got["hits"], strict=True):
        for name in ("uuid", "unlikely", "path", "copies", "tags"):
            assert one[name] == other[name]
        assert one["relevance"] == pytest.approx(other["relevance"], abs=1e-3)
        assert [(s["term"], s["target"]) for s in one["shares"]] == [(s["term"], s["target"]) for s in other["shares"]]


def test_likes_and_dislikes_ask_the_same_by_address_and_in_the_line(http: TestClient) -> None:
    bridge, dog, cat = [
        http.get("/api/search", params={"q": text, "limit": 1}).json()["hits"][0]["uuid"]
        for text in ("a bridge", "a dog", "a cat")
    ]
    params = {"like": [bridge, f"2:{dog}"], "dislike": [f"0.5:{cat}"], "strategy": "best_score", "target": "auto"}
    got = http.get("/api/search", params=params).json()
    line = f"like:{bridge} 2:like:{dog} -0.5:like:{cat}"
    typed = http.get("/api/search", params={"q": line, "strategy": "best_score", "target": "auto"}).json()
    found = [hit["uuid"] for hit in got["hits"]]
    assert found == [hit["uuid"] for hit in typed["hits"]]
    assert not {bridge, dog, cat} & set(found)
    assert sum(got["targets"].values()) == pytest.approx(1, abs=0.001)
    hidden = http.get("/api/search", params=params | {"hide": found[:2]}).json()
    assert not set(found[:2]) & {hit["uuid"] for hit in hidden["hits"]}


def test_an_uploaded_picture_and_words_ask_together(http: TestClient) -> None:
    """Each has its say in every hit; the words move the picture's neighbours."""
    picture = (SAMPLES / "photos" / "eiffel-tower.jpg").read_bytes()

    def ask(**fields: str) -> list[dict[str, Any]]:
        answer = http.post("/api/search", files={"image": picture}, data={"limit": "12", **fields})
        hits: list[dict[str, Any]] = answer.json()["hits"]
        return hits

    alone, joined = ask(), ask(q="2:a red drawing")
    assert {share["term"] for hit in joined for share in hit["shares"]} == {0, 1}
    assert [hit["uuid"] for hit in alone] != [hit["uuid"] for hit in joined]


def test_a_picture_of_one_pixel_is_an_answer(http: TestClient) -> None:
    answer = http.post("/api/search", files={"image": png(1)}, data={"q": "- people", "limit": "3"})
    assert (answer.status_code, len(answer.json()["hits"])) == (200, 3)


def test_an_answer_says_what_is_the_matter(http: TestClient) -> None:
    """Unknown tags and filters that nothing can pass: no hits, and a sentence that names them."""
    for line, note in (
        ("cat tag:zeppelin year:1800", "No picture of the library passes tags=zeppelin, year=1800. "),
        ("cat year:2020 year:2021", "No picture can pass year=2020 and year=2021 together. "),
    ):
        answer = http.get("/api/search", params={"q": line})
        assert (answer.status_code, answer.json()["hits"]) == (200, [])
        assert answer.json()["note"].startswith(note)


def test_a_question_that_cannot_be_read_is_answered_with_the_place(http: TestClient) -> None:
    answer = http.get("/api/search", params={"q": "beach x:sunset"})
    assert (answer.status_code, answer.json()["position"]) == (400, 6)
    assert answer.json()["error"].startswith("'x' at character 7 is neither a weight nor a filter")
    assert "position" not in http.get("/api/search", params={"q": "cat", "limit": "0"}).json()


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


def test_every_answer_has_the_security_headers(http: TestClient) -> None:
    for path in ("/api", "/api/search", "/healthz", "/originals/x", "/app/static/thumbs/x"):
        headers = http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'self'" in headers.get_list("content-security-policy")
        assert "access-control-allow-origin" not in headers


def test_the_api_describes_itself(http: TestClient) -> None:
    text = http.get("/api").text
    for name in (*PARAMETERS, "/healthz", "unlikely", "note", "asked"):
        assert f" {name}" in text or f'"{name}"' in text or f"GET {name}" in text, name
    example = text[text.index('{"q"') : text.index("POST /api/search, multipart")].replace('"<uuid>"', f'"{"0" * 32}"')
    posted = json.loads(example)
    assert len(parse(posted.pop("q"))[0]) == 2
    assert len(Query.from_json(posted).terms) == 3
    for line in ("beach + sunset - people", "2:beach + 0.5:sunset", '"red car"', "tag:cat  -tag:screenshot"):
        assert line in text
        parse(line)


def test_health_is_ok_when_questions_can_be_answered(http: TestClient) -> None:
    http.get("/api/search", params={"q": "cat"})
    answer = http.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


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

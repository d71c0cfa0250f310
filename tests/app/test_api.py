"""The HTTP API on the samples: what it answers, and what it refuses, always with a sentence."""

import io
import json
import subprocess
import sys
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from search.grammar import parse
from search.query import PARAMETERS, Query
from settings import PROJECT
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

"""Folders are added by people at this machine: the page as other machines and proxies open it, over real sockets."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from app_pages.widgets import visitor
from schema.collection import Pictures
from settings import PROJECT
from tests.app.conftest import lan_address
from tests.app.session import Session, session
from tests.conftest import copy_samples

REFUSED = "LOUPE_REMOTE_FOLDERS=true"


def may_add(visitor: Session) -> bool:
    visitor.open(page="library")
    drawn = [one for one in visitor.ids() if one.endswith("-folder")]
    assert bool(drawn) != (REFUSED in visitor.text())
    return bool(drawn)


@pytest.mark.parametrize(
    ("headers", "here"),
    [
        ({}, True),
        ({"Origin": "http://127.0.0.1:{port}"}, True),
        ({"Origin": "https://photos.example"}, False),
        ({"Host": "photos.example", "Origin": "https://photos.example"}, False),
        ({"X-Forwarded-For": "203.0.113.7"}, False),
        ({"X-Forwarded-For": "127.0.0.1"}, False),
        ({"Forwarded": "for=203.0.113.7"}, False),
        ({"Via": "1.1 proxy"}, False),
    ],
    ids=str,
)
def test_the_field_for_a_folder_is_drawn_here_only(
    samples: Pictures, exposed: str, headers: dict[str, str], here: bool
) -> None:
    port = exposed.rpartition(":")[2]
    with session(exposed, **{name: value.format(port=port) for name, value in headers.items()}) as visitor:
        assert may_add(visitor) == here


def test_another_machine_cannot_add_a_folder_even_if_it_knows_the_widgets(
    samples: Pictures, exposed: str, tmp_path: Path
) -> None:
    """The names of widgets are the same for everybody: what another visitor sends as theirs is not acted on."""
    folder = tmp_path / "private"
    copy_samples(folder, 1)
    lan = exposed.replace("127.0.0.1", lan_address())
    assert "127.0.0.1" not in lan
    with session(exposed) as here, session(lan) as elsewhere:
        assert may_add(here) and not may_add(elsewhere)
        field, button = here.id_of("folder"), next(one for one in here.ids() if "FormSubmitter" in one)
        elsewhere.send({field: {"string_value": str(folder)}, button: {"trigger_value": True}})
        here.open(page="library")
        assert str(folder) not in here.text()


@pytest.mark.parametrize("said", ["true", "false"])
def test_a_setting_lets_everybody_add_folders(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """What the page makes of it: `test_adding.test_who_may_not_add_a_folder_takes_none_out`."""
    for name, value in (environment | {"LOUPE_REMOTE_FOLDERS": said}).items():
        monkeypatch.setenv(name, value)
    assert runpy.run_path(str(PROJECT / "app.py"))["context"].remote_folders is (said == "true")


def test_compose_lets_the_browser_on_the_host_add_folders() -> None:
    """Seen from the container it is another machine; the port is published for the host alone."""
    text = (PROJECT / "docker-compose.yml").read_text()
    assert 'LOUPE_REMOTE_FOLDERS: "true"' in text and "- 127.0.0.1:${LOUPE_APP_PORT" in text


def test_a_visitor_whose_address_is_not_known_is_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session of Streamlit's agent API has no address, and names its host itself."""
    context = SimpleNamespace(headers={"Host": "localhost:8501", "Origin": "http://localhost:8501"})
    monkeypatch.setattr(visitor, "st", SimpleNamespace(context=context))
    monkeypatch.setattr(visitor, "_address", lambda: "127.0.0.1")
    assert visitor.is_here()
    monkeypatch.setattr(visitor, "_address", lambda: None)
    assert not visitor.is_here()
    monkeypatch.setattr(visitor, "_address", lambda: "127.0.0.1")
    context.headers = {}
    assert not visitor.is_here()

"""Whether the processor does the work, found out without torch."""

import pytest

from encoder import device


@pytest.mark.parametrize(("system", "machine", "card"), [("darwin", "arm64", True), ("darwin", "x86_64", False)])
def test_a_mac_of_apples_own_processor_has_a_card(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, card: bool
) -> None:
    monkeypatch.setattr(device.sys, "platform", system)
    monkeypatch.setattr(device.platform, "machine", lambda: machine)
    assert device._may_have_card() is card


def test_where_a_card_seems_to_be_torch_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    import encoder.torch_setup as setup

    asked: list[str] = []
    monkeypatch.setattr(device, "_may_have_card", lambda: True)
    monkeypatch.setattr(setup, "choose_device", lambda wish: asked.append(wish) or setup.torch.device("cpu"))
    assert device.is_processor("auto")
    assert asked == ["auto"]
    assert device.is_processor("cpu")
    assert asked == ["auto"]

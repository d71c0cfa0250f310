"""Which pictures are decoded in this process and which in one of their own, and that both reserve their memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from errors import PictureError
from pictures import elsewhere
from pictures import open as opening
from pictures.open import Limits, open_image
from tests.pictures import bombs
from tests.pictures.builders import encode, photo, png_claiming


def with_frame(code: int) -> bytes:
    """A baseline JPEG that says it is of another kind."""
    return encode(photo(64, 64), "JPEG").replace(b"\xff\xc0", b"\xff" + bytes([code]), 1)


ELSEWHERE = {
    "lossless": with_frame(0xC3),
    "arithmetic": with_frame(0xC9),
    "10 scans of 27 megapixels": bombs.jpeg_claiming(9000, 3000, "RGB"),
    "PNG of 17 megapixels": png_claiming(17_000, 1000),
    "PNG of 101 MB": png_claiming(100, 100) + bytes(101_000_000),
    "JPEG of 101 MB": with_frame(0xC0) + bytes(101_000_000),
    "GIF": encode(photo(), "GIF"),
}


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_what_is_slow_or_large_is_decoded_elsewhere(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> None:
        raise PictureError("elsewhere", "asked")

    monkeypatch.setattr(opening, "decode_elsewhere", asked)
    with pytest.raises(PictureError) as caught:
        open_image(ELSEWHERE[kind], Limits(), 64)
    assert caught.value.reason == "elsewhere"


class Noting:
    """Room that notes what was asked of it."""

    def __init__(self) -> None:
        self.amounts: list[int] = []

    @contextmanager
    def reserved(self, amount: int, limits: Limits) -> Iterator[None]:
        self.amounts.append(amount)
        yield


def test_memory_is_reserved_before_a_picture_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here: for an RGB PNG of 1600 x 1200, 4.5 bytes a pixel, its file and 16 MB. Elsewhere: first the file, then the
    rest, with the 50 MB of the process."""
    noting, png, gif = Noting(), encode(photo(1600, 1200), "PNG"), encode(photo(), "GIF")
    monkeypatch.setattr(opening, "room", noting)
    monkeypatch.setattr(elsewhere, "room", noting)
    open_image(png, Limits(), 64)
    assert noting.amounts == [16_000_000 + 1600 * 1200 * 9 // 2 + len(png)]
    noting.amounts.clear()
    open_image(gif, Limits(), 64)
    assert noting.amounts[0] == len(gif)
    assert 66_000_000 < noting.amounts[1] < 68_000_000

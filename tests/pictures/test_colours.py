"""Names of colours: hand-made pictures whose shares can be counted, and CSS names that nobody took prototypes from."""

import numpy as np
import pytest
from PIL import Image, ImageColor, ImageDraw

from pictures.looks import COLOURS, MOST, Palette, palette, shares, shares_without, to_lab
from pictures.open import Limits, open_image
from tests.pictures.builders import encode

FOCAL = {
    "black": "#000000",
    "white": "#ffffff",
    "grey": "#808080",
    "red": "#ff0000",
    "orange": "#ff8c00",
    "yellow": "#ffff00",
    "green": "#008000",
    "blue": "#0000ff",
    "purple": "#800080",
    "pink": "#ffc0cb",
    "brown": "#8b4513",
}


def plain(colour: str, size: tuple[int, int] = (40, 30)) -> Image.Image:
    return Image.new("RGB", size, colour)


def striped(**rows: int) -> Image.Image:
    """Stripes of CSS colours, each so many of 100 rows high."""
    image, top = plain("white", (80, 100)), 0
    for colour, height in rows.items():
        image.paste(Image.new("RGB", (80, height), colour), (0, top))
        top += height
    assert top == 100
    return image


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_lab_has_its_published_values(rgb: tuple[int, ...], lab: tuple[float, ...]) -> None:
    """B. Lindbloom's calculator, sRGB and D65."""
    assert np.allclose(to_lab(np.array([rgb], dtype=float))[0], lab, atol=0.02)


@pytest.mark.parametrize("name", COLOURS)
def test_a_plain_picture_has_its_colour_and_no_other(name: str) -> None:
    assert palette(plain(FOCAL[name])) == Palette((name,), (FOCAL[name],))


def test_names_agree_with_css_where_css_ends_in_a_basic_term() -> None:
    """The exceptions are told: CSS' "brown" is a red to nearly everybody, and so on."""
    exceptions = {
        "aliceblue": "white",
        "brown": "red",
        "greenyellow": "green",
        "lightgoldenrodyellow": "white",
        "lightseagreen": "blue",
        "lightyellow": "white",
        "mediumvioletred": "pink",
        "navajowhite": "brown",
        "orangered": "orange",
        "palevioletred": "pink",
        "rosybrown": "pink",
        "sandybrown": "orange",
    }
    names = {
        css: next((c for c in COLOURS if css.replace("gray", "grey").endswith(c)), "") for css in ImageColor.colormap
    }
    truth = {css: exceptions.get(css, name) for css, name in names.items() if name}
    assert {css: palette(plain(css, (1, 1))).names[0] for css in truth} == truth
    assert len(truth) > 70


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        ({"blue": 70, "red": 30}, ("blue", "red")),
        ({"red": 40, "yellow": 35, "green": 25}, ("red", "yellow", "green")),
        ({"blue": 97, "red": 3}, ("blue",)),
        ({"gray": 90, "red": 10}, ("grey", "red")),
    ],
)
def test_colours_come_in_the_order_of_their_shares_and_a_trace_is_none(
    rows: dict[str, int], names: tuple[str, ...]
) -> None:
    assert palette(striped(**rows)).names == names


def test_a_small_red_thing_counts_where_as_much_grey_does_not() -> None:
    """Chroma makes a thing seen: 4 % of red, and 4 % of white, on half grey, half brown. No ground has the half."""
    assert palette(striped(gray=48, tan=48, red=4)).names == ("grey", "brown", "red")
    assert palette(striped(gray=48, tan=48, white=4)).names == ("grey", "brown")


@pytest.mark.parametrize("ground", ["white", "black", "gray"])
def test_a_ground_is_a_colour_and_does_not_hide_what_is_drawn_on_it(ground: str) -> None:
    """A thin red circle, 2 % of the pixels."""
    image = plain(ground, (400, 400))
    ImageDraw.Draw(image).ellipse((40, 40, 360, 360), outline="red", width=3)
    assert palette(image).names == (ground.replace("gray", "grey"), "red")


def test_a_line_drawing_keeps_its_ink() -> None:
    image = plain("white", (600, 400))
    for offset in range(0, 600, 60):
        ImageDraw.Draw(image).line((offset, 0, offset + 40, 400), fill="black", width=3)
    assert palette(image).names == ("white", "black")


def test_dust_on_paper_is_no_colour() -> None:
    image = plain("white", (400, 400))
    ImageDraw.Draw(image).rectangle((0, 0, 12, 12), fill="red")  # 0.1 %
    assert palette(image).names == ("white",)


def test_transparent_ground_is_the_white_that_it_is_shown_on() -> None:
    image = Image.new("RGBA", (200, 200), (0, 255, 0, 0))
    ImageDraw.Draw(image).rectangle((60, 60, 140, 140), fill=(0, 0, 255, 255))
    assert palette(open_image(encode(image, "PNG"), Limits(), 32).image).names == ("white", "blue")


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 2), (97, 95)])
def test_any_size_will_do(size: tuple[int, int]) -> None:
    assert palette(plain("#c00000", size)) == Palette(("red",), ("#c00000",))


def test_a_swatch_is_the_mean_of_its_pixels() -> None:
    image = Image.new("RGB", (2, 1), (200, 0, 0))
    image.putpixel((1, 0), (240, 20, 0))
    assert palette(image).swatches == ("#dc0a00",)


def test_noise_of_all_colours_has_five_at_most_each_once() -> None:
    rng = np.random.default_rng(0)
    found = palette(Image.fromarray(rng.integers(0, 256, (300, 200, 3), dtype=np.uint8)))
    assert 1 <= len(found.names) == len(set(found.names)) == len(found.swatches) <= MOST


def test_shares_weigh_a_colour_by_how_colourful_it_is() -> None:
    """Half black, half pure red, whose chroma is 104.6: weights 1 and 1 + 104.6 / 40."""
    found = dict(zip(COLOURS, shares(striped(black=50, red=50)), strict=True))
    assert found["red"] == pytest.approx(3.61 / 4.61, abs=0.01)
    assert found["black"] == pytest.approx(1 / 4.61, abs=0.01)
    assert sum(found.values()) == pytest.approx(1)


def test_what_is_left_without_a_cell_is_the_picture_with_that_cell_cut_out() -> None:
    """A tall picture of four stripes in the middle of its square: two cells across lie beside it and change nothing."""
    image = plain("black", (96, 96))
    image.paste(Image.new("RGB", (96, 24), "red"), (0, 48))
    tall = image.crop((0, 0, 48, 96))
    left = shares_without(tall, 4).reshape(4, 4, len(COLOURS))
    red = COLOURS.index("red")
    whole = shares(tall)
    np.testing.assert_allclose(left[:, [0, 3]], np.broadcast_to(whole, (4, 2, len(COLOURS))))
    assert (left[[0, 1, 3]][:, 1:3, red] > whole[red]).all(), "less black"
    assert (left[2, 1:3, red] < whole[red]).all()
    cut = np.asarray(tall).copy().reshape(-1, 3)[~_cell(2, 1)]
    again = shares(Image.fromarray(cut[None]))
    np.testing.assert_allclose(left[2, 1], again, atol=0.02)


def _cell(row: int, column: int) -> np.ndarray:
    """Of the square of 96 pixels, 4 x 4 cells; the picture is its columns 24 to 72."""
    inside = np.zeros((96, 96), dtype=bool)
    inside[row * 24 : row * 24 + 24, column * 24 : column * 24 + 24] = True
    return inside[:, 24:72].ravel()

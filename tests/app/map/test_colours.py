"""Which group a point is of, and whether the groups' colours can be distinguished."""

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from app_pages.map.colours import COLOURINGS, MOST, OTHER, PALETTES, Groups
from layout.store import Layout, Texts
from tests.layout.test_layouts import some_layout

GROUNDS = {"light": "#ffffff", "dark": "#111617"}
# Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency, 2009,
# severity 1.0: linear RGB as somebody without one of the three kinds of cone sees it.
EYES = {
    "all three": np.eye(3),
    "protanopia": np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),
    "deuteranopia": np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),
}


def layout_of(folders: list[str], tags: list[list[str]] | None = None, **changes: object) -> Layout:
    """A layout of as many points as there are folders."""
    count = len(folders)
    tags = tags or [[] for _ in folders]
    names = list(dict.fromkeys(tag for some in tags for tag in some))
    places = list(dict.fromkeys(folders))
    return replace(
        some_layout(),
        folder=np.array([places.index(folder) for folder in folders], np.int32),
        folders=Texts.of(places),
        tags=np.array([names.index(tag) for some in tags for tag in some], np.int32),
        tag_ends=np.cumsum([len(some) for some in tags], dtype=np.int64),
        tag_names=Texts.of(names),
        pca=np.zeros((count, 3), np.float32),
        **changes,
    )


def members(groups: Groups) -> dict[str, int]:
    return {groups.names[code]: size for code, size in Counter(groups.codes.tolist()).items()}


def test_folders_of_one_root_are_called_by_what_differs() -> None:
    groups = COLOURINGS["Folder"](layout_of(["/p/a", "/p/a", "/p/b"]))
    assert members(groups) == {"a": 2, "b": 1} and groups.names == ("a", "b") and not groups.has_other


def test_many_deep_folders_are_joined_where_few_would_cover_most() -> None:
    """Forty days hold one picture each: their ten largest cover a quarter. The four years cover all."""
    days = [f"/p/{2020 + day % 4}/{day:02}" for day in range(40)]
    groups = COLOURINGS["Folder"](layout_of(days))
    assert members(groups) == {"2020": 10, "2021": 10, "2022": 10, "2023": 10}


def test_few_deep_folders_stay_apart() -> None:
    groups = COLOURINGS["Folder"](layout_of(["/p/2020/sea", "/p/2020/sea", "/p/2020/hills", "/p/2021"]))
    assert members(groups) == {"2020/sea": 2, "2020/hills": 1, "2021": 1}


def test_a_folder_that_holds_most_of_the_library_is_told_apart_further() -> None:
    """Of 100 points 56 lie below `icons`, in four sets; the days of the other two folders would be too many."""
    sets = [f"/p/icons/{name}/{n:02}" for name in ("a", "b", "c", "d") for n in range(14)]
    days = [f"/p/photos/{n:02}" for n in range(24)] + [f"/p/scans/{n:02}" for n in range(20)]
    groups = COLOURINGS["Folder"](layout_of(sets + days))
    assert members(groups) == {**{f"icons/{name}": 14 for name in "abcd"}, "photos": 24, "scans": 20}


def test_a_folder_that_would_fall_into_too_many_parts_stays_whole() -> None:
    """80 of 100 points below `icons`, in forty sets: with them the ten largest groups would hold 36."""
    sets = [f"/p/icons/{n % 40:02}" for n in range(80)]
    groups = COLOURINGS["Folder"](layout_of(sets + ["/p/photos"] * 14 + ["/p/scans"] * 6))
    assert members(groups) == {"icons": 80, "photos": 14, "scans": 6}


@pytest.mark.parametrize("folders", [["/p/a"] * 3, ["/"], [""], ["/p", "/p/a"]])
def test_one_folder_or_none_is_no_trouble(folders: list[str]) -> None:
    assert sum(members(COLOURINGS["Folder"](layout_of(folders))).values()) == len(folders)


def test_the_legend_ends_after_ten_and_the_rest_is_one_group() -> None:
    """Even where nothing joins: two hundred folders side by side."""
    folders = [f"/p/{n:03}" for n in range(200)] + ["/p/007"] * 5
    groups = COLOURINGS["Folder"](layout_of(folders))
    assert len(groups.names) == MOST + 1 and groups.has_other and groups.names[-1] == OTHER
    assert groups.names[0] == "007" and members(groups)[OTHER] == 190


def test_a_picture_counts_for_its_rarest_tag_of_the_frequent_ones() -> None:
    """`photo` is everywhere and says nothing."""
    tags = [["photo", "cat"], ["photo", "cat"], ["photo", "dog"], ["photo"], []]
    groups = COLOURINGS["Tag"](layout_of(["/a"] * 5, tags))
    assert members(groups) == {"cat": 2, "dog": 1, "photo": 1, "No tag": 1}
    assert groups.has_other and groups.names[-1] == "No tag"


def test_more_than_ten_tags_leave_some_pictures_without_one() -> None:
    tags = [[f"t{n}"] for n in range(12)] + [["t0"]]
    groups = COLOURINGS["Tag"](layout_of(["/a"] * 13, tags))
    assert members(groups)["No such tag"] == 2 and len(groups.names) == MOST + 1


def test_a_library_without_tags_is_one_group() -> None:
    assert members(COLOURINGS["Tag"](layout_of(["/a"] * 3))) == {"No tag": 3}


def test_captions_and_clusters() -> None:
    layout = some_layout()
    assert members(COLOURINGS["Caption"](layout)) == {"With a caption": 3, "Without": 2}
    assert members(COLOURINGS["Cluster"](layout)) == {"1": 2, "2": 3}


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Ottosson, A perceptual color space for image processing, 2020: distances are about how different colours look."""
    to_cones = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.63]])
    cones = np.cbrt(np.clip(to_cones @ rgb, 0, 1))
    return np.array([[0.2105, 0.7936, -0.0041], [1.978, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]) @ cones


@pytest.mark.parametrize("theme", GROUNDS)
@pytest.mark.parametrize("eye", EYES)
def test_the_colours_can_be_told_apart_by_every_eye(theme: str, eye: str) -> None:
    """0.08 in OKLab is several times what can just be seen; the theme's own six come down to 0.02 for some eyes."""
    assert len(set(PALETTES[theme])) == MOST
    seen = [oklab(EYES[eye] @ linear(colour)) for colour in PALETTES[theme]]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 0.08


@pytest.mark.parametrize("theme", GROUNDS)
def test_the_colours_stand_out_from_the_ground(theme: str) -> None:
    luminance = np.array([0.2126, 0.7152, 0.0722])
    ground = luminance @ linear(GROUNDS[theme])
    for colour in PALETTES[theme]:
        high, low = sorted([luminance @ linear(colour), ground], reverse=True)
        assert (high + 0.05) / (low + 0.05) > 1.7, colour

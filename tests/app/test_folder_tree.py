"""The folder tree: which rows, how deep, which open."""

from app_pages.widgets.folder_tree import MOST, Row, rows

COUNTS = {"/p": 9, "/p/2019": 5, "/p/2019/rome": 3, "/p/2019/oslo": 2, "/p/2020": 4, "/q": 7, "/q/x": 7}


def shown(chosen: str = "") -> list[tuple[str, int, int]]:
    return [(row.name, row.depth, row.count) for row in rows(COUNTS, chosen)]


def test_several_outermost_folders_are_closed_until_one_is_chosen() -> None:
    assert shown() == [("p", 0, 9), ("q", 0, 7)]
    assert shown("/p") == [("p", 0, 9), ("2019", 1, 5), ("2020", 1, 4), ("q", 0, 7)]


def test_a_single_outermost_folder_is_open() -> None:
    assert [row.name for row in rows({"/p": 2, "/p/a": 1, "/p/b": 1})] == ["p", "a", "b"]


def test_the_way_to_a_deep_folder_is_open() -> None:
    expected = [("p", 0, 9), ("2019", 1, 5), ("oslo", 2, 2), ("rome", 2, 3), ("2020", 1, 4), ("q", 0, 7)]
    assert shown("/p/2019/rome") == expected
    by_path = {row.path: row for row in rows(COUNTS, "/p/2019/rome")}
    assert by_path["/p/2019/rome"].chosen and not by_path["/p/2019"].chosen
    assert by_path["/p/2019"].is_open and not by_path["/p/2020"].is_open


def test_a_folder_that_only_the_question_names_is_a_row() -> None:
    assert Row("/p/2021", "2021", 1, 0, chosen=True) in rows(COUNTS, "/p/2021")


def test_a_name_that_merely_begins_alike_is_no_folder_below() -> None:
    assert [(row.name, row.depth) for row in rows({"/p": 1, "/pp": 1}, "/p")] == [("p", 0), ("pp", 0)]


def test_of_many_folders_the_fullest_are_rows_and_the_chosen_one() -> None:
    counts = {"/p": 1000} | {f"/p/{number:02}": number for number in range(1, 41)}
    found = rows(counts, "/p/01")
    assert found[0].more == 40 - MOST
    assert [row.name for row in found[1:]] == ["01", *(f"{number:02}" for number in range(41 - MOST + 1, 41))]


def test_no_folder_is_no_row() -> None:
    assert rows({}) == []

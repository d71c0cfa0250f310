"""The histogram of dates: years, months of one year, what a click chooses."""

import pytest

from app_pages.widgets.date_bars import Bar, histogram, spec, whens

YEARS = {"2018": 3, "2020": 5}
MONTHS = {"2020-02": 4, "2020-12": 1, "2018-07": 3}


def test_empty_years_between_are_bars_too() -> None:
    shown = histogram(YEARS, MONTHS)
    assert shown.year == ""
    assert shown.bars == (Bar("2018", 3, True), Bar("2019", 0, True), Bar("2020", 5, True))


def test_a_long_time_shows_only_years_that_have_pictures() -> None:
    assert [bar.when for bar in histogram({"1890": 1, "2020": 2}, {}).bars] == ["1890", "2020"]


@pytest.mark.parametrize(("since", "until"), [("2020", "2020"), ("2020-02", "2020-11"), ("2020-2-3", "2020")])
def test_a_single_chosen_year_shows_its_months(since: str, until: str) -> None:
    shown = histogram(YEARS, MONTHS, since, until)
    assert shown.year == "2020"
    assert [bar.when for bar in shown.bars] == [f"2020-{month:02}" for month in range(1, 13)]
    assert [bar.count for bar in shown.bars] == [0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]


def test_a_single_year_of_pictures_shows_its_months() -> None:
    assert histogram({"2018": 3, "2020": 0}, MONTHS).year == "2018"


@pytest.mark.parametrize(
    ("since", "until", "chosen"),
    [
        ("2019", "", {"2019", "2020"}),
        ("", "2018", {"2018"}),
        ("2018-11", "2019-02-03", {"2018", "2019"}),
        ("2021", "", set()),
    ],
)
def test_bars_that_the_range_meets_are_chosen(since: str, until: str, chosen: set[str]) -> None:
    assert {bar.when for bar in histogram(YEARS, MONTHS, since, until).bars if bar.chosen} == chosen


def test_months_are_chosen_by_dates_written_with_one_digit() -> None:
    bars = histogram(YEARS, MONTHS, "2020-2", "2020-3-1").bars
    assert [bar.when for bar in bars if bar.chosen] == ["2020-02", "2020-03"]


def test_only_bars_that_are_shown_can_be_clicked() -> None:
    shown = histogram(YEARS, MONTHS)
    clicked = [{"when": "2020"}, {"when": "2018"}, {"when": "1066"}, {"else": 1}]
    assert whens(clicked, shown) == ["2018", "2020"]
    assert whens([], shown) == []


def test_the_drawing_holds_each_bar() -> None:
    values = spec(histogram(YEARS, MONTHS))["data"]["values"]
    assert values[0] == {"when": "2018", "pictures": 3, "chosen": True}


def test_no_dates_are_no_bars() -> None:
    assert histogram({}, {}).bars == ()

"""Dates as devices, programs and file names spell them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pictures.dates import date_of_name, read_date

NOON = datetime(2019, 5, 1, 10, 11, 12)
PLUS_2 = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019:05:01 10:11:12", NOON),
        ("2019/05/01 10:11:12", NOON),
        ("2019-05-01T10:11:12", NOON),
        ("2019.05.01 10.11.12", NOON),
        ("2019:05:01:10:11:12", NOON),
        ("2019:05:01  10:11:12\0\0", NOON),
        ("2019: 5: 1  9: 1: 2", datetime(2019, 5, 1, 9, 1, 2)),
        ("2019:05:01 10:11:12.789", NOON),
        ("2019:05:01 10:11", datetime(2019, 5, 1, 10, 11)),
        ("2019:05:01", datetime(2019, 5, 1)),
        ("2019-05-01", datetime(2019, 5, 1)),
        ("2019:05:01   :  :  ", datetime(2019, 5, 1)),
        ("2019:05:01 10:11:12 AM", NOON),
        ("2019:05:01 10:11:12 PM", NOON.replace(hour=22)),
        ("2019:05:01 10:11:12 p.m.", NOON.replace(hour=22)),
        ("2019:05:01 12:11:12 AM", NOON.replace(hour=0)),
        ("2019:05:01 12:11:12 PM", NOON.replace(hour=12)),
        ("2019:05:01 22:11:12 PM", NOON.replace(hour=22)),
        ("2019:04:30 24:00:00", datetime(2019, 5, 1)),
        ("2019:12:31 24:00:00", datetime(2020, 1, 1)),
        ("2016:12:31 23:59:60", datetime(2017, 1, 1)),
        ("2019:05:01 10:11:12+02:00", NOON.replace(tzinfo=PLUS_2)),
        ("2019:05:01 10:11:12 +0200", NOON.replace(tzinfo=PLUS_2)),
        ("2019-05-01T10:11+02:00", NOON.replace(second=0, tzinfo=PLUS_2)),
        ("2019-05-01T10:11:12.5Z", NOON.replace(tzinfo=UTC)),
        ("20190501 101112+0200", NOON.replace(tzinfo=PLUS_2)),
        ("20190501101112", NOON),
        ("20190501", datetime(2019, 5, 1)),
        ("2019:  :     :  :  ", datetime(2019, 1, 1)),
        ("2019:00:00 00:00:00", datetime(2019, 1, 1)),
        ("20190500", datetime(2019, 5, 1)),
        ("2019-05", datetime(2019, 5, 1)),
        ("2019", datetime(2019, 1, 1)),
        ("٢٠١٩:٠٥:٠١ ١٠:١١:١٢", NOON),  # phones set to Arabic
    ],
)
def test_the_spellings_of_devices_and_programs(text: str, expected: datetime) -> None:
    found = read_date(text)
    assert found == expected and found.utcoffset() == expected.utcoffset()


@pytest.mark.parametrize(
    "text",
    [
        *("    :  :     :  :  ", "0000:00:00 00:00:00", "0001:01:01 00:00:00", "2019:13:01 10:11:12", "", "yesterday"),
        *("2019:02:30 10:11:12", "2019:05:01 25:11:12", "2019:05:01 24:11:12", "2019:05:01 10:61:12", "05/01/2019"),
        *(
            "9999:99:99 99:99:99",
            "2019:05:01 10:11:12 or later",
            "1556705472",
            "2199-12-31T24:00:00",
            "2019:05:01 00 PM",
        ),
    ],
)
def test_what_is_no_date(text: str) -> None:
    """A day that can be read two ways, 05/01/2019, is none."""
    assert read_date(text) is None


def test_an_offset_that_does_not_exist_is_left_out() -> None:
    assert read_date("2019:05:01 10:11:12", "+02:00") == NOON.replace(tzinfo=PLUS_2)
    assert read_date("2019:05:01 10:11:12+02:00", "-05:00") == NOON.replace(tzinfo=PLUS_2)
    for offset in ("+25:00", "+14:30", "   :  ", "02:00", "CEST", "+02:99"):
        assert read_date("2019:05:01 10:11:12", offset) == NOON


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("IMG-20190501-WA0001", datetime(2019, 5, 1)),
        ("VID-20190501-WA0001", datetime(2019, 5, 1)),
        ("IMG_20190501", datetime(2019, 5, 1)),
        ("IMG_20190501_101112", NOON),
        ("img_20190501_101112~2", NOON),
        ("20190501_101112", NOON),
        ("20190501_101112(0)", NOON),
        ("IMG20190501101112", NOON),
        ("DJI_20190501101112_0001_D", NOON),
        ("PXL_20190501_101112000.PORTRAIT-01.COVER", NOON),
        ("WIN_20190501_10_11_12_Pro", NOON),
        ("Screenshot_20190501-101112", NOON),
        ("Screenshot_20190501-101112_Chrome", NOON),
        ("Screenshot_2019-05-01-10-11-12", NOON),
        ("Screenshot 2019-05-01 at 10.11.12", NOON),
        ("Screenshot 2019-05-01 at 10.11.12\u202fPM", NOON.replace(hour=22)),
        ("Bildschirmfoto 2019-05-01 um 10.11.12", NOON),
        ("Capture d’écran 2019-05-01 à 10.11.12", NOON),
        ("WhatsApp Image 2019-05-01 at 10.11.12 (1)", NOON),
        ("signal-2019-05-01-101112", NOON),
        ("signal-2019-05-01-10-11-12-123", NOON),
        ("photo_2019-05-01_10-11-12", NOON),
        ("2019-05-01 10.11.12", NOON),
        ("2019-05-01 birthday", datetime(2019, 5, 1)),
    ],
)
def test_dates_in_the_names_of_files(stem: str, expected: datetime) -> None:
    assert date_of_name(stem) == expected


@pytest.mark.parametrize(
    "stem",
    [
        *("IMG_1234", "DSC01234", "12345678", "20190501", "20190501101112", "4006381333931", "FB_IMG_1556700000000"),
        *(
            "IMG_20191350_101112",
            "IMG_20190230_101112",
            "20190501_101112345678",
            "120190501_101112",
            "a20190501_101112",
        ),
        *(
            "image-1920x1080",
            "2020-2021 budget",
            "192.168.2019-05-01",
            "20190501-blue",
            "invoice 20190501",
            "IMG_20190501a",
        ),
        *("D7157814-2D5A-4A62-AFCE-2019-05-01-10-11", "v2019-05-011", "IMG_18990501_101112", ""),
    ],
)
def test_digits_that_only_look_like_a_date(stem: str) -> None:
    """Counters, barcodes, sizes, versions, impossible days; eight digits alone, which may be a number of any kind."""
    assert date_of_name(stem) is None


def test_long_names_and_texts_take_no_time() -> None:
    assert date_of_name("IMG-2019" * 100_000) is None
    assert read_date("2019:" * 100_000) is None

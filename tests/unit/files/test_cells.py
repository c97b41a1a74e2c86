"""What a cell says, whatever a spreadsheet made of it."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from hub.files.cells import (
    cell_text,
    clean,
    form_of,
    lost_digits,
    serial_date,
    whole_number,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (19900001111.0, "19900001111"),
        (12.5, "12.5"),
        (0.0, "0"),
        (7, "7"),
        (True, "TRUE"),
        (None, ""),
        (datetime.fromisoformat("2026-02-17T08:29:59.999999"), "2026-02-17 08:30:00"),
        (date(2026, 2, 17), "2026-02-17"),
        ("　张三 ", "张三"),
        ("\u202d19900001111\u202c", "19900001111"),
        ("'19900001111", "19900001111"),
        ('="19900001111"', "19900001111"),
        ("=SUM(A1:A3)", "=SUM(A1:A3)"),
        ("'quoted'", "'quoted'"),
        ("第一行\n第二行", "第一行\n第二行"),
    ],
)
def test_a_cell_is_the_text_that_a_person_sees(value, text):
    assert cell_text(value) == text


def test_a_number_of_more_than_fifteen_digits_shows_that_it_lost_some():
    """An ID number typed as a number keeps 15 digits; as whole digits it would look like a real one."""
    assert lost_digits(cell_text(110101199003070011.0))


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("19900001111.0", "19900001111"),
        ("1.9900001111E+10", "19900001111"),
        ("1.99E+10", None),
        ("1.99e10", None),
        ("19900001111", None),
        ("12.5", None),
    ],
)
def test_a_float_is_written_out_only_if_no_digit_is_lost(text, whole):
    assert whole_number(text) == whole


def test_a_day_number_is_a_date_only_between_2000_and_2099():
    assert serial_date("46070.5") == "2026-02-17 12:00:00"
    assert serial_date("46070") == "2026-02-17 00:00:00"
    assert serial_date("12345") is None
    assert serial_date("1771286400") is None


def test_the_form_of_a_value_says_nothing_of_what_it_holds():
    assert form_of("张三 19900001111") == "文文 99999999999"
    assert clean("") == ""

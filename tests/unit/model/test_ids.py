"""Ids: rising deliveries, records that follow their delivery, leads that are named by their key."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.ids import lead_id, length_prefixed, record_id, uuid7, uuid7_floor, uuid7_time

AT = datetime(2026, 2, 17, 4, 0, 0, 123000, tzinfo=UTC)


def test_a_delivery_id_is_a_version_7_uuid_with_its_time() -> None:
    made = uuid7(lambda: int(AT.timestamp() * 1000))

    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert uuid7_time(made) == AT


def test_the_floor_is_below_every_id_of_its_instant_and_above_every_earlier_one() -> None:
    ms = int(AT.timestamp() * 1000)

    assert uuid7_floor(AT) <= uuid7(lambda: ms)
    assert uuid7(lambda: ms - 1) < uuid7_floor(AT)


def test_records_sort_by_delivery_then_by_ordinal() -> None:
    first, second = uuid7(lambda: 1000), uuid7(lambda: 1001)
    ids = [record_id(d, n) for d in (first, second) for n in (0, 1, 99, 1_048_575)]

    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    assert all(i.version == 7 for i in ids)


def test_a_delivery_of_more_than_a_million_records_is_refused() -> None:
    with pytest.raises(ValueError, match="1048576"):
        record_id(uuid7(), 1_048_576)


def test_a_lead_id_is_the_uuid5_of_its_key() -> None:
    key = length_prefixed("default", "douyin", "lead", "74", "0").decode()

    assert lead_id("default", "douyin", "lead", "74", 0) == uuid5(
        UUID("6f1d0c56-2f0b-5c0e-9d55-7a3f6d0e9c11"), key
    )


@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_no_two_lists_of_parts_give_the_same_bytes(a: list[str], b: list[str]) -> None:
    assert (length_prefixed(*a) == length_prefixed(*b)) == (a == b)

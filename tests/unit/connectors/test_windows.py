"""Lists by time: halved windows, shared borders, late records, shifted pages, resumed pulls."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.connectors.base import Page, PullRequest
from hub.connectors.windows import Ask, TimedList, chunked, windowed_pages
from hub.errors import PlatformRejectedError
from tests.unit.connectors.timed_list import NOW, PLAN, FakeList, Puller, identity, read, spread


def test_a_window_that_reports_too_much_is_halved_until_it_fits() -> None:
    platform = FakeList(spread(300, 7), cap=100)
    puller = Puller(platform, replace(PLAN, most=90))

    puller.pull()

    assert puller.is_whole
    paged = [ask for ask in platform.asked if ask.number > 1]
    assert all(ask.number <= 10 for ask in paged)
    assert puller.cursor == {"watermark": NOW.isoformat()}


def test_a_window_that_fits_is_asked_once_a_page() -> None:
    platform = FakeList(spread(30, 7), cap=100)
    puller = Puller(platform, replace(PLAN, most=90))

    puller.pull()

    assert [ask.number for ask in platform.asked] == [1, 2, 3]
    assert [ask.offset for ask in platform.asked] == [0, 10, 20]


def test_without_a_known_cap_nothing_is_halved() -> None:
    platform = FakeList(spread(300, 7))

    Puller(platform).pull()

    assert len(platform.asked) == 30


def test_a_second_that_does_not_fit_is_pulled_as_far_as_it_goes_and_said() -> None:
    crowd = [NOW - timedelta(seconds=600)] * 150
    others = spread(50, 60)
    platform = FakeList([*crowd, *others], cap=100)
    puller = Puller(platform, replace(PLAN, most=90))

    with pytest.raises(PlatformRejectedError) as caught:
        puller.pull()

    missing = platform.ids() - set(puller.stored)
    assert caught.value.code == "window_full"
    assert "2026-02-17T11:4" in str(caught.value)
    assert len(missing) == 50
    assert missing <= {str(number) for number in range(150)}  # all of the rest is there
    assert puller.cursor == {"watermark": NOW.isoformat()}


def test_a_cut_is_said_by_the_next_pull_if_this_one_dies() -> None:
    platform = FakeList([NOW - timedelta(days=3)] * 150, cap=100)
    puller = Puller(platform, replace(PLAN, most=90))
    with pytest.raises(PlatformRejectedError):
        puller.pull()
    pages_to_the_cut = 10

    again = Puller(platform, replace(PLAN, most=90))
    again.pull(stop_after=pages_to_the_cut + 1)
    platform.now += timedelta(minutes=5)
    with pytest.raises(PlatformRejectedError, match="windows hold more"):
        again.pull()

    assert "cut" not in again.cursor


@pytest.mark.parametrize("start_is_inclusive", [True, False])
@pytest.mark.parametrize("end_is_inclusive", [True, False])
def test_ties_at_a_border_are_met_whichever_window_owns_it(
    start_is_inclusive: bool, end_is_inclusive: bool
) -> None:
    """Only a platform that leaves out both borders loses a second; none is known to."""
    if not start_is_inclusive and not end_is_inclusive:
        return
    middle = NOW - timedelta(days=3, hours=12)  # where a week is halved
    platform = FakeList([middle] * 8 + [middle - timedelta(days=1)] * 8, cap=10)
    platform.start_is_inclusive = start_is_inclusive
    platform.end_is_inclusive = end_is_inclusive
    puller = Puller(platform, replace(PLAN, most=10))

    puller.pull()

    assert puller.is_whole
    assert len(puller.stored) == 16  # those of the border are met twice, stored once


def test_ties_at_the_border_of_two_windows_are_stored_once() -> None:
    border = NOW - timedelta(days=7)
    platform = FakeList([border] * 5)
    puller = Puller(platform, replace(PLAN, first=timedelta(days=14)))

    puller.pull()

    assert len({(ask.start, ask.end) for ask in platform.asked}) == 2
    assert sorted(puller.stored) == sorted(platform.ids())


def test_records_that_appear_while_paging_push_none_out() -> None:
    platform = FakeList(spread(45, 60), appears_per_call=3)
    puller = Puller(platform)

    puller.pull()
    platform.appears_per_call = 0
    platform.now += timedelta(minutes=5)
    puller.pull()

    assert puller.is_whole


def test_a_record_that_becomes_visible_late_is_met_by_the_overlap() -> None:
    platform = FakeList(spread(3, 10, ago_s=60), shown_after=timedelta(minutes=15))
    puller = Puller(platform)
    puller.pull()
    assert puller.stored == []

    platform.now += timedelta(minutes=15)
    puller.pull()

    assert puller.is_whole


def test_nothing_is_asked_after_the_latest_instant_that_is_listed() -> None:
    platform = FakeList(spread(3, 60, ago_s=300))
    latest = NOW - timedelta(minutes=10)
    puller = Puller(platform, replace(PLAN, latest=latest))

    puller.pull()
    assert puller.stored == []
    assert puller.cursor == {"watermark": latest.isoformat()}

    platform.now += timedelta(minutes=10)
    puller.plan = replace(PLAN, latest=NOW)
    puller.pull()
    assert puller.is_whole


def test_a_window_that_ended_long_ago_is_asked_whole() -> None:
    """The count of a day must not lose its last minutes."""
    platform = FakeList()
    puller = Puller(platform, replace(PLAN, latest=NOW))
    platform.now = NOW - timedelta(days=1)

    puller.pull()

    assert platform.asked[-1].end == NOW - timedelta(days=1)


def test_nothing_is_asked_before_the_earliest_instant() -> None:
    earliest = NOW - timedelta(days=2)
    platform = FakeList()
    puller = Puller(platform, replace(PLAN, earliest=earliest))

    puller.pull(since=NOW - timedelta(days=900))

    assert min(ask.start for ask in platform.asked) == earliest


@pytest.mark.parametrize("stop_after", range(1, 40, 3))
def test_a_pull_that_dies_in_any_page_is_resumed_without_loss(stop_after: int) -> None:
    platform = FakeList(spread(300, 7), cap=100)
    puller = Puller(platform, replace(PLAN, most=90))

    puller.pull(stop_after=stop_after)
    calls = len(platform.asked)
    platform.now += timedelta(minutes=1)
    puller.pull()

    assert puller.is_whole
    assert puller.cursor == {"watermark": platform.now.isoformat()}
    assert calls >= stop_after


def test_a_resumed_pull_does_not_ask_for_what_is_stored() -> None:
    platform = FakeList(spread(300, 7), cap=100)
    puller = Puller(platform, replace(PLAN, most=90))
    puller.pull(stop_after=20)
    before = len(platform.asked)

    puller.pull(stop_after=1)

    assert platform.asked[before].number > 1 or len(platform.asked) > before + 1


def test_a_cursor_from_before_windows_were_halved_is_read() -> None:
    platform = FakeList(spread(45, 60))
    end = NOW - timedelta(seconds=1)
    resume = {
        "start": (NOW - timedelta(days=7)).isoformat(),
        "end": end.isoformat(),
        "chunk": 0,
        "page": 3,
    }
    puller = Puller(platform)
    puller.cursor = {"resume": resume}

    puller.pull(stop_after=1)

    (ask,) = platform.asked
    assert (ask.number, ask.end) == (3, end)


def test_a_page_size_that_was_changed_begins_the_window_anew() -> None:
    """Page 3 of ten is not page 3 of twenty."""
    platform = FakeList(spread(65, 30))
    puller = Puller(platform)
    puller.pull(stop_after=2)

    puller.plan = replace(PLAN, page_size=20)
    puller.pull()

    assert puller.is_whole


def test_accounts_are_asked_in_chunks_each_with_its_own_halves() -> None:
    platform = FakeList(spread(200, 10), cap=60, account_of=lambda number: str(number % 3))
    plan = replace(PLAN, chunks=chunked(["0", "1", "2"], 2), most=50)
    puller = Puller(platform, plan)

    puller.pull(stop_after=9)
    puller.pull()

    assert puller.is_whole
    assert {ask.accounts for ask in platform.asked} == {("0", "1"), ("2",)}


def test_fewer_accounts_than_when_the_window_was_begun_start_it_again() -> None:
    platform = FakeList(spread(15, 10))
    puller = Puller(platform, replace(PLAN, chunks=[("0",), ("1",)]))
    puller.pull(stop_after=1)
    assert puller.cursor["resume"]["chunk"] == 1

    puller.plan = PLAN
    puller.pull()

    assert puller.is_whole


def test_a_page_without_a_list_is_given_and_stops_the_pull() -> None:
    async def broken(ask: Ask) -> bytes:
        return b'{"rows": 3}'

    pages: list[Page] = []

    async def pull() -> None:
        listed = TimedList("x", broken, read, identity)
        async for page in windowed_pages(listed, PLAN, PullRequest("x", None, NOW)):
            pages.append(page)

    with pytest.raises(PlatformRejectedError, match="holds no list"):
        asyncio.run(pull())

    (page,) = pages
    assert page.envelope is not None
    assert page.cursor["resume"]["page"] == 1


def test_a_list_without_an_end_is_given_up() -> None:
    async def endless(ask: Ask) -> bytes:
        item = {"id": f"{ask.number}"}
        return json.dumps({"items": [item], "total": 10**9, "size": 10}).encode()

    async def pull() -> None:
        listed = TimedList("x", endless, read, identity)
        plan = replace(PLAN, max_pages=5)
        async for _ in windowed_pages(listed, plan, PullRequest("x", None, NOW)):
            pass

    with pytest.raises(PlatformRejectedError) as caught:
        asyncio.run(pull())

    assert caught.value.code == "endless"


def test_the_platforms_total_of_a_window_is_reported_with_its_last_page() -> None:
    puller = Puller(FakeList(spread(25, 60)))

    puller.pull()

    assert puller.reported == [25]


def test_the_total_of_a_halved_window_is_that_of_the_whole() -> None:
    """Its halves share a border: their totals would count those on it twice."""
    platform = FakeList(spread(300, 7), cap=100)
    puller = Puller(platform, replace(PLAN, most=90))

    puller.pull()

    assert puller.reported == [300]


@settings(max_examples=60, deadline=None)
@given(
    seconds=st.lists(st.integers(0, 600_000), max_size=120),
    most=st.integers(3, 40),
    size=st.integers(1, 12),
    stops=st.lists(st.integers(1, 30), max_size=4),
    inclusive=st.booleans(),
)
def test_whatever_the_crowds_and_crashes_all_that_can_be_listed_is_stored(
    seconds: list[int], most: int, size: int, stops: list[int], inclusive: bool
) -> None:
    created = [NOW - timedelta(seconds=3 + second) for second in seconds]
    platform = FakeList(created, cap=most, end_is_inclusive=inclusive)
    puller = Puller(platform, replace(PLAN, most=most, page_size=size))
    for stop in stops:
        with_crash(puller, stop)
        platform.now += timedelta(minutes=1)

    with_crash(puller, None)

    per_second = {
        at: created.count(at) + created.count(at + timedelta(seconds=1)) for at in created
    }
    fits = {
        str(i)
        for i, at in enumerate(created)
        if per_second[at] + created.count(at - timedelta(seconds=1)) <= most
    }
    assert fits <= set(puller.stored)


def with_crash(puller: Puller, stop: int | None) -> None:
    try:
        puller.pull(stop_after=stop)
    except PlatformRejectedError as error:
        assert error.code == "window_full"  # noqa: PT017 -- other codes are a failure of the test

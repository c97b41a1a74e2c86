"""The demo's comparison sees what it is there to see: a sender's list against the store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from hub.model.ids import lead_id
from hub.settings import SourceSettings
from hub.steps.demo.rows import SourceRow, source_row
from hub.steps.demo.senders import Line, Sent
from hub.steps.demo.source import DemoSource
from tests.store.test_load import AT, Hub, a_push, hub

__all__ = ["hub"]

pytestmark = pytest.mark.postgres
KEY, IDS = "douyin", ("7400000000000000001", "7400000000000000002", "7400000000000000003")


async def nothing(line: Line, count: int) -> None:
    """It was sent already."""


def lead_of(number: int) -> Any:
    return lead_id("default", KEY, "lead", IDS[number], 0)


def the_row(hub: Hub, sent: Sent, *carries: str) -> SourceRow:
    settings = SourceSettings(platform="douyin", name="抖音").model_dump()
    source = DemoSource(KEY, settings, 1, nothing, carries=carries)
    return source_row(hub.engine, hub.keyring, source, sent, {lead_of(0): 10.5})


def sent(*numbers: int, **changed: int) -> Sent:
    figures = {"listed": len(numbers), "acknowledged": len(numbers), **changed}
    return Sent(**figures, leads={lead_of(n): 10.0 for n in numbers})


@pytest.fixture
def loaded(hub: Hub) -> Hub:
    """A hub with the first two leads."""
    hub.store(KEY, [a_push(IDS[0]), a_push(IDS[1], mobile="19900001235")])
    hub.loader().drain()
    return hub


def test_a_list_that_is_all_there_holds(loaded: Hub) -> None:
    row = the_row(loaded, sent(0, 1), "mobile_e164")

    assert row.holds
    assert (row.sent, row.leads, row.missing, row.p50_ms) == (2, 2, 0, 500.0)


@pytest.mark.parametrize(
    ("said", "carries", "wrong"),
    [
        (sent(0, 1, 2), (), {"missing": 1}),
        (sent(0), (), {"unexpected": 1}),
        (sent(0, 1, listed=4), (), {"refused": 2}),
        (sent(0, 1), ("utm_source",), {"lacking": 2}),
        (sent(0, 1, no_lead=1, acknowledged=3, listed=3), (), {"no_lead_records": 0}),
    ],
    ids=["missing", "unexpected", "refused", "lacking", "said to be no lead"],
)
def test_what_is_wrong_is_counted_and_does_not_hold(
    loaded: Hub, said: Sent, carries: tuple[str, ...], wrong: dict[str, int]
) -> None:
    row = the_row(loaded, said, *carries)

    assert {name: getattr(row, name) for name in wrong} == wrong
    assert not row.holds


def test_what_is_held_is_not_missing_and_yet_not_done(loaded: Hub) -> None:
    loaded.store(KEY, [a_push(IDS[2], mobile={"no": "number"})], at=AT + timedelta(minutes=1))
    loaded.loader().drain()

    row = the_row(loaded, sent(0, 1, 2))

    assert (row.held, row.missing, row.holds) == (1, 0, False)

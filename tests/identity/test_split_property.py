"""Whatever is split: leads and touchpoints stay as they were, there is one decision more, and it can be taken back."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.model.delivery import Via
from hub.model.ids import lead_id, uuid7
from hub.privacy.keyring import KeyRing
from hub.steps.identity.contact_decisions import list_decisions, split, undo
from tests.identity.store import partition, together
from tests.store.test_load import AT, DOUYIN, Hub, a_page, a_pulled_clue, settings_with

pytestmark = pytest.mark.postgres
WHO = "a person"
_rounds = itertools.count(1)
# Each lead brings one or two of a few phones, so that it takes one batch or three until all is one person.
LEADS = st.lists(st.sets(st.integers(0, 2), min_size=1, max_size=2), min_size=2, max_size=6)


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[Hub]:
    made = Hub(engine, keyring, settings_with(douyin=DOUYIN))
    yield made
    for loader in made.loaders:
        loader.close()


def what_there_is(engine: sa.Engine) -> tuple[list[Any], list[Any]]:
    """Leads without their contact, and touchpoints."""
    with engine.begin() as conn:
        leads = sa.text(
            "SELECT id, merchant, source_key, keys, revisions, content_hash FROM crm.lead ORDER BY 1"
        )
        points = sa.text("SELECT * FROM crm.touchpoint ORDER BY 1, 2, 3")
        return list(conn.execute(leads).all()), list(conn.execute(points).all())


def come(hub: Hub, drawn: list[set[int]], size: int) -> list[UUID]:
    """Leads of one example, apart from those of every other one, in batches of `size`."""
    turn = next(_rounds)
    clues = [
        a_pulled_clue(
            f"{turn}-{n}",
            telephone="/".join(f"199{turn:06d}{phone:02d}" for phone in sorted(phones)),
        )
        for n, phones in enumerate(drawn)
    ]
    for start in range(0, len(clues), size):
        at = AT + timedelta(seconds=turn, milliseconds=start)
        hub.store("douyin", [a_page(*clues[start : start + size])], via=Via.PULL, at=at)
        hub.loaders[0].drain()
    return [lead_id("default", "douyin", "lead", f"{turn}-{n}", 0) for n in range(len(drawn))]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(LEADS, st.integers(1, 3), st.data())
def test_a_split_restores_leads_and_touchpoints_and_adds_one_decision(
    hub: Hub, drawn: list[set[int]], size: int, data: st.DataObject
) -> None:
    if not hub.loaders:
        hub.loader()
    leads = come(hub, drawn, size)
    before = together(hub.engine)
    groups = [sorted(g) for g in partition({one: before[one] for one in leads}) if len(g) > 1]
    if not groups:
        return
    group = data.draw(st.sampled_from(sorted(groups)))
    side = data.draw(
        st.lists(st.sampled_from(group), min_size=1, max_size=len(group) - 1, unique=True)
    )
    there, decided = what_there_is(hub.engine), len(list_decisions(hub.engine, limit=1000))
    now = datetime.now(UTC)
    done = split(hub.engine, before[group[0]], side, by=WHO, reason="two", now=now, new_id=uuid7)
    after = together(hub.engine)

    assert what_there_is(hub.engine) == there
    assert len(list_decisions(hub.engine, limit=1000)) == decided + 1
    assert not {after[one] for one in side} & {after[one] for one in set(group) - set(side)}
    assert done.decision is not None
    undo(hub.engine, done.decision, by=WHO, reason="mistaken", now=now, new_id=uuid7)
    assert partition(together(hub.engine)) == partition(before)
    assert what_there_is(hub.engine) == there

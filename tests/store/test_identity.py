"""Identity on a real database: windows, shared keys, splits and their undoing, replays that take keys away."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.errors import ConfigError
from hub.model.delivery import Envelope, Via
from hub.model.ids import lead_id, uuid7
from hub.privacy.keyring import KeyRing
from hub.settings import FormSettings, HubSettings
from hub.steps.identity.contact_decisions import list_decisions, split, undo, why
from hub.steps.lookup import NotFoundError
from hub.steps.verify import verify
from tests.store.test_load import AT, DOUYIN, Hub, a_page, a_pulled_clue, settings_with

pytestmark = pytest.mark.postgres
PHONE, OTHER = "19900001234", "19900005678"
# Invented resident ids with a valid checksum; region 110101, born 1990-01-01.
IDS = ("110101199001010015", "110101199001010023", "110101199001010031")


class People:
    """A hub and what its leads became."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.rounds = 0

    def come(self, *clues: dict[str, Any]) -> None:
        self.rounds += 1
        at = AT + timedelta(seconds=self.rounds)
        self.hub.store("douyin", [a_page(*clues)], via=Via.PULL, at=at)
        self.hub.loader().drain()

    def lead(self, clue: str, source: str = "douyin") -> UUID:
        return lead_id("default", source, "lead", clue, 0)

    def persons(self, source: str = "douyin") -> set[frozenset[str]]:
        statement = (
            "WITH RECURSIVE up AS (SELECT id AS start, id, merged_into FROM crm.contact"
            " UNION ALL SELECT up.start, c.id, c.merged_into FROM up JOIN crm.contact c ON c.id = up.merged_into)"
            " SELECT l.id, up.id FROM crm.lead l JOIN up ON up.start = l.contact_id AND up.merged_into IS NULL"
        )
        with self.hub.engine.begin() as conn:
            rows = conn.execute(sa.text(statement)).all()
        names = {self.lead(str(n), source): str(n) for n in range(50)}
        found: dict[UUID, set[str]] = {}
        for lead, contact in rows:
            found.setdefault(contact, set()).add(names[lead])
        return {frozenset(group) for group in found.values()}

    def contact(self, clue: str) -> UUID:
        with self.hub.engine.begin() as conn:
            statement = sa.text("SELECT contact_id FROM crm.lead WHERE id = :id")
            found: UUID = conn.execute(statement, {"id": self.lead(clue)}).scalar_one()
            return found

    def split(self, contact: UUID, *clues: str, dry_run: bool = False) -> Any:
        return split(
            self.hub.engine,
            contact,
            [self.lead(one) for one in clues],
            by="a person",
            reason="two customers, one shop phone",
            now=datetime.now(UTC),
            new_id=uuid7,
            dry_run=dry_run,
        )

    def holds(self) -> bool:
        found = verify(self.hub.engine, self.hub.keyring, deep=True, settings=self.hub.settings)
        assert found.misplaced == 0
        assert found.is_same_state
        return found.holds

    def reload(self, *clues: str) -> None:
        with self.hub.engine.begin() as conn:
            ids = list(conn.execute(sa.text("SELECT id FROM inbox.record")).scalars())
        self.hub.loader().reload(ids)


@pytest.fixture
def people(engine: sa.Engine, keyring: KeyRing) -> Iterator[People]:
    hub = Hub(engine, keyring, settings_with(douyin=DOUYIN))
    yield People(hub)
    for loader in hub.loaders:
        loader.close()


def clue(number: int, phone: str | None = PHONE, **changes: Any) -> dict[str, Any]:
    return a_pulled_clue(str(number), telephone=phone, **changes)


def at_day(day: int) -> str:
    moment = datetime(2020, 1, 1, 8, tzinfo=UTC) + timedelta(days=day)
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def groups(*texts: str) -> set[frozenset[str]]:
    return {frozenset(text.split()) for text in texts}


def test_a_phone_that_was_silent_for_years_is_another_persons(people: People) -> None:
    people.come(clue(1, create_time_detail=at_day(0)), clue(2, create_time_detail=at_day(700)))
    people.come(clue(3, create_time_detail=at_day(700 + 731)))

    assert people.persons() == groups("1 2", "3")
    assert people.holds()


def test_a_lead_in_the_gap_makes_one_person_of_both_sides(people: People) -> None:
    people.come(clue(1, create_time_detail=at_day(0)), clue(3, create_time_detail=at_day(1400)))
    assert people.persons() == groups("1", "3")
    people.come(clue(2, create_time_detail=at_day(700)))

    assert people.persons() == groups("1 2 3")
    assert people.holds()


def a_form(number: int, which: int | None, phone: str = PHONE) -> Envelope:
    fields = {"姓名": f"测试{number}", "手机": phone}
    if which is not None:
        fields["身份证号"] = IDS[which]
    body = {"submission_id": str(number), "fields": fields, "consent": {"privacy": True}}
    return Envelope("form", json.dumps(body).encode(), context={"form": "f"})


def fill(people: People, *forms: Envelope) -> set[frozenset[str]]:
    people.rounds += 1
    at = AT + timedelta(seconds=people.rounds)
    people.hub.store("form-f", list(forms), via=Via.FORM, at=at)
    people.hub.loader().drain()
    return people.persons("form-f")


def test_a_phone_of_three_id_numbers_joins_nobody_any_more(
    engine: sa.Engine, keyring: KeyRing
) -> None:
    """A shop's own phone: two id numbers may be a slip of the pen, three are customers."""
    hub = Hub(engine, keyring, HubSettings(forms={"f": FormSettings()}))
    people = People(hub)
    assert fill(people, a_form(1, 0), a_form(2, 1)) == groups("1 2")
    assert fill(people, a_form(3, 2), a_form(4, None)) == groups("1", "2", "3", "4")
    assert people.holds()
    assert groups("1 5") <= fill(people, a_form(5, 0, OTHER))
    people.reload()
    assert people.holds()
    for loader in hub.loaders:
        loader.close()


def test_why_tells_the_chain_of_keys(people: People) -> None:
    people.come(clue(1), clue(2))

    found = why(people.hub.engine, people.lead("1"), people.lead("2"))

    assert found is not None
    assert [(one.kind, one.lead, one.other) for one in found] == [
        ("mobile", people.lead("1"), people.lead("2"))
    ]
    assert why(people.hub.engine, people.lead("1"), people.lead("1")) == []


def test_two_persons_have_no_chain_and_a_stranger_is_not_found(people: People) -> None:
    people.come(clue(1), clue(2, OTHER))

    assert why(people.hub.engine, people.lead("1"), people.lead("2")) is None
    with pytest.raises(NotFoundError):
        why(people.hub.engine, people.lead("1"), people.lead("9"))


def test_a_split_parts_the_sides_and_the_same_evidence_does_not_merge_them_again(
    people: People,
) -> None:
    people.come(clue(1), clue(2), clue(3))
    done = people.split(people.contact("1"), "2")

    assert people.persons() == groups("1 3", "2")
    assert done.stopped == ("mobile",)
    assert len(done.contacts) == 2
    people.come(clue(4))
    people.reload()
    assert people.persons() == groups("1 3", "2", "4")
    assert people.holds()


def test_a_key_that_a_split_stops_joins_nobody_at_another_time_either(people: People) -> None:
    """A number that was given out again joined two pairs, years apart."""
    early = [clue(n, create_time_detail=at_day(n)) for n in (1, 2)]
    late = [clue(n, create_time_detail=at_day(2000 + n)) for n in (3, 4)]
    people.come(*early, *late)
    assert people.persons() == groups("1 2", "3 4")

    people.split(people.contact("1"), "1")

    assert people.persons() == groups("1", "2", "3", "4")
    assert people.holds()


def test_a_split_restores_leads_touchpoints_and_adds_one_decision(people: People) -> None:
    people.come(clue(1), clue(2))
    statement = sa.text("SELECT lead_id, kind, occurred_at FROM crm.touchpoint ORDER BY 1, 2, 3")
    with people.hub.engine.begin() as conn:
        before = conn.execute(statement).all()
    people.split(people.contact("1"), "2")
    with people.hub.engine.begin() as conn:
        assert conn.execute(statement).all() == before

    [decision] = list_decisions(people.hub.engine)
    assert (decision["kind"], decision["leads"]) == ("split", 2)


def test_a_split_of_merged_contacts_gives_the_old_ids_back(people: People) -> None:
    people.come(clue(1, PHONE))
    people.come(clue(2, OTHER))
    old, young = people.contact("1"), people.contact("2")
    people.come(clue(3, PHONE, remark_dict={"手机": OTHER}, weixin=""))
    people.come(clue(2, PHONE, create_time_detail="2026-02-17 08:00:00"))
    assert frozenset({"1", "2"}) <= max(people.persons(), key=len)
    done = people.split(people.contact("1"), "2")

    assert old in done.contacts
    assert people.contact("2") == young
    assert people.holds()


def test_new_evidence_may_still_join_what_was_split(people: People) -> None:
    people.come(clue(1), clue(2))
    people.split(people.contact("1"), "2")
    people.come(clue(1, OTHER), clue(2, OTHER))

    assert people.persons() == groups("1 2")
    assert people.holds()


def test_a_new_key_of_one_side_joins_it_to_the_other_no_more_than_before(people: People) -> None:
    """A pin leads to its own side, also once the side has another contact."""
    people.come(clue(1), clue(2))
    people.split(people.contact("1"), "2")
    people.come(clue(2, OTHER))

    assert people.persons() == groups("1", "2")
    assert people.holds()


def test_a_split_can_be_taken_back(people: People) -> None:
    people.come(clue(1), clue(2))
    done = people.split(people.contact("1"), "2")
    people.come(clue(3))
    now = datetime.now(UTC)
    undo(people.hub.engine, done.decision, by="a person", reason="mistaken", now=now, new_id=uuid7)

    assert people.persons() == groups("1 2 3")
    assert people.holds()
    assert [one["kind"] for one in list_decisions(people.hub.engine)] == ["undo", "split"]
    with pytest.raises(NotFoundError):
        undo(people.hub.engine, done.decision, by="x", reason="again", now=now, new_id=uuid7)


def test_a_dry_run_decides_nothing(people: People) -> None:
    people.come(clue(1), clue(2))
    planned = people.split(people.contact("1"), "2", dry_run=True)

    assert planned.stopped == ("mobile",)
    assert people.persons() == groups("1 2")
    assert list_decisions(people.hub.engine) == []


@pytest.mark.parametrize("side", [(), ("1", "2"), ("9",)])
def test_a_split_needs_two_sides_of_the_contacts_own_leads(
    people: People, side: Sequence[str]
) -> None:
    people.come(clue(1), clue(2))

    with pytest.raises(ConfigError):
        people.split(people.contact("1"), *side)


def test_a_phone_that_a_revision_takes_away_no_longer_joins(people: People) -> None:
    """Keys are those of all revisions: a lead that gave two phones keeps both, until a mapping drops one."""
    people.come(clue(1), clue(2))
    with people.hub.engine.begin() as conn:
        [first] = conn.execute(
            sa.text("SELECT record_id FROM crm.lead_revision WHERE lead_id = :id"),
            {"id": people.lead("2")},
        ).scalars()
        other = a_pulled_clue("2", telephone=OTHER)
        sealed = people.hub.keyring.seal(json.dumps(other).encode(), first.bytes)
        conn.execute(
            sa.text("UPDATE inbox.record SET sealed = :sealed WHERE id = :id"),
            {"sealed": sealed, "id": first},
        )
    people.reload()

    assert people.persons() == groups("1", "2")
    assert people.holds()

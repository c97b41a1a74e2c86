"""A person is erased, everything else holds, and their past does not come back."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.errors import ConfigError
from hub.model.ids import uuid7
from hub.privacy.keyring import KeyRing
from hub.steps.identity import contact_decisions
from hub.steps.lookup import NotFoundError
from tests.privacy.erasing import ERASED_AT, MORNING, ErasingHub, log_of

pytestmark = pytest.mark.postgres
PHONE, SECOND, OTHER = "19900007351", "19900007352", "19900007353"
MAIL: dict[str, Any] = {"email": "canary@example.com"}
LINKED = 2  # leads of the fixture whose e-mail names a domain


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing, hub_home: Path) -> ErasingHub:
    """Two leads of one person, by a phone and an e-mail with a second phone; one of another person."""
    hub_home.mkdir()
    made = ErasingHub(engine, keyring)
    made.take(
        made.clue(1, PHONE, **MAIL), made.clue(2, SECOND, **MAIL), made.clue(3, OTHER),
        made.clue(4, "下次再说", remark=f"打我电话 {PHONE[:3]} {PHONE[3:7]}-{PHONE[7:]}"),
        made.clue(5, PHONE, clue_source=4),
        made.clue(6, OTHER, clue_source=4),
    )  # fmt: skip
    counts = made.load()
    assert (counts["loaded"], counts["held"], counts["not_a_lead"]) == (3, 1, 2)
    return made


def test_all_of_a_person_goes_and_all_else_stays(hub: ErasingHub, hub_home: Path) -> None:
    receipt = hub.erase(phone=f"+86 {PHONE[:3]}-{PHONE[3:]}")

    assert {name: n for name, n in receipt.counts.items() if n} == {
        "contacts": 1, "leads": 2, "revisions": 2, "touchpoints": 2, "spans": 3,
        "records": 4, "held": 1, "not_a_lead": 1, "company_links": 2,
    }  # fmt: skip
    assert not [
        text for text in (PHONE, SECOND, "测试1", "测试2", "canary@") if text in hub.opened()
    ]
    assert OTHER in hub.opened()
    assert hub.count("crm.lead") == hub.count("crm.contact") == 1
    found = hub.verify()
    assert found.holds
    assert found.record_law.totals()["erased"] == 4
    assert PHONE not in json.dumps(log_of(hub_home))


def test_a_dry_run_says_the_same_and_changes_nothing(hub: ErasingHub, hub_home: Path) -> None:
    before = hub.verify().content_hash
    told = hub.erase(phone=PHONE, dry_run=True)

    assert hub.verify().content_hash == before
    assert hub.count("crm.tombstone") == hub.count("crm.erasure") == hub.count("inbox.erased") == 0
    assert not (hub_home / "erasures.jsonl").exists()
    assert hub.erase(phone=PHONE).counts == told.counts


def test_the_past_does_not_come_back_by_pull_import_or_replay(hub: ErasingHub) -> None:
    hub.erase(phone=PHONE)
    late = ERASED_AT + timedelta(hours=1)
    hub.take(hub.clue(1, PHONE), hub.clue(2, SECOND), hub.clue(7, SECOND), at=late)
    hub.take(
        hub.clue(1, PHONE, convert_status="营销预览"),
        hub.clue(8, PHONE),
        at=MORNING,
        source="other",
    )

    assert hub.load() == {"erased": 4, "not_a_lead": 1}
    assert hub.count("crm.lead") == 1
    assert SECOND not in hub.opened()
    assert hub.verify().holds


def test_what_was_queued_when_they_were_erased_is_blocked_when_it_is_split(
    hub: ErasingHub,
) -> None:
    hub.take(hub.clue(9, PHONE), hub.clue(10, "19900007359"))
    told = hub.erase(phone=PHONE)

    assert told.counts["unsplit_deliveries"] == 1
    assert hub.load() == {"erased": 1, "loaded": 1}
    assert hub.verify().holds


def test_they_may_come_back_as_a_new_lead(hub: ErasingHub) -> None:
    hub.erase(phone=PHONE)
    later = ERASED_AT + timedelta(days=1)
    hub.take(hub.clue(11, PHONE, at=later), at=later)

    assert hub.load() == {"loaded": 1}
    assert hub.verify().holds
    assert hub.erase(phone=PHONE, at=later + timedelta(days=1)).counts["leads"] == 1
    assert hub.verify().holds


def test_what_another_one_shares_is_not_blocked(hub: ErasingHub) -> None:
    """A number of two contacts, parted by a person, stays the other's."""
    [(contact,)] = hub.rows("SELECT DISTINCT contact_id FROM crm.lead WHERE cardinality(keys) = 2")
    [(lead,)] = hub.rows(
        "SELECT id FROM crm.lead WHERE contact_id = :c ORDER BY id LIMIT 1", c=contact
    )
    done = contact_decisions.split(
        hub.engine, contact, [lead], by="t", reason="two people", now=MORNING, new_id=uuid7
    )
    with pytest.raises(NotFoundError):
        hub.erase(contact=lead)
    hub.erase(contact=done.contacts[0])

    assert hub.count("crm.lead") == 2
    assert hub.verify().holds
    email = hub.rows("SELECT count(*) FROM crm.tombstone WHERE get_byte(blind, 0) = 6")
    assert email == [(0,)]


def test_a_shared_number_erases_nobody(hub: ErasingHub) -> None:
    [(contact,)] = hub.rows("SELECT DISTINCT contact_id FROM crm.lead WHERE cardinality(keys) = 2")
    hub.take(hub.clue(12, PHONE))
    hub.load()
    leads = [
        row[0] for row in hub.rows("SELECT id FROM crm.lead WHERE contact_id = :c", c=contact)
    ]
    holding = [row[0] for row in hub.rows("SELECT id FROM crm.lead WHERE cardinality(keys) = 1")]
    newest = next(one for one in holding if one in leads)
    contact_decisions.split(
        hub.engine, contact, [newest], by="t", reason="a shop's phone", now=MORNING, new_id=uuid7
    )

    with pytest.raises(ConfigError, match="--contact") as caught:
        hub.erase(phone=PHONE)
    assert PHONE not in str(caught.value)
    assert hub.count("crm.lead") == 4


def test_a_number_that_is_none_is_not_repeated(hub: ErasingHub) -> None:
    with pytest.raises(ConfigError) as caught:
        hub.erase(phone="1990000735")
    assert "1990000735" not in str(caught.value)
    with pytest.raises(ConfigError):
        hub.erase(id_number="110101190003077352")
    with pytest.raises(ConfigError):
        hub.erase()


def test_who_asked_stays_and_whom_does_not(hub: ErasingHub) -> None:
    [(lead,)] = hub.rows("SELECT id FROM crm.lead ORDER BY id LIMIT 1")
    with hub.engine.begin() as conn:
        conn.execute(
            sa.text("INSERT INTO ops.audit (who, action, target) VALUES ('a', 'reveal lead', :t)"),
            {"t": str(lead)},
        )
    [(contact,)] = hub.rows("SELECT contact_id FROM crm.lead WHERE id = :l", l=lead)
    receipt = hub.erase(contact=contact)

    assert hub.rows("SELECT who, action, target FROM ops.audit ORDER BY id") == [
        ("a", "reveal lead", "erased"), ("tester", "erase", str(receipt.receipt)),
    ]  # fmt: skip
    decided = hub.rows("SELECT kind, body FROM crm.decision")
    assert decided == [("erase", {"receipt": str(receipt.receipt)})]


def test_nothing_is_erased_without_the_log(hub: ErasingHub, hub_home: Path) -> None:
    (hub_home / "erasures.jsonl").mkdir()

    with pytest.raises(ConfigError, match="nothing was erased"):
        hub.erase(phone=PHONE)
    assert hub.count("crm.lead") == 3
    assert hub.count("crm.tombstone") == 0


def test_what_links_a_person_to_a_company_goes_and_others_keep_theirs(hub: ErasingHub) -> None:
    hub.take(
        hub.clue(11, "19900005001", email="one@firm-a.example"),
        hub.clue(12, "19900005002", email="two@firm-a.example"),
    )
    hub.load()

    receipt = hub.erase(phone="19900005001")

    assert receipt.counts["company_links"] == 1
    with hub.engine.begin() as conn:
        assert (
            conn.execute(sa.text("SELECT count(*) FROM crm.company_link")).scalar() == 1 + LINKED
        )

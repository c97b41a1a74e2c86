"""Reconciliation on a real database: through the loader, incremental as full, closing, reopening, answers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.alerts.reading import open_alerts
from hub.connectors.declarative.connector import DeclarativeConnector
from hub.database.engine import driver
from hub.errors import ConfigError
from hub.finance import reading
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.privacy.keyring import KeyRing
from hub.reconciliation.books import ENTITIES, link_keys
from hub.settings import HubSettings, SourceSettings
from hub.steps.finance import breaks as desk_step
from hub.steps.finance.breaks import Desk, Wanted
from hub.steps.finance.reconcile import FULL, INCREMENTAL, Reconciled, reconcile
from hub.steps.load import Loader
from hub.steps.lookup import NotFoundError
from tests.reconciliation.company import Company, Doc, a_month

pytestmark = pytest.mark.postgres
AT = datetime(2026, 2, 28, 4, 0, tzinfo=UTC)
_SOURCE = SourceSettings(
    platform="declarative",
    push="records",
    owner="finance-desk",
    options={
        "entity": "contract",
        "entity_field": "type",
        "entities": [name for name in ENTITIES if name != "contract"],
    },
)
_FACTS = ("match", "break", "question", "wait")


class Office:
    """A store with three systems that send business documents."""

    def __init__(self, engine: sa.Engine, keyring: KeyRing) -> None:
        self.engine = engine
        self.keyring = keyring
        self.settings = HubSettings(sources={"books": _SOURCE, "tax": _SOURCE, "oa": _SOURCE})
        self.loader = Loader(
            engine,
            keyring,
            self.settings,
            found={"declarative": DeclarativeConnector()},
            clock=lambda: AT,
        )
        self.desk = Desk(engine, keyring, self.settings)
        self._numbers = itertools.count()

    def push(self, docs: list[Doc]) -> dict[str, int]:
        """Send documents by their sources, and load them."""
        for source in sorted({doc["source"] for doc in docs}):
            records = [payload(doc) for doc in docs if doc["source"] == source]
            body = json.dumps(records, ensure_ascii=False).encode()
            number = next(self._numbers)
            arrival = Arrival(Via.PUSH, AT + timedelta(seconds=number), f"push-{number}")
            delivery = seal_delivery(
                self.keyring, source, _SOURCE, Envelope(shape="records", body=body), arrival
            )
            with self.engine.begin() as conn:
                store_deliveries(driver(conn), [delivery])
        return dict(self.loader.drain().counts)

    def run(self, *, full: bool = False, now: datetime = AT) -> Reconciled:
        return reconcile(self.engine, self.settings, "default", now, full=full)

    def breaks(self, *states: str) -> list[dict[str, Any]]:
        wanted = Wanted(states=states or ("open", "reopened"))
        return desk_step.list_breaks(self.desk, wanted, AT)

    def alerts(self) -> list[tuple[str, int]]:
        with self.engine.begin() as conn:
            return [(row["dedupe_key"], row["count"]) for row in open_alerts(conn)]

    def tables(self) -> dict[str, list[Any]]:
        """What reconciliation left, without times and history."""
        left = {"break": "document_id, kind, contract_number, amount_fen, detail, state"}
        left["question"] = "document_id, reason, candidates, state"
        found = {}
        with self.engine.begin() as conn:
            for name in _FACTS:
                query = f"SELECT {left.get(name, '*')} FROM finance.{name}"  # noqa: S608 -- the test's own text
                where = (
                    " WHERE state NOT IN ('resolved', 'gone')"
                    if name in ("break", "question")
                    else ""
                )
                rows = conn.execute(sa.text(query + where)).all()
                found[name] = sorted(str(tuple(row)) for row in rows)
        return found


def payload(doc: Doc) -> dict[str, Any]:
    """A document as a system sends it."""
    sent = {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in doc.items()
        if value is not None and name not in ("entity", "source", "copy")
    }
    sent |= {"type": doc["entity"], "id": f"{doc['number']}/{doc.get('copy', 0)}"}
    return {**sent, "state": "看看再说"} if doc.get("state") == "?" else sent


def labels(office: Office) -> set[tuple[str, str, str]]:
    return {(row["kind"], row["entity"], row["number"]) for row in office.breaks()}


@pytest.fixture
def office(engine: sa.Engine, keyring: KeyRing) -> Iterator[Office]:
    made = Office(engine, keyring)
    yield made
    made.loader.close()


def a_deal(**changes: Any) -> Company:
    company = Company(1)
    deal = company.contract(1_000_00, number="HT-1", on_date=date(2026, 1, 5), party_code="KH-1")
    deal.update(changes)
    return company


def test_a_month_that_came_through_the_loader_has_just_its_breaks_and_questions(office: Office):
    company = a_month(300)
    counts = office.push(company.docs)
    done = office.run()

    assert counts == {"loaded": len(company.docs)}
    assert done.mode == FULL
    assert labels(office) == company.breaks
    asked = desk_step.list_questions(office.desk, None)
    assert {(row["entity"], row["number"]) for row in asked} == company.questions


def test_runs_over_what_changed_leave_what_one_full_run_leaves(office: Office):
    company = a_month(300, 2)
    docs = company.docs
    modes = []
    for place in range(0, len(docs), 400):
        office.push(docs[place : place + 400])
        modes.append(office.run().mode)
    changed = [
        {**doc, "amount_fen": doc["amount_fen"] + 70_000}
        for doc in docs[::37]
        if doc.get("amount_fen")
    ]
    moved = [
        {**doc, "contract_number": "HT-nowhere-9"}
        for doc in docs[5::61]
        if doc["entity"] == "receipt"
    ]
    office.push([*changed, *moved])
    modes.append(office.run(now=AT + timedelta(days=9)).mode)
    step_by_step = office.tables()
    office.run(full=True, now=AT + timedelta(days=9))

    assert modes == [FULL, *[INCREMENTAL] * (len(modes) - 1)]
    assert office.tables() == step_by_step


def test_a_run_without_changes_reads_nothing_and_changes_nothing(office: Office):
    office.push(a_deal().docs)
    office.run()
    before = office.tables()
    done = office.run()

    assert (done.mode, done.documents, dict(done.events)) == (INCREMENTAL, 0, {})
    assert office.tables() == before


def test_the_store_and_the_core_name_the_same_links(office: Office):
    company = a_month(60)
    company.invoice(company.docs[0], contract_number="HT-1、 HT-2;HT-3", request_number="R-1")
    office.push(company.docs)

    with office.engine.begin() as conn:
        entries = list(reading.all_entries(driver(conn), "default"))
        rows = conn.execute(sa.text("SELECT id, links FROM finance.document")).all()
    stored = {row.id.bytes: set(row.links) for row in rows}
    assert len(entries) == len(company.docs)
    assert {entry.id: link_keys(entry) for entry in entries} == stored


def test_what_is_not_late_yet_becomes_a_break_on_its_day_without_any_change(office: Office):
    company = a_deal()
    office.push([doc for doc in company.docs if doc["entity"] != "approval"])
    early = datetime(2026, 1, 10, 4, 0, tzinfo=UTC)

    assert office.run(now=early).breaks == 0
    assert office.run(now=early + timedelta(days=1)).breaks == 0
    assert dict(office.run(now=AT).by_kind) == {"approval_missing": 1}


def test_a_break_that_is_mended_resolves_itself_and_opens_again_if_it_comes_back(office: Office):
    company = a_deal()
    office.push(company.docs)
    bill = company.invoice(company.docs[0], 2_000_00)
    office.push([bill])
    office.run()
    [found] = office.breaks()
    office.push([{**bill, "amount_fen": 1_000_00}])
    mended = office.run()
    assert office.alerts() == []
    office.push([{**bill, "amount_fen": 2_000_00}])
    office.run()

    assert (found["kind"], found["amount_fen"]) == ("invoice_over", 1_000_00)
    assert office.alerts() == [("reconciliation:default", 1)]
    assert dict(mended.events) == {"resolved": 1}
    [again] = office.breaks()
    assert (again["id"], again["state"]) == (found["id"], "reopened")
    events = [one["event"] for one in desk_step.history(office.desk, found["id"])]
    assert events == ["opened", "resolved", "reopened"]


def test_a_closed_break_stays_closed_until_what_it_says_changes(office: Office):
    company = a_deal()
    office.push(company.docs)
    bill = company.invoice(company.docs[0], 2_000_00)
    office.push([bill])
    office.run()
    [found] = office.breaks()
    desk_step.close(office.desk, found["id"][:6], by="a person", reason="agreed", now=AT)
    assert office.alerts() == []
    office.run(full=True)

    assert office.breaks() == []
    office.push([{**bill, "amount_fen": 2_500_00}])
    office.run()
    [again] = office.breaks()
    assert (again["state"], again["amount_fen"]) == ("reopened", 1_500_00)
    with pytest.raises(ConfigError, match="reason"):
        desk_step.close(office.desk, found["id"], by="a person", reason=" ", now=AT)
    with pytest.raises(NotFoundError):
        desk_step.close(office.desk, "zzzz", by="a person", reason="x", now=AT)


def test_an_answer_is_respected_by_later_runs(office: Office):
    company = a_deal()
    deal = company.docs[0]
    company.invoice(deal)
    company.receipt(deal, 300_00, loose=True)
    office.push(company.docs)
    office.run()
    [asked] = desk_step.list_questions(office.desk, None)
    assert asked["candidates"] == [{"contracts": ["HT-1"], "open_fen": 1_000_00}]

    with pytest.raises(ConfigError, match="HT-9"):
        desk_step.answer(office.desk, asked["id"], ["HT-9"], by="a", reason="r", now=AT)
    desk_step.answer(office.desk, asked["id"], ["HT-1"], by="a", reason="first part", now=AT)
    office.run()
    incremental = office.tables()
    office.run(full=True)

    assert desk_step.list_questions(office.desk, None) == []
    assert office.tables() == incremental
    told = desk_step.explain(office.desk, "default", "HT-1", AT)
    assert told.sums == {"invoice": 1_000_00, "receipt": 300_00}


def test_the_answer_that_it_belongs_to_nothing_makes_it_a_break(office: Office):
    company = a_deal()
    company.receipt(company.docs[0], 300_00, loose=True)
    office.push(company.docs)
    office.run()
    [asked] = desk_step.list_questions(office.desk, None)
    desk_step.answer(office.desk, asked["id"], [], by="a", reason="not ours", now=AT)
    office.run()

    assert [row["kind"] for row in office.breaks()] == ["receipt_without_contract"]


def test_the_story_of_a_contract_says_what_is_missing_and_masks_people(office: Office):
    company = a_deal(party_name="演示公司", owner="张三")
    company.invoice(company.docs[0], 400_00)
    office.push([doc for doc in company.docs if doc["entity"] != "approval"])
    office.run()
    told = desk_step.explain(office.desk, "default", "HT-1", AT)

    assert [line.entity for line in told.lines][-1] == "invoice"
    assert told.missing == ("没有法务审批通过的记录", "没有回款")
    assert [one["kind"] for one in told.breaks] == ["approval_missing"]
    assert {line.party for line in told.lines} == {"演***", None}
    [found] = office.breaks()
    assert found["owner"] == "张*"
    assert found["age_days"] == 0
    with pytest.raises(NotFoundError):
        desk_step.explain(office.desk, "default", "HT-404", AT)


def test_breaks_are_found_by_their_owner_and_fall_to_the_sources_owner(office: Office):
    company = a_deal(owner="张三")
    company.add("receipt", number="SK-9", state="audited", amount_fen=5, on_date=date(2026, 2, 1))
    office.push([doc for doc in company.docs if doc["entity"] != "approval"])
    office.run()

    def kinds(owner: str) -> list[str]:
        return [row["kind"] for row in desk_step.list_breaks(office.desk, Wanted(owner=owner), AT)]

    assert kinds("张三") == ["approval_missing"]
    assert kinds("finance-desk") == ["receipt_without_contract"]


def test_a_contract_of_another_merchant_is_never_touched(office: Office):
    office.push(a_deal().docs)
    other = reconcile(office.engine, office.settings, "somebody-else", AT)

    assert (other.documents, other.matches) == (0, 0)
    assert office.run().documents == 4

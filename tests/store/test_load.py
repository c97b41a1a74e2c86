"""The loader on a real database: outcomes, revisions, merges, poison, replay."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from hub.connectors.base import connectors
from hub.database.engine import driver
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Lane, RawRecord, Via
from hub.model.ids import lead_id
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.load import Loader
from hub.steps.replay import list_held, replay_held, replay_source
from hub.steps.verify import Verification, verify

pytestmark = pytest.mark.postgres
AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)


def settings_with(**sources: SourceSettings) -> HubSettings:
    return HubSettings(sources=sources)


DOUYIN = SourceSettings(platform="douyin", push="clue_push", pulls=("clue",))


@dataclass
class Hub:
    """A store, a loader, and a way to put deliveries in."""

    engine: sa.Engine
    keyring: KeyRing
    settings: HubSettings
    now: datetime = AT
    loaders: list[Loader] = field(default_factory=list)

    def loader(self, **options: Any) -> Loader:
        made = Loader(self.engine, self.keyring, self.settings, clock=lambda: self.now, **options)
        self.loaders.append(made)
        return made

    def store(
        self,
        source_key: str,
        envelopes: Sequence[Envelope],
        *,
        via: Via = Via.PUSH,
        at: datetime = AT,
    ) -> None:
        source = self.settings.all_sources()[source_key]
        with self.engine.begin() as conn:
            store_deliveries(
                driver(conn),
                [
                    seal_delivery(
                        self.keyring, source_key, source, envelope,
                        Arrival(via, at + timedelta(milliseconds=n), f"{at.isoformat()}-{n}-{via}"),
                    )
                    for n, envelope in enumerate(envelopes)
                ],
            )  # fmt: skip

    def outcomes(self) -> dict[str, int]:
        return {k: v for k, v in self.verify().record_law.totals().items() if v and k != "records"}

    def verify(self) -> Verification:
        return verify(self.engine, self.keyring, deep=True)

    def lead_docs(self) -> dict[UUID, dict[str, Any]]:
        with self.engine.begin() as conn:
            rows = conn.execute(sa.text("SELECT id, sealed FROM crm.lead")).all()
        return {row.id: json.loads(self.keyring.unseal(row.sealed, row.id.bytes)) for row in rows}


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[Hub]:
    made = Hub(engine, keyring, settings_with(douyin=DOUYIN))
    yield made
    for loader in made.loaders:
        loader.close()


def a_push(clue_id: str = "7400000000000000001", **changes: Any) -> Envelope:
    body = {
        "clueId": clue_id,
        "name": "张三",
        "mobile": "19900001234",
        "create_time": "2026-02-17 08:00:00",
        **changes,
    }
    kept = {k: v for k, v in body.items() if v is not None}
    return Envelope(shape="clue_push", body=json.dumps(kept, ensure_ascii=False).encode())


def a_page(*clues: dict[str, Any]) -> Envelope:
    page = {"code": 0, "message": "OK", "data": {"page_info": {"page": 1}, "list": list(clues)}}
    return Envelope(shape="clue", body=json.dumps(page, ensure_ascii=False).encode())


def a_pulled_clue(clue_id: str = "7400000000000000001", **changes: Any) -> dict[str, Any]:
    return {
        "clue_id": clue_id,
        "advertiser_id": "1700000000000001",
        "name": "张三",
        "telephone": "19900001234",
        "create_time_detail": "2026-02-17 08:00:00",
        "clue_source": 1,
        "clue_type": 0,
        **changes,
    }


def test_a_push_becomes_a_lead_a_contact_and_a_touchpoint(hub: Hub) -> None:
    hub.store("douyin", [a_push()])
    result = hub.loader().drain()

    assert result.counts == {"loaded": 1}
    found = hub.verify()
    assert (found.leads, found.contacts, found.holds) == (1, 1, True)
    [doc] = hub.lead_docs().values()
    assert doc["name"] == "张三"
    assert doc["mobile_e164"] == "+8619900001234"
    assert doc["submitted_at"] == "2026-02-17T00:00:00.000Z"
    with hub.engine.begin() as conn:
        assert conn.execute(sa.text("SELECT count(*) FROM crm.touchpoint")).scalar() == 1


def test_no_free_text_of_a_lead_stands_unsealed_in_the_store(hub: Hub) -> None:
    """An answer to a form's own question may hold anything, a phone too: 预算 is an extension field."""
    secret = "打电话19900007777"
    hub.store(
        "douyin",
        [a_page(a_pulled_clue(remark=secret, remark_dict={"预算": secret}))],
        via=Via.PULL,
    )
    hub.loader().drain()

    [doc] = hub.lead_docs().values()
    assert secret in str(doc["ext"])
    with hub.engine.begin() as conn:
        for table in ("lead", "lead_revision", "contact", "contact_key", "touchpoint"):
            rows = conn.execute(sa.text(f"SELECT t::text FROM crm.{table} t")).scalars()  # noqa: S608 -- names of this test
            assert "19900007777" not in "".join(rows)


def test_a_push_and_a_pull_of_one_clue_are_one_lead(hub: Hub) -> None:
    hub.store("douyin", [a_push()])
    hub.store(
        "douyin",
        [a_page(a_pulled_clue(app_name="抖音"))],
        via=Via.PULL,
        at=AT + timedelta(minutes=1),
    )
    hub.loader().drain()

    assert hub.outcomes() == {"loaded": 1, "revised": 1}
    assert list(hub.lead_docs()) == [
        lead_id("default", "douyin", "lead", "7400000000000000001", 0)
    ]


def test_one_bad_record_holds_up_only_itself(hub: Hub) -> None:
    page = a_page(
        a_pulled_clue("1"), {"clue_id": "2", "telephone": {"no": "number"}}, a_pulled_clue("3")
    )
    hub.store("douyin", [page], via=Via.PULL)
    hub.loader().drain()

    outcomes = hub.outcomes()
    assert outcomes["held"] == 1
    assert outcomes["loaded"] == 2
    [held] = list_held(hub.engine)
    assert held["reason"]
    assert "number" not in held["detail"]


def test_a_to_b_to_a_is_three_revisions_that_end_at_a(hub: Hub) -> None:
    for minute, name in enumerate(["张三", "李四", "张三", "张三"]):
        hub.store(
            "douyin",
            [a_page(a_pulled_clue(name=name))],
            via=Via.PULL,
            at=AT + timedelta(minutes=minute),
        )
        hub.loader().drain()

    assert hub.outcomes() == {"loaded": 1, "revised": 2, "unchanged": 1}
    [doc] = hub.lead_docs().values()
    assert doc["name"] == "张三"
    assert hub.verify().stale == 0


def test_an_older_revision_changes_nothing(hub: Hub) -> None:
    hub.store(
        "douyin", [a_page(a_pulled_clue(name="新"))], via=Via.PULL, at=AT + timedelta(minutes=5)
    )
    hub.loader().drain()
    hub.store("douyin", [a_page(a_pulled_clue(name="旧"))], via=Via.PULL, at=AT)
    hub.loader().drain()

    assert hub.outcomes() == {"loaded": 1, "superseded": 1}
    [doc] = hub.lead_docs().values()
    assert doc["name"] == "新"


def test_two_leads_with_one_phone_are_one_contact(hub: Hub) -> None:
    hub.store("douyin", [a_push("1"), a_push("2", name="李四"), a_push("3", mobile="19900009999")])
    hub.loader().drain()

    found = hub.verify()
    assert (found.leads, found.contacts, found.misplaced) == (3, 2, 0)


def test_a_phone_that_two_contacts_share_later_merges_them(hub: Hub) -> None:
    """The corrected phone of one lead is the phone of another person's contact."""
    hub.store("douyin", [a_push("1"), a_push("2", mobile="19900009999")])
    hub.loader().drain()
    hub.store("douyin", [a_push("2", mobile="19900001234")], at=AT + timedelta(minutes=1))
    hub.loader().drain()

    found = hub.verify()
    assert (found.contacts, found.misplaced, found.stale) == (1, 0, 0)
    with hub.engine.begin() as conn:
        merged = conn.execute(
            sa.text("SELECT count(*) FROM crm.contact WHERE merged_into IS NOT NULL")
        )
        assert merged.scalar() == 1


def test_a_known_lead_and_a_new_one_in_one_batch(hub: Hub) -> None:
    hub.store("douyin", [a_push("1")])
    hub.loader().drain()
    hub.store(
        "douyin",
        [
            a_push("1", name="改名"),
            a_push("2"),
            a_push("2", name="又改"),
            a_push("1", name="再改"),
        ],
        at=AT + timedelta(minutes=1),
    )
    hub.loader().drain()

    found = hub.verify()
    assert (found.leads, found.contacts, found.stale, found.holds) == (2, 1, 0, True)
    assert sorted(doc["name"] for doc in hub.lead_docs().values()) == ["再改", "又改"]


def test_an_empty_page_is_a_delivery_without_records(hub: Hub) -> None:
    hub.store("douyin", [a_page()], via=Via.PULL)
    result = hub.loader().drain()

    assert result.counts == {}
    assert hub.verify().holds


def test_a_record_of_an_unknown_account_is_held_with_that_reason(
    engine: sa.Engine, keyring: KeyRing
) -> None:
    known = DOUYIN.model_copy(update={"account": "1700000000000009"})
    hub = Hub(engine, keyring, settings_with(douyin=known))
    hub.store("douyin", [a_page(a_pulled_clue())], via=Via.PULL)
    hub.loader().drain()
    hub.loaders[0].close()

    [held] = list_held(engine)
    assert held["reason"] == "unknown_account"


class Killing:
    """A connector whose split breaks on a record that says so, as a bug of ours would."""

    def __init__(self, break_with: Callable[[], None]) -> None:
        self._real = connectors()["douyin"]
        self._break_with = break_with

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        if b"poison" in envelope.body:
            self._break_with()
        return self._real.split(envelope, source)


def break_loudly() -> None:
    raise RuntimeError("a bug")


def test_a_delivery_that_breaks_the_loader_is_found_and_held(hub: Hub) -> None:
    hub.store("douyin", [a_push(str(n), name="poison" if n == 13 else "张三") for n in range(40)])
    loader = hub.loader(found={"douyin": Killing(break_loudly)})
    for _ in range(40):
        hub.now += timedelta(seconds=2)
        loader.run_once()

    assert hub.outcomes() == {"loaded": 39, "held": 1}
    [held] = list_held(hub.engine)
    assert held["reason"] == "loader_bug"
    assert "poison" not in str(dict(held))


def test_a_row_that_the_database_refuses_is_found_and_held(hub: Hub) -> None:
    """A trigger stands for any refusal of class 22 or 23; the other leads of the batch load."""
    with hub.engine.begin() as conn:
        conn.execute(
            sa.text(
                "CREATE FUNCTION crm.refuse() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN IF NEW.submitted_at = '2026-02-17 05:05:05Z' THEN"
                " RAISE 'no' USING ERRCODE = '22003'; END IF; RETURN NEW; END $$"
            )
        )
        conn.execute(
            sa.text(
                "CREATE TRIGGER refuse BEFORE INSERT ON crm.lead FOR EACH ROW EXECUTE FUNCTION crm.refuse()"
            )
        )
    clues = [
        a_pulled_clue(str(n), create_time_detail=f"2026-02-17 {13 if n == 5 else 12}:05:05")
        for n in range(20)
    ]
    hub.store("douyin", [a_page(*clues)], via=Via.PULL)
    loader = hub.loader()
    for _ in range(30):
        hub.now += timedelta(seconds=2)
        loader.run_once()

    assert hub.outcomes() == {"loaded": 19, "held": 1}
    [held] = list_held(hub.engine)
    assert held["reason"] == "store_refused"


def test_held_records_replay_once(hub: Hub) -> None:
    hub.store("douyin", [a_push(mobile=None, name=None, clueId=None)])
    hub.loader().drain()
    ids = [row["record_id"] for row in list_held(hub.engine)]

    assert replay_held(hub.engine, ids, by="tester") == len(ids) == 1
    assert replay_held(hub.engine, ids, by="tester") == 0
    assert hub.outcomes() == {"queued": 1}
    hub.loader().drain()
    assert hub.outcomes() == {"held": 1}


def test_replaying_the_archive_changes_nothing_when_the_mapping_is_the_same(hub: Hub) -> None:
    hub.store(
        "douyin", [a_push("1"), a_push("2", name="李四"), a_push("3", mobile=None, clueId=None)]
    )
    hub.loader().drain()
    before, outcomes = hub.verify().content_hash, hub.outcomes()

    replay_source(
        hub.engine,
        hub.keyring,
        hub.settings,
        "douyin",
        AT - timedelta(days=1),
        AT + timedelta(days=1),
    )

    assert hub.verify().content_hash == before
    assert hub.outcomes() == outcomes


def test_live_leads_go_before_an_import(hub: Hub) -> None:
    hub.store("douyin", [a_push(f"b{n}") for n in range(600)], via=Via.IMPORT)
    hub.store("douyin", [a_push("live")])
    first = hub.loader().run_once()

    assert first is not None
    assert first.items == 1
    with hub.engine.begin() as conn:
        lanes = set(conn.execute(sa.text("SELECT DISTINCT lane FROM inbox.queue")).scalars())
    assert lanes == {int(Lane.BULK)}


def test_an_import_of_pages_is_polite_by_records_not_by_rows(hub: Hub) -> None:
    """A batch of 200 pages of 100 would keep a live lead waiting for seconds."""
    pages = [
        a_page(*(a_pulled_clue(f"{p}-{n}", remark="长" * 200) for n in range(100)))
        for p in range(12)
    ]
    hub.store("douyin", pages, via=Via.IMPORT)
    hub.store("douyin", [a_push("live")])
    loader = hub.loader()
    assert loader.run_once() is not None
    polite = loader.run_once()

    assert polite is not None
    assert 100 <= polite.records <= 300
    loader.drain()
    assert hub.verify().holds

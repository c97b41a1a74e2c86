"""Bills of a simulated site through pull, inbox and loader: what the books say is what the store says."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from hub.connectors.kingdee.simulator import World
from hub.connectors.kingdee.simulator.bills import CONTRACT, ENTRY_AMOUNT, ENTRY_ID
from hub.connectors.kingdee.simulator.server import build_app
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, PullSettings, SourceSettings
from hub.steps.finance.reconcile import reconcile
from hub.steps.sources.pull import PullOptions, pull_source
from hub.steps.verify import verify
from hub.steps.work import drain_queue
from tests.conftest import FakeClock

pytestmark = pytest.mark.postgres
KEY = "books"
DAY_S = 86_400.0
STREAMS = ("receivable", "receipt", "refund")
_SUMS = sa.text(
    "SELECT entity, sum(amount_fen) FROM finance.document WHERE state = 'audited' GROUP BY entity"
)


class Books:
    """A hub with one site whose books are known."""

    def __init__(self, engine: sa.Engine, keyring: KeyRing, clock: FakeClock) -> None:
        self.engine, self.keyring, self.clock = engine, keyring, clock
        self.world = World(7, clock=clock)
        contract = {"F_contract_number": CONTRACT}
        lines = {"FEntryID": ENTRY_ID, "FEntryAmount": ENTRY_AMOUNT}
        source = SourceSettings(
            platform="kingdee",
            pulls=(*STREAMS, *(f"{stream}_reread" for stream in STREAMS)),
            pull=PullSettings(page_size=50),
            options={
                "site": "http://127.0.0.1:9",
                "acct_id": self.world.acct_id,
                "user": self.world.user,
                "org": self.world.org,
                "app_id": self.world.app_id,
                "secret_env": "HUB_KINGDEE_SECRET",
                "calls_per_s": 20,
                "retry_budget_s": 0,
                "fields": {
                    "receivable": contract,
                    "receipt": contract | lines,
                    "refund": contract,
                },
            },
        )
        self.settings = HubSettings(sources={KEY: source})

    def pull(self) -> None:
        transport = httpx.ASGITransport(build_app(self.world))
        options = PullOptions(client_factory=lambda: httpx.AsyncClient(transport=transport))
        asyncio.run(
            pull_source(
                self.engine,
                self.keyring,
                self.settings,
                KEY,
                now=self.clock(),
                options=options,
            )
        )
        drain_queue(self.engine, self.keyring, self.settings, name="test")

    def stored(self) -> dict[str, int]:
        with self.engine.begin() as conn:
            return {entity: int(total) for entity, total in conn.execute(_SUMS)}

    def expected(self) -> dict[str, int]:
        names = dict(
            zip(("AR_receivable", "AR_RECEIVEBILL", "AR_REFUNDBILL"), STREAMS, strict=True)
        )
        sums: dict[str, int] = {}
        for bill in self.world.clues:
            if bill.status == "C" and not bill.cancelled:
                sums[names[bill.form]] = sums.get(names[bill.form], 0) + bill.amount_fen
        return sums

    def rows(self, query: str) -> list[Any]:
        with self.engine.begin() as conn:
            return list(conn.execute(sa.text(query)).all())


@pytest.fixture
def books(
    engine: sa.Engine, keyring: KeyRing, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Books:
    made = Books(engine, keyring, clock)
    monkeypatch.setenv("HUB_KINGDEE_SECRET", made.world.app_secret)
    return made


def test_what_counts_in_the_store_is_what_counts_in_the_books(books: Books) -> None:
    """Through audits taken back, cancellations, changed lines and deletions: sums in fen, by kind."""
    books.world.add_clues(200)
    books.pull()
    assert books.stored() == books.expected()

    audited = [bill for bill in books.world.clues if bill.status == "C"]
    unaudited, cancelled, changed, deleted = (audited[n::20] for n in range(4))
    books.clock.advance(600)
    for bill in unaudited:
        books.world.change(bill.fid, status="D")
    for bill in cancelled:
        books.world.change(bill.fid, cancelled=True)
    for bill in changed:
        books.world.change(bill.fid, entries_fen=tuple(fen + 1 for fen in bill.entries_fen))
    books.pull()
    assert books.stored() == books.expected()

    for bill in deleted:
        books.world.delete(bill.fid)
    books.clock.advance(DAY_S)
    books.pull()

    assert books.stored() == books.expected()
    gone = books.rows("SELECT state FROM finance.document WHERE 'gone_at_source' = ANY(marks)")
    assert gone
    assert {row.state for row in gone} == {"cancelled"}
    assert verify(books.engine, books.keyring).record_law.is_balanced


def test_a_line_that_is_taken_out_of_a_bill_counts_no_longer(books: Books) -> None:
    bill = next(
        b
        for b in books.world.add_clues(60)
        if len(b.entries_fen) == 3 and b.form == "AR_RECEIVEBILL"
    )
    books.world.put(books.world.change(bill.fid, status="C"))
    books.pull()
    books.clock.advance(DAY_S)
    books.world.change(bill.fid, entries_fen=bill.entries_fen[:2])
    books.pull()

    assert books.stored() == books.expected()


def test_what_the_time_of_change_does_not_tell_is_found_by_reading_again(books: Books) -> None:
    bill = next(b for b in books.world.add_clues(20) if b.status == "C")
    books.pull()
    books.clock.advance(DAY_S)
    books.world.change(bill.fid, status="D", modified_at=bill.modified_at)
    books.pull()

    assert books.stored() == books.expected()


def test_a_bill_in_a_currency_that_nobody_knows_is_held_and_never_summed(books: Books) -> None:
    books.world.use_drift("foreign-currency")
    books.world.add_clues(4)
    books.pull()

    assert books.stored() == {}
    held = books.rows("SELECT DISTINCT reason, path FROM inbox.held")
    assert [tuple(row) for row in held] == [("invalid_value", "/FCURRENCYID.FNumber")]


def test_customers_names_are_sealed(books: Books) -> None:
    books.world.add_clues(10)
    books.pull()

    [row] = books.rows("SELECT string_agg(facts::text, '') AS text FROM finance.document")
    assert "演示公司" not in row.text
    assert "HT-007-" in row.text


def test_lines_of_one_bill_are_no_duplicates_of_each_other(books: Books) -> None:
    """They share the bill's number; set aside, all but the first would be missing from what was received."""
    books.world.add_clues(60)
    assert any(len(bill.entries_fen) > 1 for bill in books.world.clues)
    books.pull()
    reconcile(books.engine, books.settings, "default", books.clock())

    assert books.rows("SELECT 1 FROM finance.break WHERE kind = 'duplicate_number'") == []

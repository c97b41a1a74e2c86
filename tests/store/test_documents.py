"""Business documents on a real database: the same inbox, outcomes, replay and laws as leads."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.connectors.declarative.connector import DeclarativeConnector
from hub.database.engine import driver
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.model.lead import MappedDocument, RevisionMode
from hub.model.outcome import Outcome
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, SourceSettings
from hub.steps.finance.fold_documents import document_id
from hub.steps.load import Loader
from hub.steps.verify import verify

pytestmark = pytest.mark.postgres
AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
LEDGER = SourceSettings(
    platform="declarative",
    push="records",
    options={"entity": "contract", "entity_field": "type", "entities": ["invoice", "approval"]},
)


class Books:
    """A store with one source of business documents."""

    def __init__(
        self, engine: sa.Engine, keyring: KeyRing, ledger: SourceSettings = LEDGER
    ) -> None:
        self.engine = engine
        self.keyring = keyring
        self.settings = HubSettings(sources={"ledger": ledger})
        self._ledger = ledger
        self.loader = Loader(
            engine,
            keyring,
            self.settings,
            found={"declarative": DeclarativeConnector()},
            clock=lambda: AT,
        )
        self._numbers = itertools.count()

    def post(self, *records: dict[str, Any]) -> dict[str, int]:
        """Push records in one delivery and load; outcomes."""
        return self.post_at(AT, *records)

    def post_at(self, at: datetime, *records: dict[str, Any]) -> dict[str, int]:
        """Push records that come at `at`, or seconds later: every push has a time of its own."""
        body = json.dumps(list(records), ensure_ascii=False).encode()
        number = next(self._numbers)
        arrival = Arrival(Via.PUSH, at + timedelta(seconds=number), f"push-{number}")
        delivery = seal_delivery(
            self.keyring, "ledger", self._ledger, Envelope(shape="records", body=body), arrival
        )
        with self.engine.begin() as conn:
            store_deliveries(driver(conn), [delivery])
        return dict(self.loader.drain().counts)

    def rows(self, columns: str = "*") -> list[Any]:
        with self.engine.begin() as conn:
            query = f"SELECT {columns} FROM finance.document ORDER BY entity, number"  # noqa: S608 -- the test's own text
            return list(conn.execute(sa.text(query)).all())

    def law_holds(self) -> bool:
        return verify(self.engine, self.keyring).record_law.is_balanced


@pytest.fixture
def books(engine: sa.Engine, keyring: KeyRing) -> Iterator[Books]:
    made = Books(engine, keyring)
    yield made
    made.loader.close()


def a_contract(**changes: Any) -> dict[str, Any]:
    return {
        "type": "contract",
        "number": "HT-1",
        "on_date": "2026-01-05",
        "amount": "12000.50",
        "currency": "CNY",
        "party_name": "演示公司",
        "remark": "联系人 19900001234",
        **changes,
    }


def test_a_contract_is_a_document_with_its_amount_and_date_in_the_open(books: Books) -> None:
    assert books.post(a_contract()) == {"loaded": 1}

    [row] = books.rows("entity, number, contract_number, amount_fen, on_date::text, currency")
    assert tuple(row) == ("contract", "HT-1", "HT-1", 1_200_050, "2026-01-05", "CNY")
    assert books.law_holds()


def test_what_may_name_somebody_is_sealed_only(books: Books) -> None:
    books.post(a_contract())

    [row] = books.rows("facts, id, sealed")
    assert "演示公司" not in json.dumps(row.facts, ensure_ascii=False)
    assert "1990000" not in json.dumps(row.facts)
    plain = books.keyring.unseal(row.sealed, row.id.bytes).decode()
    assert "演示公司" in plain


def test_records_of_one_push_can_be_of_several_entities(books: Books) -> None:
    counts = books.post(
        a_contract(),
        {"type": "invoice", "number": "1" * 20, "amount": "-5", "contract_number": "HT-1"},
        {"type": "approval", "contract_number": "HT-1", "state": "已审核通过"},
        {"type": "nonsense", "number": "x"},
    )

    assert counts == {"loaded": 3, "held": 1}
    assert [row.entity for row in books.rows("entity")] == ["approval", "contract", "invoice"]
    assert books.law_holds()


def test_a_state_that_nobody_knows_is_marked_and_absent(books: Books) -> None:
    books.post({"type": "approval", "contract_number": "HT-1", "state": "看看再说"})

    [row] = books.rows("state, marks, facts")
    assert row.state is None
    assert row.marks == ["unusable:state"]
    assert row.facts["state_raw"] == "看看再说"


def test_a_later_version_revises_and_an_equal_one_changes_nothing(books: Books) -> None:
    assert books.post(a_contract()) == {"loaded": 1}
    assert books.post(a_contract()) == {"unchanged": 1}
    assert books.post(a_contract(amount="13000")) == {"revised": 1}

    [row] = books.rows("amount_fen, cardinality(revisions) AS revisions")
    assert (row.amount_fen, row.revisions) == (1_300_000, 3)
    assert books.law_holds()


def test_a_patch_keeps_what_it_does_not_say(books: Books) -> None:
    books.post(a_contract())
    books.post({"type": "contract", "number": "HT-1", "is_sealed": "是"})

    [row] = books.rows("amount_fen, facts")
    assert (row.amount_fen, row.facts["is_sealed"]) == (1_200_050, True)


def test_every_change_is_noted_for_the_next_reconciliation_and_an_equal_version_is_none(
    books: Books,
) -> None:
    books.post(a_contract())
    books.post(a_contract())
    books.post(a_contract(amount="1"))

    with books.engine.begin() as conn:
        rows = conn.execute(sa.text("SELECT merchant, entity FROM finance.change")).all()
    assert [tuple(row) for row in rows] == [("default", "contract")] * 2


def test_a_replay_of_the_archive_changes_nothing(books: Books) -> None:
    books.post(a_contract(), {"type": "approval", "contract_number": "HT-1", "state": "驳回"})
    before = books.rows("id, content_hash")

    with books.engine.begin() as conn:
        records = conn.execute(sa.text("SELECT id FROM inbox.record")).scalars().all()
    counts = books.loader.reload(records).counts

    assert counts == {Outcome.LOADED: 2}
    assert books.rows("id, content_hash") == before
    assert books.law_holds()


def test_the_same_number_at_two_merchants_is_two_documents() -> None:
    made = MappedDocument({}, "contract", "HT-1", 0, b"", RevisionMode.PATCH, "contract")

    assert document_id("a", "ledger", made) != document_id("b", "ledger", made)
    assert document_id("a", "ledger", made) == document_id("a", "ledger", made)


def test_a_contract_names_its_customer_as_a_company_and_by_blind_keys(books: Books) -> None:
    books.post(a_contract(party_name="演示（北京）有限公司", mobile_e164="19900001234"))
    books.post({"type": "invoice", "number": "1" * 20, "party_name": "演示(北京)有限责任公司"})

    contract, invoice = books.rows("party, keys")
    assert contract.party == invoice.party
    assert len(contract.keys) == 1
    with books.engine.begin() as conn:
        assert conn.execute(sa.text("SELECT count(*) FROM crm.company")).scalar() == 1


def test_another_party_later_is_another_company(books: Books) -> None:
    books.post(a_contract(party_name="演示甲有限公司"))
    books.post(a_contract(party_name="演示乙有限公司"))

    with books.engine.begin() as conn:
        rows = conn.execute(sa.text("SELECT id, company_id FROM crm.company_party")).all()
        keys = conn.execute(sa.text("SELECT count(*) FROM crm.company_key")).scalar()
    assert len(rows) == 1
    assert rows[0].company_id is not None
    assert keys == 1


def test_a_code_that_is_a_phone_and_a_tax_number_of_a_person_are_sealed_and_still_tie(
    books: Books,
) -> None:
    """Customers are numbered by their phone here and there; a person's tax number is their ID."""
    party = {"party_code": "19900001234", "party_tax_number": "110101190003077351"}
    books.post(a_contract(party_name=None, state="找 199 0000 1234", **party))
    books.post({"type": "invoice", "number": "1" * 20, "currency": "元，找张三", **party})

    contract, invoice = books.rows("facts, party_code, party, currency, links::text")
    shown = json.dumps([contract.facts, invoice.facts, contract.links, invoice.links])
    assert "1990000" not in shown
    assert "1101011900" not in shown
    assert (contract.party_code, contract.currency, invoice.currency) == (None, "CNY", "XXX")
    assert contract.party
    assert contract.party == invoice.party
    assert {"party_code", "party_tax_number", "state_raw"} <= set(contract.facts["withheld"])

"""A person is erased from the books: their own goes, numbers, amounts and dates stay, and it does not come back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.privacy.keyring import KeyRing
from hub.privacy.sensitive import Sensitive
from hub.settings import SourceSettings
from hub.steps.erasure import log as erasure_log
from hub.steps.erasure.erase import Receipt, Request, Subject, apply_missing, erase
from hub.steps.finance.reconcile import reconcile
from hub.steps.lead_rows import revision_aad
from hub.steps.verify import Verification, verify
from tests.store.test_documents import Books

pytestmark = pytest.mark.postgres
PHONE, OTHER, NAME = "19900007351", "19900007353", "欧阳金丝雀"
ERASED_AT = datetime(2026, 2, 18, 4, 0, tzinfo=UTC)
LATER = ERASED_AT + timedelta(days=3)
ENTITIES = ["invoice", "approval", "opportunity", "activity", "receipt", "signing", "receivable"]
LEDGER = SourceSettings(
    platform="declarative",
    push="records",
    options={"entity": "contract", "entity_field": "type", "entities": ENTITIES},
)


class LivingBooks(Books):
    """Books from which somebody can be erased."""

    def erase(self, *, phone: str = PHONE, dry_run: bool = False) -> Receipt:
        subject = Subject(phone=Sensitive(phone, "phone"))
        request = Request("default", "tester", "ticket 7", ERASED_AT)
        return erase(self.engine, self.keyring, self.settings, subject, request, dry_run=dry_run)

    def verified(self) -> Verification:
        return verify(self.engine, self.keyring, deep=True, settings=self.settings)

    def opened(self) -> str:
        """All that anybody with the keys could read."""
        found = []
        with self.engine.begin() as conn:
            for row in conn.execute(sa.text("SELECT id, sealed FROM finance.document")):
                found.append(self.keyring.unseal(row[1], row[0].bytes))
            query = "SELECT record_id, ordinal, sealed FROM finance.document_revision"
            for row in conn.execute(sa.text(query)):
                found.append(self.keyring.unseal(row[2], revision_aad(row[0], row[1])))
            query = "SELECT id, sealed FROM inbox.record WHERE sealed IS NOT NULL"
            for row in conn.execute(sa.text(query)):
                found.append(self.keyring.unseal(row[1], row[0].bytes))
            query = "SELECT id, sealed FROM crm.company_party"
            for row in conn.execute(sa.text(query)):
                found.append(self.keyring.unseal(row[1], row[0].bytes))
            query = "SELECT coalesce(facts::text, '') FROM finance.document"
            found += [text.encode() for text in conn.execute(sa.text(query)).scalars()]
        return b"\n".join(found).decode()

    def reconciled(self) -> list[Any]:
        """Every match, break and sum after a run."""
        reconcile(self.engine, self.settings, "default", LATER)
        with self.engine.begin() as conn:
            return [
                sorted(map(tuple, conn.execute(sa.text(query)).all()))
                for query in (
                    "SELECT document_id, contract_number, amount_fen, rule FROM finance.match",
                    "SELECT document_id, kind, amount_fen FROM finance.break WHERE state = 'open'",
                    "SELECT entity, number, amount_fen, on_date FROM finance.document",
                )
            ]


def a_contract(**changes: Any) -> dict[str, Any]:
    return {
        "type": "contract", "number": "HT-1", "state": "生效", "on_date": "2026-02-05", "is_sealed": "是",
        "amount": "12000", "currency": "CNY", "party_name": NAME, "mobile_e164": PHONE,
        "title": f"{NAME} 装修合同", "remark": f"周末联系 {PHONE[:3]} {PHONE[3:7]} {PHONE[7:]}",
        "opportunity_number": "SJ-1", **changes,
    }  # fmt: skip


THEIRS: list[dict[str, Any]] = [
    {"type": "opportunity", "number": "SJ-1", "state": "已签约", "amount": "12000", "party_name": NAME,
     "mobile_e164": PHONE, "title": f"{NAME}全屋", "remark": "很急", "on_date": "2026-02-01"},
    {"type": "activity", "id": "a1", "opportunity_number": "SJ-1", "kind": "call",
     "occurred_at": "2026-02-02 09:00:00", "mobile_e164": PHONE, "message": "金丝雀说周末来"},
    a_contract(amount="11000"),
    a_contract(),
    {"type": "invoice", "number": "1" * 20, "amount": "6000", "on_date": "2026-02-06",
     "party_name": NAME, "contract_number": "HT-1", "currency": "CNY"},
    {"type": "invoice", "number": "2" * 20, "amount": "6000", "on_date": "2026-02-06",
     "party_name": NAME, "currency": "CNY", "remark": "没有写合同号"},
    {"type": "signing", "flow_id": "f-1", "contract_number": "HT-1", "state": "已完成", "signer": NAME},
]  # fmt: skip
OTHERS: list[dict[str, Any]] = [
    a_contract(number="HT-2", party_name="演示（北京）有限公司", mobile_e164=OTHER, remark="留着",
               title="演示", opportunity_number="SJ-2"),
    {"type": "invoice", "number": "3" * 20, "amount": "12000", "on_date": "2026-02-06",
     "party_name": "演示(北京)有限公司", "contract_number": "HT-2", "remark": f"抄送 {PHONE}", "currency": "CNY"},
    {"type": "approval", "contract_number": "HT-2", "state": "已审核通过", "reason": "无"},
]  # fmt: skip


@pytest.fixture
def books(engine: sa.Engine, keyring: KeyRing, hub_home: Path) -> Iterator[LivingBooks]:
    hub_home.mkdir()  # and reconciled: that ties the invoice without a contract's number to its contract
    made = LivingBooks(engine, keyring, LEDGER)
    for record in (*THEIRS, *OTHERS):
        counts = made.post(record)
        assert set(counts) <= {"loaded", "revised"}, (record, counts)
    made.reconciled()
    yield made
    made.loader.close()


def test_their_own_goes_and_numbers_amounts_and_dates_stay(books: LivingBooks) -> None:
    before = books.rows("entity, number, amount_fen, on_date, state, contract_number")
    receipt = books.erase()

    assert books.rows("entity, number, amount_fen, on_date, state, contract_number") == before
    opened = books.opened()
    assert [
        text for text in (PHONE, NAME, "很急", "金丝雀", PHONE[3:7] + " ") if text in opened
    ] == []
    assert {name: n for name, n in receipt.counts.items() if n} == {
        "documents": 7, "document_revisions": 8, "document_bodies": 8,
    }  # fmt: skip
    assert books.rows("id")
    assert [row.keys for row in books.rows("keys") if row.keys] != []


def test_what_is_others_stays_but_for_the_phone(books: LivingBooks) -> None:
    books.erase()
    opened = books.opened()

    assert OTHER in opened
    assert "演示（北京）有限公司" in opened
    assert "留着" in opened
    assert "抄送" not in opened


def test_laws_folds_and_the_rebuild_hold_afterwards(books: LivingBooks) -> None:
    assert books.verified().holds
    before = books.verified().content_hash
    books.erase()
    found = books.verified()

    assert found.holds
    assert found.content_hash != before
    assert found.record_law.totals()["erased"] == 0
    assert found.rebuilt is not None
    assert found.rebuilt.pruned == 8


def test_reconciliation_finds_what_it_found_before(books: LivingBooks) -> None:
    """Also where only the party's name tied an invoice to its contract."""
    before = books.reconciled()
    books.erase()
    with books.engine.begin() as conn:
        changes = conn.execute(sa.text("SELECT count(*) FROM finance.change")).scalar()

    assert changes == 7
    assert before[0]
    assert books.reconciled() == before


def test_a_dry_run_says_the_same_and_changes_nothing(books: LivingBooks) -> None:
    before = books.verified().content_hash
    told = books.erase(dry_run=True)

    assert books.verified().content_hash == before
    assert NAME in books.opened()
    assert books.erase().counts == told.counts


def test_the_past_comes_again_without_the_person(books: LivingBooks) -> None:
    books.erase()
    before = books.verified().content_hash
    counts = [books.post_at(LATER, record) for record in THEIRS[-4:]]
    late = [
        {**THEIRS[0], "number": "SJ-9", "on_date": "2026-02-10"},
        {**a_contract(number="HT-9", mobile_e164=None), "on_date": "2026-02-10"},
    ]
    counts += [books.post_at(LATER, record) for record in late]

    assert counts == [{"unchanged": 1}] * 4 + [{"loaded": 1}] * 2
    assert PHONE not in books.opened()
    assert PHONE[3:7] + " " not in books.opened()
    found = books.verified()
    assert found.holds
    assert found.content_hash != before


def test_an_old_document_that_is_changed_later_stays_without_the_person(
    books: LivingBooks,
) -> None:
    """Its modification is new, the deal is not."""
    books.erase()
    changed = a_contract(amount="15000", modified_at="2026-02-20 10:00:00")
    assert books.post_at(LATER, changed) == {"revised": 1}

    assert [
        row.amount_fen for row in books.rows("amount_fen, number") if row.number == "HT-1"
    ] == [1_500_000]
    assert NAME not in books.opened()
    assert PHONE not in books.opened()
    assert books.verified().holds


def test_they_may_come_back_with_a_new_deal(books: LivingBooks) -> None:
    books.erase()
    fresh = {**a_contract(number="HT-8", opportunity_number=None), "on_date": "2026-02-20"}
    assert books.post_at(LATER, fresh) == {"loaded": 1}

    assert NAME in books.opened()
    assert books.verified().holds


def test_a_namesake_is_left_and_counted(books: LivingBooks) -> None:
    books.post(
        a_contract(number="HT-7", mobile_e164=OTHER, remark="别人", opportunity_number=None)
    )
    receipt = books.erase()

    assert receipt.counts["documents_of_same_name"] == 1
    assert "别人" in books.opened()


def test_a_held_document_that_names_them_is_erased_whole(books: LivingBooks) -> None:
    assert books.post(a_contract(number=None, id=None)) == {"held": 1}
    receipt = books.erase()

    assert receipt.counts["held"] == 1
    assert books.verified().holds
    assert NAME not in books.opened()


def test_a_restored_backup_forgets_them_again(books: LivingBooks, hub_home: Path) -> None:
    """The log has keys and digests only; the invoice that names no phone is known by its own."""
    books.erase()
    entries = erasure_log.read()
    with books.engine.begin() as conn:
        for table in ("crm.erasure", "crm.tombstone"):
            conn.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608 -- names of this test
    for record in THEIRS:
        assert set(books.post(record)) <= {"revised", "superseded"}
    assert NAME in books.opened()
    [done] = apply_missing(books.engine, books.keyring, books.settings, entries)

    assert done.counts["documents"] > 0
    assert NAME not in books.opened()
    assert PHONE not in books.opened()
    assert books.verified().holds

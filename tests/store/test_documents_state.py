"""Promise 6 for business documents: one archive, one state, whatever the batches, the order and the loaders."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from hub.connectors.declarative.connector import DeclarativeConnector
from hub.database.engine import driver, make_engine
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings
from hub.steps.load import Loader
from hub.steps.verify import Verification, verify
from tests.conftest import TestServer
from tests.store.test_documents import AT, LEDGER, Books, a_contract

pytestmark = pytest.mark.postgres
SETTINGS = HubSettings(sources={"ledger": LEDGER})


@pytest.fixture
def books(engine: sa.Engine, keyring: KeyRing) -> Iterator[Books]:
    made = Books(engine, keyring)
    yield made
    made.loader.close()


def _a_loader(engine: sa.Engine, keyring: KeyRing) -> Loader:
    found = {"declarative": DeclarativeConnector()}
    return Loader(engine, keyring, SETTINGS, found=found, clock=lambda: AT)


def _deep(engine: sa.Engine, keyring: KeyRing) -> Verification:
    return verify(engine, keyring, deep=True, settings=SETTINGS)


@pytest.fixture
def load(
    test_server: TestServer, template_database: str, keyring: KeyRing
) -> Iterator[Callable[..., Verification]]:
    """Batches of deliveries into a store of their own, by one loader or several; what a deep verification says."""
    made = []

    def into_a_new_store(*batches: Sequence[Any], loaders: int = 1) -> Verification:
        made.append(test_server.create(template_database))
        engine = make_engine(test_server.url_of(made[-1]))
        for batch in batches:
            with engine.begin() as conn:
                store_deliveries(driver(conn), list(batch))
            threads = [
                threading.Thread(target=_drain, args=(engine, keyring)) for _ in range(loaders)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        found = _deep(engine, keyring)
        engine.dispose()
        return found

    yield into_a_new_store
    for name in made:
        test_server.drop(name)


def _drain(engine: sa.Engine, keyring: KeyRing) -> None:
    loader = _a_loader(engine, keyring)
    loader.drain()
    loader.close()


def _push(keyring: KeyRing, number: int, *records: dict[str, Any]) -> Any:
    body = json.dumps(list(records), ensure_ascii=False).encode()
    arrival = Arrival(Via.PUSH, AT + timedelta(seconds=number), f"push-{number}")
    envelope = Envelope(shape="records", body=body)
    return seal_delivery(keyring, "ledger", LEDGER, envelope, arrival)


def _a_month(keyring: KeyRing) -> list[Any]:
    """Forty pushes about ten contracts, their invoices and approvals, each revised several times."""
    chance = random.Random(6)
    pushes = []
    for number in range(40):
        one = f"HT-{number % 10}"
        pushes.append(
            _push(
                keyring,
                number,
                a_contract(
                    number=one,
                    amount=str(chance.randrange(1, 4) * 1000),
                    mobile_e164=f"1990000{chance.randrange(4):04d}",
                ),
                {"type": "invoice", "number": f"{number % 7:020d}", "amount": "5", "contract_number": one},
                {"type": "approval", "contract_number": one, "state": chance.choice(["驳回", "已审核通过"])},
            )
        )  # fmt: skip
    return pushes


def test_a_verification_counts_documents_and_its_hash_says_what_they_say(books: Books) -> None:
    books.post(a_contract())
    before = verify(books.engine, books.keyring)
    books.post(a_contract(amount="12000.51"))
    after = verify(books.engine, books.keyring)

    assert (before.documents, after.documents) == (1, 1)
    assert before.content_hash != after.content_hash


def test_what_only_the_sealed_text_says_is_in_the_hash(books: Books) -> None:
    books.post(a_contract())
    before = verify(books.engine, books.keyring).content_hash
    books.post(a_contract(remark="另一句话"))

    assert verify(books.engine, books.keyring).content_hash != before


def test_the_archive_gives_the_same_documents_again(books: Books) -> None:
    books.post(a_contract(), {"type": "approval", "contract_number": "HT-1", "state": "驳回"})
    books.post(a_contract(amount="13000", mobile_e164="19900001234"), {"type": "nonsense"})
    found = _deep(books.engine, books.keyring)

    assert found.holds
    assert found.rebuilt is not None
    assert (found.documents, found.rebuilt.documents) == (2, 2)
    assert found.rebuilt.content_hash == found.content_hash


def test_records_without_a_body_give_what_they_had_made(books: Books) -> None:
    books.post(a_contract())
    books.post(a_contract(amount="13000"))
    with books.engine.begin() as conn:
        conn.execute(sa.text("UPDATE inbox.record SET sealed = NULL"))
    found = _deep(books.engine, books.keyring)

    assert found.holds
    assert found.rebuilt is not None
    assert (found.rebuilt.pruned, found.rebuilt.documents) == (2, 1)


@pytest.mark.parametrize(
    "harm",
    [
        "DELETE FROM finance.document",
        "DELETE FROM finance.document_revision WHERE outcome = 'revised'",
        "UPDATE finance.document SET content_hash = 'x'",
    ],
)
def test_a_document_that_is_not_the_fold_of_its_revisions_is_found(
    books: Books, harm: str
) -> None:
    books.post(a_contract())
    books.post(a_contract(amount="13000"))
    with books.engine.begin() as conn:
        conn.execute(sa.text(harm))
    found = _deep(books.engine, books.keyring)

    assert found.stale_documents == 1
    assert not found.holds


def test_a_document_that_cannot_be_opened_is_named(books: Books) -> None:
    books.post(a_contract())
    with books.engine.begin() as conn:
        conn.execute(sa.text("UPDATE finance.document SET sealed = 'torn'"))
    found = verify(books.engine, books.keyring)

    assert len(found.unreadable) == 1
    assert not found.holds


def test_there_and_back_is_one_state_whatever_came_first(
    load: Callable[..., Verification], keyring: KeyRing
) -> None:
    """A → B → A: the newest says A, also if it came first."""
    amounts = ("12000", "13000", "12000")
    first, second, third = (
        _push(keyring, n, a_contract(amount=amount)) for n, amount in enumerate(amounts)
    )
    in_order = load([first], [second], [third])
    backwards = load([third], [second], [first])
    at_once = load([second, first, third])

    assert in_order.holds
    assert backwards.holds
    assert {in_order.content_hash} == {backwards.content_hash, at_once.content_hash}


def test_a_month_in_any_order_by_one_loader_or_two_is_one_state(
    load: Callable[..., Verification], keyring: KeyRing
) -> None:
    pushes = _a_month(keyring)
    shuffled = random.Random(7).sample(pushes, len(pushes))
    found = [
        load(pushes),
        load(*([one] for one in pushes[:20]), pushes[20:]),
        load(shuffled[:13], shuffled[13:]),
        load(pushes, loaders=2),
        load(shuffled[:25], shuffled[25:], loaders=2),
    ]

    assert all(one.holds for one in found)
    assert {one.documents for one in found} == {27}
    assert len({one.content_hash for one in found}) == 1


def test_a_replay_of_everything_leaves_the_hash_as_it_was(books: Books) -> None:
    books.post(a_contract(), {"type": "approval", "contract_number": "HT-1", "state": "驳回"})
    books.post(a_contract(amount="13000"))
    before = _deep(books.engine, books.keyring)
    with books.engine.begin() as conn:
        records = conn.execute(sa.text("SELECT id FROM inbox.record")).scalars().all()
    books.loader.reload(records)
    after = _deep(books.engine, books.keyring)

    assert after.holds
    assert after.content_hash == before.content_hash

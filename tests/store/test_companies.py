"""Companies on a real database: statements join by code, tax number and name, come apart again, and stay ordered."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.crm import companies as store
from hub.crm.leads import lock_merchants
from hub.database.engine import driver
from hub.model.credit_codes import is_credit_code
from hub.model.ids import uuid7
from hub.privacy.keyring import KeyRing
from hub.steps.identity.companies import CompanyDesk, Said, ensure_company, link_companies

pytestmark = pytest.mark.postgres
NOW = datetime(2026, 2, 17, 12, tzinfo=UTC)
SPACE = UUID(int=5)
NAME = "测试科技有限公司"


def a_code(organisation: str) -> str:
    body = "91990000" + organisation
    return next(body + c for c in "0123456789ABCDEFGHJKLMNPQRTUWXY" if is_credit_code(body + c))


CODE, OTHER_CODE = a_code("MA1TEHT12"), a_code("MA1TEHT99")


class Book:
    """Leads that say something of companies, one transaction each."""

    def __init__(self, engine: sa.Engine, keyring: KeyRing, merchant: str = "default") -> None:
        self.engine, self.keyring, self.merchant = engine, keyring, merchant
        self.seen: set[str] = set()

    def desk(self) -> CompanyDesk:
        return CompanyDesk(self.merchant, self.keyring, NOW, uuid7)

    def lead(self, name: str) -> UUID:
        return uuid5(SPACE, self.merchant + name)

    def say(self, *said: tuple[str, dict[str, Any] | None]) -> None:
        with self.engine.begin() as conn:
            raw = driver(conn)
            lock_merchants(raw, [self.merchant])
            rows = [Said(self.lead(name), doc, name in self.seen) for name, doc in said]
            link_companies(raw, self.desk(), rows)
        self.seen |= {name for name, _ in said}

    def party(self, number: int, **doc: Any) -> UUID | None:
        with self.engine.begin() as conn:
            return ensure_company(driver(conn), self.desk(), UUID(int=number), doc)

    def find(self, **doc: Any) -> UUID | None:
        with self.engine.begin() as conn:
            return store.find_company(driver(conn), self.merchant, self.desk().keys(doc))

    def links(self) -> dict[str, tuple[UUID | None, str | None]]:
        with self.engine.begin() as conn:
            raw = driver(conn)
            ids = {self.lead(name): name for name in self.seen}
            links = store.links_of(raw, list(ids))
            roots = store.roots(raw, [one.company_id for one in links.values() if one.company_id])
            return {
                ids[lead]: (roots[one.company_id] if one.company_id else None, one.evidence)
                for lead, one in links.items()
            }

    def groups(self) -> set[frozenset[str]]:
        found: dict[UUID, set[str]] = {}
        for name, (company, _) in self.links().items():
            if company is not None:
                found.setdefault(company, set()).add(name)
        return {frozenset(group) for group in found.values()}


@pytest.fixture
def book(engine: sa.Engine, keyring: KeyRing) -> Book:
    return Book(engine, keyring)


def groups(*texts: str) -> set[frozenset[str]]:
    return {frozenset(text.split()) for text in texts}


def test_leads_that_name_one_company_are_linked_and_say_by_what(book: Book) -> None:
    book.say(("a", {"company": NAME}), ("b", {"company": "测试科技有限责任公司"}))
    book.say(("c", {"company_credit_code": CODE, "company": NAME}))
    book.say(("d", {"company_tax_number": "990000" + CODE[8:17]}), ("e", {"name": "张三"}))

    assert book.groups() == groups("a b c d")
    evidence = {name: how for name, (_, how) in book.links().items()}
    assert evidence == {"a": "name", "b": "name", "c": "credit_code", "d": "tax_number"}


def test_a_name_of_two_credit_codes_joins_nobody(book: Book) -> None:
    """Two companies may have one name; then it says nothing, and never which of them is meant."""
    book.say(("a", {"company": NAME}), ("b", {"company": NAME, "company_credit_code": CODE}))
    before = book.links()["b"][0]
    book.say(("c", {"company": NAME, "company_credit_code": OTHER_CODE}))
    book.say(("d", {"company": NAME}))

    assert book.groups() == groups("b", "c")
    assert book.links()["d"] == (None, None)
    assert book.links()["b"][0] == before
    assert book.find(company=NAME) is None


def test_a_corrected_code_gives_the_name_back(book: Book) -> None:
    book.say(("a", {"company": NAME, "company_credit_code": CODE}), ("b", {"company": NAME}))
    book.say(("c", {"company": NAME, "company_credit_code": OTHER_CODE}))
    assert book.groups() == groups("a", "c")
    book.say(("c", {"company": NAME, "company_credit_code": CODE}))

    assert book.groups() == groups("a b c")
    assert book.find(company_credit_code=OTHER_CODE) is None


def test_a_merge_keeps_the_old_id_and_a_lead_that_goes_takes_the_edge_with_it(book: Book) -> None:
    book.say(("a", {"company": NAME}))
    book.say(("b", {"company_credit_code": CODE}))
    old, young = book.links()["a"][0], book.links()["b"][0]
    book.say(("c", {"company": NAME, "company_credit_code": CODE}))
    assert book.groups() == groups("a b c")
    assert book.links()["b"][0] == old
    book.say(("c", None))

    assert book.groups() == groups("a", "b")
    assert (book.links()["a"][0], book.links()["b"][0]) == (old, young)


def test_one_company_at_two_merchants_is_two(engine: sa.Engine, keyring: KeyRing) -> None:
    one, other = Book(engine, keyring, "one"), Book(engine, keyring, "other")
    for book in (one, other):
        book.say(("a", {"company_credit_code": CODE}))

    assert one.links()["a"][0] != other.links()["a"][0]
    assert one.find(company_credit_code=CODE) == one.links()["a"][0]


def test_a_contracts_party_is_the_company_that_leads_know(book: Book) -> None:
    book.say(("a", {"company": NAME}))
    found = book.party(1, company=NAME, company_credit_code=CODE)

    assert found == book.links()["a"][0]
    assert book.party(2, company_tax_number=CODE) == found
    assert book.party(3, company="无") is None
    assert book.find(company=NAME, company_credit_code=OTHER_CODE) is None
    book.party(1, company="另一测试有限公司")
    assert book.find(company_credit_code=CODE) == found
    assert book.find(company=NAME) == book.links()["a"][0] != found
    assert book.find(company="另一测试有限公司") not in (None, found)


def test_a_lead_without_a_company_writes_nothing(book: Book) -> None:
    book.say(("a", {"name": "张三", "email": "a@qq.com"}), ("b", {"company": "无"}))

    assert book.links() == {}


@pytest.mark.parametrize("number", range(6))
def test_a_name_that_becomes_two_companies_in_one_batch_joins_nobody_in_any_order(
    engine: sa.Engine, keyring: KeyRing, number: int
) -> None:
    """Statements of a batch are looked at in order of their ids, which differ from merchant to merchant."""
    book = Book(engine, keyring, f"any-order-{number}")
    book.say(
        ("a", {"company": NAME, "company_credit_code": CODE}),
        ("b", {"company": NAME}),
        ("c", {"company": NAME, "company_credit_code": OTHER_CODE}),
    )

    assert book.groups() == groups("a", "c")


_docs = st.fixed_dictionaries(
    {},
    optional={
        "company": st.sampled_from(["甲测试有限公司", "乙测试有限公司", "丙测试"]),
        "company_credit_code": st.sampled_from([CODE, OTHER_CODE]),
        "company_tax_number": st.sampled_from(
            ["990000" + CODE[8:17], "990000" + OTHER_CODE[8:17]]
        ),
    },
)
_merchants = itertools.count()
_steps = st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | _docs), max_size=14)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=_steps, chance=st.randoms(use_true_random=False))
def test_what_is_one_company_depends_on_what_is_said_now_only(
    engine: sa.Engine, keyring: KeyRing, steps: list[tuple[str, Any]], chance: Any
) -> None:
    """However statements came, changed and went: the same as if the last ones had come at once, in any order."""
    told = Book(engine, keyring, f"m{next(_merchants)}")
    now: dict[str, Any] = {}
    for name, doc in steps:
        told.say((name, doc))
        now[name] = doc
    at_once = Book(engine, keyring, told.merchant + "-at-once")
    last = list(now.items())
    chance.shuffle(last)
    at_once.say(*last)

    assert told.groups() == at_once.groups()

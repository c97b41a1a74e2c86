"""The bridge: every cause by its own case, and conservation to the fen whatever the documents are."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.reconciliation.bridge import CAUSE_WORDS, Bridge, Cause, build_bridge
from hub.reconciliation.figures import figure
from hub.reconciliation.months import Month
from hub.reconciliation.papers import UNREADABLE, Paper, Papers
from tests.unit.reconciliation.test_metrics import DICTIONARY, a_paper, locked

JANUARY = Month(2026, 1)
TODAY = date(2026, 2, 20)
FIGURES = ("signed_sales", "signed_finance", "signed_crm", "received", "finance_of_locked")


def bridge(name: str, *papers: Paper) -> Bridge:
    read = Papers(papers)
    left = figure(DICTIONARY, name, read, JANUARY)
    right = figure(DICTIONARY, "signed_agreed", read, JANUARY)
    return build_bridge(left, right, read, TODAY)


def steps(found: Bridge) -> dict[Cause, int]:
    return {cause: fen for cause, (_, fen) in found.by_cause().items()}


def an_invoice(number: str, amount: int, **changes: Any) -> Paper:
    return a_paper("invoice", number, amount, **{"contract_number": "HT-1", **changes})


def test_figures_that_agree_need_no_bridge():
    found = bridge("signed_finance", *locked(), an_invoice("1", 1000))

    assert found.items == ()
    assert found.difference == found.residual == 0


def test_an_invoice_of_another_month_is_timing_and_no_residual():
    found = bridge(
        "signed_finance",
        *locked(),
        an_invoice("1", 600),
        an_invoice("2", 300, on_date=date(2026, 2, 3)),
        an_invoice("3", 100, on_date=date(2025, 12, 30)),
    )

    assert steps(found) == {Cause.INVOICED_EARLIER: 100, Cause.INVOICED_LATER: 300}
    assert found.residual == 0


def test_an_instalment_that_is_not_due_is_timing_and_one_that_is_due_is_missing():
    def found(due: date) -> Bridge:
        later = a_paper("receivable", "YS-1", 400, contract_number="HT-1", due_on=due)
        return bridge("signed_finance", *locked(), an_invoice("1", 600), later)

    assert steps(found(date(2026, 6, 1))) == {Cause.NOT_YET_DUE: 400}
    assert steps(found(date(2026, 2, 1))) == {Cause.INVOICE_AMOUNT: 400}


def test_no_invoice_at_all_is_not_invoiced():
    assert steps(bridge("signed_finance", *locked())) == {Cause.NOT_INVOICED: 1000}


def test_what_was_refunded_and_taken_back_is_refunded():
    red = an_invoice("2", -1000, kind="red", red_of="1", on_date=date(2026, 2, 5))
    refund = a_paper("refund", "T1", 1000, contract_number="HT-1", on_date=date(2026, 2, 5))

    found = bridge("finance_of_locked", *locked(), an_invoice("1", 1000), red, refund)
    assert steps(found) == {Cause.REFUNDED: 1000}
    assert found.residual == 0


def test_a_refund_is_part_of_the_bridge_from_receipts():
    receipt = a_paper("receipt", "S1", 1000, contract_number="HT-1")
    refund = a_paper("refund", "T1", 200, receipt_number="S1")

    assert steps(bridge("received", *locked(), receipt, refund)) == {Cause.REFUNDED: 200}


def test_an_invoice_in_another_currency_stands_apart():
    found = bridge("signed_finance", *locked(), an_invoice("1", 140, currency="USD"))

    assert steps(found) == {Cause.CURRENCY_APART: 1000}
    assert found.items[0].detail == ("USD",)


def test_too_much_and_too_little_are_not_set_off_against_each_other():
    found = bridge(
        "finance_of_locked",
        *locked("HT-1"),
        *locked("HT-2"),
        an_invoice("1", 1100),
        an_invoice("2", 900, contract_number="HT-2"),
    )

    assert found.difference == 0
    assert found.residual == 200


@pytest.mark.parametrize(
    ("lock", "cause"),
    [
        ("seal", Cause.UNSEALED),
        ("stage", Cause.STAGE_MISSING),
        ("date", Cause.NO_RECEIPT_DATE),
        ("scan", Cause.LOCK_MISSING),
        ("legal", Cause.LOCK_MISSING),
        ("account", Cause.LOCK_MISSING),
    ],
)
def test_each_lock_that_is_missing_has_its_name(lock, cause):
    assert steps(bridge("signed_sales", *locked(without=lock))) == {cause: -1000}


def test_a_stage_that_is_expected_later_is_no_disagreement():
    papers = locked()
    papers[1].expected_sign_on = date(2026, 2, 9)

    found = bridge("signed_crm", *papers)
    assert steps(found) == {Cause.STAGE_LATER: 1000}
    assert found.residual == 0


def test_an_invoice_of_a_void_contract_says_so():
    papers = locked()
    papers[0].state = "voided"

    assert steps(bridge("signed_finance", *papers, an_invoice("1", 50))) == {Cause.VOIDED: -50}


def test_an_unsealed_amendment_explains_what_sales_counted():
    amendment = a_paper(
        "contract", "BC-1", 70, amends_number="HT-1", kind="amendment", is_sealed=False
    )

    assert steps(bridge("signed_sales", *locked(), amendment)) == {Cause.UNSEALED: -70}


def test_every_cause_has_its_words():
    assert set(CAUSE_WORDS) == set(Cause)


_NUMBERS = st.sampled_from(["HT-1", "HT-2", "HT-3", "HT-9", None, "HT-1、HT-2"])
_DAYS = st.sampled_from(
    [date(2025, 12, 5), date(2026, 1, 1), date(2026, 1, 31), date(2026, 2, 2), None]
)
_MONEY = st.sampled_from([None, "CNY", "USD"])
_STATES: dict[str, list[str | None]] = {
    "contract": [None, "active", "voided", "draft"],
    "opportunity": ["signed", "proposal", None],
    "approval": ["approved", "rejected"],
    "receiving_account": ["filed", "pending"],
    "signing": ["completed", "dissolved", "signing"],
    "receivable": [None, "audited"],
    "invoice": ["issued", "voided", None],
    "receipt": ["audited", "draft", None],
    "refund": ["audited", None],
}


@st.composite
def any_paper(draw: st.DrawFn) -> Paper:
    entity = draw(st.sampled_from(sorted(_STATES)))
    amount = draw(st.one_of(st.none(), st.integers(-10, 2**40)))
    numbers = _NUMBERS if entity == "contract" else st.sampled_from(["1", "2", "3", None])
    paper = Paper(
        draw(st.binary(min_size=8, max_size=8)),
        entity,
        draw(st.sampled_from(["crm", "erp"])),
        number=draw(numbers),
        kind=draw(st.sampled_from([None, "framework", "amendment", "red", "blue"])),
        state=draw(st.sampled_from((*_STATES[entity], UNREADABLE))),
        on_date=draw(_DAYS),
        amount_fen=amount,
        currency=draw(_MONEY),
        contract_number=draw(_NUMBERS),
        amends_number=draw(st.sampled_from([None, None, "HT-1", "HT-2"]))
        if entity == "contract"
        else None,
        red_of=draw(st.sampled_from([None, "1"])) if entity == "invoice" else None,
        invoice_number=draw(st.sampled_from([None, "1"])) if entity == "receipt" else None,
        receipt_number=draw(st.sampled_from([None, "1"])) if entity == "refund" else None,
        expected_sign_on=draw(_DAYS),
        expected_receipt_on=draw(_DAYS),
        due_on=draw(_DAYS),
        is_sealed=draw(st.sampled_from([None, True, True, False])),
        has_scan=draw(st.booleans()),
    )
    if amount and draw(st.booleans()):
        first = draw(st.integers(0, abs(amount)))
        paper.shares = (("HT-1", first), ("HT-2", amount - first))
    return paper


@settings(max_examples=150, deadline=None)
@given(st.lists(any_paper(), max_size=25), st.lists(st.sampled_from(["HT-1", "HT-2"]), max_size=2))
def test_left_plus_all_items_is_right_whatever_the_documents_are(papers, good):
    everything = [*papers, *(paper for number in set(good) for paper in locked(number))]
    for name in FIGURES:
        found = bridge(name, *everything)
        assert found.left.fen + sum(item.fen for item in found.items) == found.right.fen
        assert all(item.fen for item in found.items)


@settings(max_examples=40, deadline=None)
@given(st.lists(any_paper(), max_size=15), st.randoms(use_true_random=False))
def test_the_order_of_documents_does_not_change_a_bridge(papers, random):
    unique = list({paper.id: paper for paper in papers}.values())
    shuffled = list(unique)
    random.shuffle(shuffled)

    assert steps(bridge("signed_finance", *unique)) == steps(bridge("signed_finance", *shuffled))

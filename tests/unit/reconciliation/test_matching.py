"""How one document finds its contract, and when it is asked instead."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from hub.errors import ConfigError
from hub.reconciliation.books import Entry, count_of, link_keys, numbers_in
from hub.reconciliation.findings import Findings
from hub.reconciliation.kinds import Asked, BreakKind, Rule
from hub.reconciliation.reconcile import reconcile
from hub.reconciliation.rules import Rules, Tolerance, parse_rules
from tests.reconciliation.company import TODAY, Company, entries_of
from tests.reconciliation.suite import shipped_rules

DAY = count_of(TODAY)


def found_in(company: Company, rules: Rules | None = None, **options: Any) -> Findings:
    return reconcile(entries_of(company), rules or shipped_rules(), DAY, **options)


def money_matches(found: Findings) -> list[tuple[str, str, int, Rule]]:
    """Entity, contract, amount and rule of every match but the opportunities'."""
    return [
        (one.entry.entity, one.contract, one.amount, one.rule)
        for one in found.matches
        if one.entry.entity != "opportunity"
    ]


def a_company(*amounts: int) -> tuple[Company, list[dict[str, Any]]]:
    """Contracts A, B, C … of one party, all in order."""
    company = Company(1)
    deals = [
        company.contract(amount, number=chr(65 + n), party_code="KH", on_date=TODAY)
        for n, amount in enumerate(amounts)
    ]
    return company, deals


def test_a_reference_wins_over_an_amount_that_fits_better():
    company, (one, other) = a_company(100_00, 200_00)
    company.invoice(one, 200_00, on_date=TODAY)

    assert money_matches(found_in(company)) == [("invoice", "A", 200_00, Rule.CONTRACT_NUMBER)]
    assert other["number"] == "B"


def test_without_a_reference_the_only_amount_that_fits_is_taken_with_its_evidence():
    company, (one, _) = a_company(100_00, 200_00)
    company.invoice(one, 200_50, loose=True, on_date=TODAY)
    found = found_in(company)

    assert money_matches(found) == [("invoice", "B", 200_50, Rule.PARTY_AMOUNT_DATE)]
    [match] = [m for m in found.matches if m.entry.entity == "invoice"]
    assert match.differences == {"days": 0, "open_fen": 200_00, "amount_fen": 200_50}


def test_a_difference_beyond_the_tolerance_is_no_match():
    company, (one, _) = a_company(100_00, 200_00)
    company.invoice(one, 201_01, loose=True, on_date=TODAY)
    found = found_in(company)

    assert money_matches(found) == []
    assert [one.kind for one in found.breaks] == [BreakKind.INVOICE_WITHOUT_CONTRACT]


def test_a_document_outside_the_window_belongs_to_no_old_contract():
    company, (one,) = a_company(100_00)
    one["on_date"] = TODAY.replace(year=2024)
    company.invoice(one, 100_00, loose=True, on_date=TODAY)

    assert BreakKind.INVOICE_WITHOUT_CONTRACT in {b.kind for b in found_in(company).breaks}


def test_a_merged_invoice_is_shared_out_exactly():
    company, deals = a_company(100_00, 200_00, 400_00)
    company.invoice(deals[0], 600_00, loose=True, on_date=TODAY)

    assert money_matches(found_in(company)) == [
        ("invoice", "B", 200_00, Rule.MERGED),
        ("invoice", "C", 400_00, Rule.MERGED),
    ]


def test_a_merged_receipt_that_names_its_contracts_fills_the_earlier_first():
    company, deals = a_company(100_00, 200_00)
    for deal in deals:
        company.invoice(deal, on_date=TODAY)
    company.receipt(deals[0], 250_00, contract_number="B,A", on_date=TODAY)
    receipts = [one for one in money_matches(found_in(company)) if one[0] == "receipt"]

    assert receipts == [
        ("receipt", "A", 100_00, Rule.SEVERAL_CONTRACTS),
        ("receipt", "B", 150_00, Rule.SEVERAL_CONTRACTS),
    ]


def test_one_unknown_number_among_several_makes_the_whole_document_a_break():
    company, deals = a_company(100_00, 200_00)
    company.receipt(deals[0], 300_00, contract_number="A,Z", on_date=TODAY)

    assert [b.kind for b in found_in(company).breaks] == [BreakKind.RECEIPT_WITHOUT_CONTRACT]


def test_beyond_the_bound_of_subset_sums_it_is_asked():
    rules = dataclasses.replace(shipped_rules(), candidates=3)
    company, deals = a_company(100_00, 200_00, 400_00, 800_00)
    company.invoice(deals[0], 1_500_00, loose=True, on_date=TODAY)
    found = found_in(company, rules)

    assert money_matches(found) == []
    assert [one.reason for one in found.questions] == [Asked.TOO_MANY]
    assert money_matches(found_in(company)) != []


def test_an_answer_that_names_a_contract_that_is_gone_is_asked_again():
    company, (one,) = a_company(100_00)
    paid = company.receipt(one, 40_00, loose=True, on_date=TODAY)
    [entry] = [e for e in entries_of(company) if e.number == paid["number"]]

    assert found_in(company, answers={entry.id: ["A"]}).questions == []
    assert len(found_in(company, answers={entry.id: ["gone"]}).questions) == 1


def test_another_currency_is_never_summed():
    company, (one,) = a_company(100_00)
    company.invoice(one, on_date=TODAY, currency="USD")
    found = found_in(company)

    assert money_matches(found) == []
    assert [b.kind for b in found.breaks] == [BreakKind.CURRENCY_DIFFERS]


def test_a_blue_invoice_that_is_taken_back_whole_leaves_the_contract_uninvoiced():
    company, (one,) = a_company(100_00)
    blue = company.invoice(one, on_date=TODAY)
    company.invoice(one, 100_00, kind="red", red_of=blue["number"], contract_number=None)
    found = found_in(company)

    assert [amount for _, _, amount, _ in money_matches(found)] == [100_00, -100_00]
    assert found.breaks == []


def test_a_customer_whom_crm_knows_by_phone_is_no_break():
    company = Company(1)
    company.contract(without=("opportunity",))
    [contract] = [e for e in entries_of(company) if e.entity == "contract"]

    assert [b.kind for b in found_in(company).breaks] == [BreakKind.CUSTOMER_UNKNOWN]
    assert found_in(company, known={contract.id}).breaks == []


def test_amendments_may_add_or_replace_as_the_rules_say():
    company, (one,) = a_company(100_00)
    company.add("contract", number="A-1", amends_number="A", state="active", amount_fen=30_00,
                on_date=TODAY, party_code="KH")  # fmt: skip
    company.invoice(one, 130_00, on_date=TODAY)
    total = dataclasses.replace(shipped_rules(), amendment="total")

    assert BreakKind.INVOICE_OVER not in {b.kind for b in found_in(company).breaks}
    assert BreakKind.INVOICE_OVER in {b.kind for b in found_in(company, total).breaks}


def test_an_amendment_of_an_amendment_belongs_to_the_first_contract():
    company, (one,) = a_company(100_00)
    for number, amended in (("A-1", "A"), ("A-2", "A-1")):
        company.add("contract", number=number, amends_number=amended, state="active",
                    amount_fen=10_00, on_date=TODAY, party_code="KH")  # fmt: skip
    company.invoice(one, 120_00, contract_number="A-2", on_date=TODAY)
    found = found_in(company)

    assert money_matches(found) == [("invoice", "A", 120_00, Rule.CONTRACT_NUMBER)]
    assert BreakKind.INVOICE_OVER not in {b.kind for b in found.breaks}


def test_amendments_in_a_circle_are_breaks_and_end():
    company = Company(1)
    for number, amended in (("X", "Y"), ("Y", "X")):
        company.add("contract", number=number, amends_number=amended, state="active",
                    amount_fen=10_00, on_date=TODAY)  # fmt: skip

    assert [b.kind for b in found_in(company).breaks] == [BreakKind.AMENDMENT_WITHOUT_CONTRACT] * 2


def test_links_name_everything_that_may_tie_a_document():
    entry = Entry(
        b"1" * 16, "invoice", "books", number="F1", contract="A、B", party="KH", company="91",
        tax="91", target="F0", request="R", order="D", blind=[b"k"],
    )  # fmt: skip

    assert numbers_in("A、 B;C") == ["A", "B", "C"]
    assert link_keys(entry) == {
        "invoice:F1", "contract:A、B", "contract:A", "contract:B", "party:KH", "company:91",
        "invoice:F0", "receivable:R", "contract:R", "order:R", "order:D",
    }  # fmt: skip


def test_the_tolerance_is_the_greater_of_both():
    assert Tolerance(100, 1).is_equal(1_010_00, 1_000_00)
    assert not Tolerance(100, 0).is_equal(1_010_00, 1_000_00)
    assert Tolerance(100, 0).is_equal(99_00, 100_00)


@pytest.mark.parametrize(
    "change",
    [{"amount": {"fen": 1.5, "percent": 0}}, {"terms": {}}, {"amendment": "both"}, {"window": 3}],
)
def test_rules_that_say_something_else_are_refused(change: dict[str, Any]):
    good = {
        "version": "1-0-0", "amount": {"fen": 1, "percent": 0},
        "opportunity_amount": {"fen": 1, "percent": 0}, "amendment": "change",
        "window": {"before_days": 1, "after_days": 1}, "subset": {"candidates": 1, "parts": 1},
        "terms": dict.fromkeys(
            ("contract_days", "approval_days", "scan_days", "account_days", "invoice_days",
             "receipt_invoice_days", "receivable_days"), 1,
        ),
    }  # fmt: skip

    assert parse_rules(good).version == "1-0-0"
    with pytest.raises(ConfigError):
        parse_rules({**good, **change})

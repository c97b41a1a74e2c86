"""The metric dictionary: a closed vocabulary, and figures that never sum what must not be summed."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.errors import ConfigError
from hub.reconciliation.figures import Figure, figure
from hub.reconciliation.metrics import compile_metrics
from hub.reconciliation.months import Month, is_due, newest_due
from hub.reconciliation.papers import UNREADABLE, Paper, Papers

SHIPPED = Path(__file__).parents[3] / "schemas" / "metrics"
JANUARY = Month(2026, 1)


def shipped() -> dict[str, Any]:
    return {p.stem: yaml.safe_load(p.read_text("utf-8")) for p in sorted(SHIPPED.glob("*.yaml"))}


DICTIONARY = compile_metrics(shipped())


def a_paper(entity: str, number: str, amount: int | None, **changes: Any) -> Paper:
    source = changes.pop("source", "erp")
    on_date = changes.pop("on_date", date(2026, 1, 15))
    return Paper(
        f"{source}/{entity}/{number}/{changes.pop('copy', 0)}".encode(),
        entity,
        source,
        number=number,
        amount_fen=amount,
        on_date=on_date,
        **changes,
    )


def value(name: str, *papers: Paper, month: Month = JANUARY) -> Figure:
    return figure(DICTIONARY, name, Papers(papers), month)


def changed(**changes: Any) -> dict[str, Any]:
    """The dictionary of one metric with one thing changed."""
    return {"received": {**shipped()["received"], **changes}}


def with_term(**term: Any) -> dict[str, Any]:
    return changed(formula=[{"entity": "receipt", **term}])


def test_every_shipped_metric_says_what_it_means_and_who_owns_it():
    assert {"signed_sales", "signed_finance", "signed_crm", "signed_agreed"} <= set(DICTIONARY)
    for metric in DICTIONARY.values():
        assert metric.words, metric.name
        assert metric.owner, metric.name
        assert metric.currency == "CNY"


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (changed(formla=[]), r"received.yaml: unknown word 'formla'; did you mean 'formula'\?"),
        (with_term(wheer={}), r"received.yaml: formula\[0\]: unknown word 'wheer'; did you mean"),
        (with_term(where={"sate": {"is": "audited"}}), r"did you mean 'state'\?"),
        (with_term(where={"state": {"iss": "audited"}}), r"formula\[0\].where.state: unknown"),
        (with_term(where={"state": "audited"}), "expected one of is, not, in, not_in, present"),
        (with_term(needs=["skan"]), r"formula\[0\].needs: unknown word 'skan'; did you mean"),
        (with_term(date="onn_date"), r"formula\[0\].date: unknown word"),
        (with_term(span="whole"), r"formula\[0\].span: unknown word 'whole'"),
        (with_term(sign="times"), r"formula\[0\].sign: unknown word 'times'"),
        (with_term(contracts_of="nothing"), "contracts_of: unknown word 'nothing'"),
        (with_term(contracts_of="received"), "leads back to received"),
        (changed(sources=["reciept"]), r"did you mean 'receipt'\?"),
        (changed(freshness_hours="soon"), "freshness_hours is a whole number above 0"),
        (changed(period="week"), "received.yaml: period: unknown word 'week'"),
        (changed(metric="other"), "it is named as its file"),
        (changed(formula=[]), "formula: expected a list"),
    ],
)
def test_a_word_that_nobody_knows_is_refused_with_a_clear_line(document, told):
    with pytest.raises(ConfigError, match=told):
        compile_metrics(document)


def test_a_formula_that_was_changed_without_a_version_shows():
    before = DICTIONARY["received"]
    after = compile_metrics(with_term(where={"state": {"is": "audited"}}))["received"]

    assert after.version == before.version
    assert after.digest != before.digest


def test_invoices_count_by_their_day_red_ones_take_away_and_void_ones_are_nothing():
    found = value(
        "signed_finance",
        a_paper("invoice", "1", 1000, state="issued", kind="blue"),
        a_paper("invoice", "2", 700, state="issued", on_date=date(2026, 2, 1)),
        a_paper("invoice", "3", 500, state="voided"),
        a_paper("invoice", "4", -200, state="issued", kind="red", red_of="1"),
        a_paper("invoice", "5", 100, state="issued", kind="red", red_of="1"),
        a_paper("invoice", "6", -50, state="issued", red_of="1"),
    )

    assert found.fen == 1000 - 200 - 100 - 50
    assert found.documents == 4


def test_receipts_less_refunds_by_business_day():
    found = value(
        "received",
        a_paper("receipt", "R1", 1000, state="audited"),
        a_paper("receipt", "R2", 300, state="draft"),
        a_paper("refund", "T1", 250, state="audited"),
        a_paper("refund", "T2", 999, state="audited", on_date=date(2026, 2, 2)),
    )

    assert found.fen == 750


def test_local_life_counts_what_was_verified_and_what_the_platform_settled():
    papers = (
        a_paper("order", "O1", 900, state="paid"),
        a_paper("verification", "V1", 400, state="done"),
        a_paper("verification", "V2", 100, state="reversed"),
        a_paper("settlement", "S1", 380, state="settled"),
        a_paper("settlement", "S2", 60, state="draft"),
    )

    assert value("order_revenue", *papers).fen == 400
    assert value("settlement_revenue", *papers).fen == 380


def test_another_currency_is_counted_apart_and_never_summed():
    found = value(
        "received",
        a_paper("receipt", "R1", 1000),
        a_paper("receipt", "R2", 900, currency="USD"),
        a_paper("refund", "T1", 100, currency="USD"),
        a_paper("receipt", "R3", 5, currency="CNY"),
    )

    assert found.fen == 1005
    assert (found.apart["USD"].documents, found.apart["USD"].amount) == (2, 800)


def test_a_negative_amount_a_missing_one_and_an_unreadable_state_are_never_summed():
    found = value(
        "received",
        a_paper("receipt", "R1", -1000, state="audited"),
        a_paper("receipt", "R2", None, state="audited"),
        a_paper("receipt", "R3", 70, state=UNREADABLE),
        a_paper("receipt", "R4", 7, state="audited"),
    )

    assert found.fen == 7
    assert found.aside == {"negative_amount": 1, "amount_missing": 1, "state_unreadable": 1}


def test_a_number_that_comes_twice_is_counted_once():
    found = value(
        "received",
        a_paper("receipt", "R1", 100, source="bank"),
        a_paper("receipt", "R1", 100, source="bank", copy=1),
        a_paper("receipt", "R1", 100, source="erp"),
        a_paper("receipt", "R1", 120, source="import"),
    )

    assert found.fen == 100
    assert found.aside == {"duplicate_number": 1, "copies_differ": 1}


def test_the_order_in_which_documents_come_does_not_matter():
    papers = [
        a_paper("receipt", "R1", 100, source="bank"),
        a_paper("receipt", "R1", 120, source="erp"),
        a_paper("receipt", "R2", 5, source="erp"),
    ]

    assert value("received", *papers).fen == value("received", *reversed(papers)).fen == 105


def locked(number: str = "HT-1", *, without: str = "", amount: int = 1000) -> list[Paper]:
    """A contract with every lock, but for one."""
    contract = a_paper(
        "contract",
        number,
        amount,
        contract_number=number,
        is_sealed=without != "seal",
        has_scan=without != "scan",
    )
    stage = a_paper(
        "opportunity",
        f"SJ-{number}",
        amount,
        contract_number=number,
        state="proposal" if without == "stage" else "signed",
        expected_sign_on=date(2026, 1, 20),
        expected_receipt_on=None if without == "date" else date(2026, 3, 1),
    )
    approval = a_paper("approval", "", None, contract_number=number, state="approved")
    account = a_paper("receiving_account", "", None, contract_number=number, state="filed")
    if without == "legal":
        approval.state = "rejected"
    if without == "account":
        account.state = "pending"
    return [contract, stage, approval, account]


def test_the_agreed_figure_counts_a_contract_with_every_lock():
    assert value("signed_agreed", *locked()).fen == 1000


@pytest.mark.parametrize("lock", ["seal", "scan", "stage", "date", "legal", "account"])
def test_one_lock_missing_leaves_a_contract_out_of_the_agreed_figure(lock):
    papers = locked(without=lock)

    assert value("signed_agreed", *papers).fen == 0
    assert value("signed_sales", *papers).fen == 1000


def test_the_newest_approval_holds():
    papers = locked()
    later = a_paper("approval", "", None, contract_number="HT-1", state="rejected", copy=1)
    later.decided_at, papers[2].decided_at = "2026-01-17T02:00:00.000Z", "2026-01-16T02:00:00.000Z"

    assert value("signed_agreed", *papers, later).fen == 0


@pytest.mark.parametrize(
    ("states", "fen"), [(["completed"], 1000), (["completed", "dissolved"], 0)]
)
def test_an_e_signing_that_is_complete_and_not_undone_seals(states, fen):
    papers = locked(without="seal")
    signings = [
        a_paper("signing", f"{n}", None, contract_number="HT-1", state=state)
        for n, state in enumerate(states)
    ]

    assert value("signed_agreed", *papers, *signings).fen == fen


def test_an_amendment_changes_its_contract_and_an_unsealed_one_does_not():
    sealed = a_paper("contract", "BC-1", -300, amends_number="HT-1", kind="amendment")
    unsealed = a_paper(
        "contract", "BC-2", 50, amends_number="HT-1", kind="amendment", is_sealed=False
    )

    assert value("signed_agreed", *locked(), sealed, unsealed).fen == 700


def test_the_denominator_is_finances_record_of_the_same_contracts_whenever_it_was_posted():
    found = value(
        "finance_of_locked",
        *locked(),
        *locked("HT-2", without="scan"),
        a_paper("invoice", "1", 600, contract_number="HT-1", on_date=date(2026, 3, 1)),
        a_paper("invoice", "2", 90, contract_number="HT-1", kind="red", red_of="1"),
        a_paper("invoice", "3", 500, contract_number="HT-2"),
        a_paper("invoice", "4", 500),
    )

    assert found.fen == 510


def test_a_merged_invoice_is_to_each_contract_what_reconciliation_found():
    merged = a_paper("invoice", "1", 1500, contract_number="HT-1、HT-2")
    merged.shares = (("HT-1", 1000), ("HT-2", 500))

    found = value("signed_finance", *locked(), *locked("HT-2", amount=500), merged)
    assert found.by_contract() == {"HT-1": 1000, "HT-2": 500}


def test_crm_counts_stages_that_are_signed_until_the_months_end():
    found = value(
        "signed_crm",
        a_paper("opportunity", "1", 10, state="signed", expected_sign_on=date(2025, 6, 1)),
        a_paper("opportunity", "2", 20, state="signed", expected_sign_on=date(2026, 1, 31)),
        a_paper("opportunity", "3", 40, state="signed", expected_sign_on=date(2026, 2, 1)),
        a_paper("opportunity", "4", 80, state="signed"),
        a_paper("opportunity", "5", 160, state="lost", expected_sign_on=date(2026, 1, 2)),
    )

    assert found.fen == 30


def test_a_month_is_due_when_finance_has_had_its_days():
    assert not is_due(JANUARY, date(2026, 2, 10), 10)
    assert is_due(JANUARY, date(2026, 2, 11), 10)
    assert newest_due(date(2026, 2, 10), 10) == Month(2025, 12)
    assert newest_due(date(2026, 1, 1), 0) == Month(2025, 12)


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "一月", ""])
def test_what_is_no_month_is_refused(text):
    with pytest.raises(ConfigError, match="write it like 2026-01"):
        Month.parse(text)

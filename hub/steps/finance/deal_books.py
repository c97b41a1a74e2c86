"""Contracts as deals, as reconciliation reads the books: amendments added, refunds and receipts matched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import psycopg

from hub.finance import matches, reading
from hub.reconciliation.books import HOME_CURRENCY, by_entity, count_of, day_of
from hub.reconciliation.deals import Deal, Ledger
from hub.reconciliation.findings import Findings
from hub.reconciliation.matching import Matcher
from hub.reconciliation.pool import Pool
from hub.reconciliation.rules import Rules
from hub.reconciliation.stages import Stages

LIVE, VOID, FRAMEWORK, DRAFT = "live", "void", "framework", "not_in_force"
NO_AMOUNT, OTHER_CURRENCY, GONE = "no_amount", "other_currency", "gone"


@dataclass(frozen=True, slots=True)
class BookDeal:
    """One contract. What is not `live` is worth nothing; money is fen, `received_fen` is less refunds."""

    number: str
    document_id: UUID
    opportunities: tuple[tuple[UUID, str | None], ...]
    on_date: date | None
    standing: str
    signed_fen: int
    refunded_fen: int
    received_fen: int

    @property
    def value_fen(self) -> int:
        """What there is to share: signed less refunds."""
        return self.signed_fen - self.refunded_fen if self.standing == LIVE else 0


def read_deals(
    conn: psycopg.Connection[Any], merchant: str, rules: Rules, today: date
) -> list[BookDeal]:
    """Every contract of a merchant, by number; amendments are part of theirs."""
    documents = by_entity(reading.all_entries(conn, merchant))
    findings = Findings()
    ledger = Ledger(documents, rules, findings, count_of(today))
    matcher = Matcher(ledger, rules, findings, matches.answers(conn, merchant))
    matcher.add_receivables(documents["receivable"])
    matcher.add_invoices(documents["invoice"])
    Stages(matcher).add_opportunities(documents["opportunity"])
    if matcher.pool:
        Pool(matcher).empty()
    matcher.add_receipts(documents["receipt"])
    if matcher.pool:
        Pool(matcher).empty()
    matcher.add_refunds(documents["refund"], documents["receipt"])
    return [_deal(ledger.deals[number]) for number in sorted(ledger.deals)]


def _deal(deal: Deal) -> BookDeal:
    is_home = deal.currency == HOME_CURRENCY
    return BookDeal(
        deal.number,
        UUID(bytes=deal.contract.id),
        tuple((UUID(bytes=one.id), one.number) for one in deal.opportunities),
        day_of(deal.contract.on),
        _standing(deal),
        deal.value or 0 if is_home else 0,
        deal.refunded if is_home else 0,
        deal.received - deal.refunded if is_home else 0,
    )


def _standing(deal: Deal) -> str:
    if deal.is_void:
        return VOID
    if deal.is_framework:
        return FRAMEWORK
    if not deal.is_live:
        return DRAFT
    if deal.currency != HOME_CURRENCY:
        return OTHER_CURRENCY
    return LIVE if deal.value is not None else NO_AMOUNT

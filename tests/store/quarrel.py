"""The founding quarrel as documents: one January, three amounts. Amounts are yuan; 万 is ten thousand."""

from __future__ import annotations

from typing import Any

from tests.store.figures_hub import deal, invoice, stage

WAN = 10_000
FEN = 100


def quarrel() -> list[dict[str, Any]]:
    """Documents by which sales count 1,200 万, finance 830 万, CRM 960 万, and the agreed figure is 650 万."""
    crm_says_more = stage("SJ-HT-3", 160 * WAN, contract_number="HT-3")
    documents = [
        *deal("HT-1", 300 * WAN),
        *deal("HT-2", 200 * WAN),
        *deal("HT-3", 150 * WAN, without="opportunity"),
        crm_says_more,
        *deal("KJ-4", 250 * WAN, kind="框架协议", without="seal opportunity account"),
        *deal("HT-5", 120 * WAN, without="seal"),
        *deal("HT-6", 100 * WAN, without="legal account"),
        *deal("HT-8", 80 * WAN, without="stage"),
        *deal("HT-9", 200 * WAN, "2025-12-20", without="opportunity"),
        *deal("HT-11", 30 * WAN, "2025-12-28"),
        *deal("HT-12", 20 * WAN, state="已作废"),
        *deal("HT-13", 1 * WAN, currency="USD", without="opportunity"),
        stage("SJ-20", 30 * WAN),
        stage("SJ-21", 1 * WAN, currency="USD", contract_number="HT-13"),
    ]
    money = [
        invoice(1, "HT-1", 300 * WAN),
        invoice(2, "HT-2", 200 * WAN, "2026-02-03"),
        invoice(3, "HT-3", 140 * WAN),
        invoice(4, "KJ-4", 40 * WAN),
        invoice(6, "HT-6", 100 * WAN),
        invoice(9, "HT-9", 220 * WAN),
        invoice(
            10, None, -20 * WAN, "2026-01-25", kind="红票", red_of=invoice(9, "", 1)["number"]
        ),
        invoice(13, "HT-13", 1 * WAN, currency="USD"),
        invoice(14, None, 50 * WAN),
        invoice(15, "HT-1", 77 * WAN, state="已作废"),
    ]
    return documents + money

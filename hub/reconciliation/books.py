"""What reconciliation reads: one compact entry a business document. Days are counted from 1970-01-01, money is fen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

ENTITIES = (
    "contract", "opportunity", "approval", "signing", "receiving_account", "order", "receivable",
    "invoice", "receipt", "refund",
)  # fmt: skip
"""The entities that take part."""

EPOCH = date(1970, 1, 1)
UNREADABLE = "?"
"""The state of a document whose own state means nothing to us; it never counts."""
HOME_CURRENCY = "CNY"
_SEPARATORS = re.compile(r"\s*[,，、;；]\s*")
_NUMBERED = frozenset(ENTITIES[:2] + ENTITIES[5:9])


@dataclass(slots=True, eq=False)  # not frozen: hundreds of thousands are made
class Entry:
    """One document. `target` is the number of what it speaks of: the contract that is amended, the blue
    invoice of a red one, the invoice that a receipt pays, the receipt that is refunded."""

    id: bytes
    entity: str
    source: str
    number: str | None = None
    kind: str | None = None
    state: str | None = None
    on: int | None = None
    amount: int | None = None
    currency: str | None = None
    contract: str | None = None
    order: str | None = None
    party: str | None = None
    company: str | None = None
    tax: str | None = None
    blind: list[bytes] | None = None
    target: str | None = None
    opportunity: str | None = None
    receivable: str | None = None
    request: str | None = None
    flow: str | None = None
    code: str | None = None
    due: int | None = None
    settled: int | None = None
    decided: str | None = None
    sealed: bool | None = None
    has_scan: bool | None = None
    is_known: bool | None = None


def order_of(entry: Entry) -> tuple[int, str, bytes]:
    """Where an entry stands among others, whatever order they came in: day, number, id."""
    return (entry.on or 0, entry.number or "", entry.id)


def day_of(number: int | None) -> date | None:
    """A day count as a date."""
    return None if number is None else EPOCH + timedelta(days=number)


def count_of(day: date) -> int:
    """A date as a day count."""
    return (day - EPOCH).days


def numbers_in(text: str) -> list[str]:
    """The numbers in a reference that may name several: `HT-1、HT-2`."""
    return [part for part in _SEPARATORS.split(text) if part]


def party_keys(entry: Entry) -> list[str | bytes]:
    """What the other side is known by: its code, its company numbers, its blind keys."""
    keys: list[str | bytes] = []
    if entry.party is not None:
        keys.append("party:" + entry.party)
    if entry.company is not None:
        keys.append("company:" + entry.company)
    if entry.tax is not None and entry.tax != entry.company:
        keys.append("company:" + entry.tax)
    if entry.blind:
        keys.extend(entry.blind)
    return keys


def link_keys(entry: Entry) -> set[str]:
    """What may tie an entry to others, as texts. `finance.document.links` is the same, made by the store."""
    keys = {key for key in party_keys(entry) if isinstance(key, str)}
    if entry.number is not None and entry.entity in _NUMBERED:
        keys.add(f"{entry.entity}:{entry.number}")
    if entry.contract is not None:
        keys.add("contract:" + entry.contract)
        keys.update("contract:" + part for part in _SEPARATORS.split(entry.contract))
    named = {"order": entry.order, "opportunity": entry.opportunity, "flow": entry.flow}
    named["receivable"] = entry.receivable
    named[_TARGETS.get(entry.entity, "")] = entry.target
    keys.update(f"{kind}:{value}" for kind, value in named.items() if value is not None)
    if entry.request is not None:
        keys.update(f"{kind}:{entry.request}" for kind in ("receivable", "contract", "order"))
    return keys


_TARGETS = {
    "contract": "contract",
    "invoice": "invoice",
    "receipt": "invoice",
    "refund": "receipt",
}


def by_entity(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Entries by entity, each list in an order that does not depend on the input's."""
    found: dict[str, list[Entry]] = {name: [] for name in ENTITIES}
    for entry in entries:
        found[entry.entity].append(entry)
    for listed in found.values():
        listed.sort(key=order_of)
    return found

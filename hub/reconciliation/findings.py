"""What a reconciliation found: matches, breaks, questions. A break's id and content are digests of plain facts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.reconciliation.books import Entry, day_of
from hub.reconciliation.kinds import Asked, BreakKind, Rule

_ID_BYTES = 8


@dataclass(slots=True)  # not frozen: hundreds of thousands are made
class Match:
    """A document's share in a contract: red invoices and refunds are negative. `reference` is what it said."""

    entry: Entry
    contract: str
    amount: int
    rule: Rule
    reference: str | None = None
    differences: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """What does not agree: about which document, how much is at stake (fen), what stands against what."""

    kind: BreakKind
    entry: Entry
    contract: str | None
    contract_id: bytes | None
    amount: int | None
    detail: Mapping[str, Any] = field(default_factory=dict)

    def id(self, merchant: str) -> str:
        """Stable over runs: a digest of merchant, kind, document and contract."""
        return digest(merchant, self.kind, self.entry.id.hex(), self.contract or "")

    @property
    def facts_hash(self) -> bytes:
        """Changes when what the break says changes; never with the passing of time."""
        plain = [self.contract, self.amount, dict(self.detail)]
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).digest()[:16]

    @property
    def period(self) -> str | None:
        """The month of its document, `2026-02`."""
        day = day_of(self.entry.on)
        return None if day is None else f"{day:%Y-%m}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to answer: these contracts, with so much still open (fen)."""

    contracts: tuple[str, ...]
    open_fen: int


@dataclass(frozen=True, slots=True)
class Question:
    """To which contracts does a document belong? No contract at all is an answer, too."""

    entry: Entry
    reason: Asked
    candidates: tuple[Candidate, ...]

    def id(self, merchant: str) -> str:
        """Stable over runs: a digest of merchant and document."""
        return digest(merchant, "question", self.entry.id.hex())


@dataclass(slots=True)
class Findings:
    """All that one reconciliation found."""

    matches: list[Match] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    waits: dict[bytes, int] = field(default_factory=dict)
    """Document id → the first day on which something about it would be late, if nothing comes until then."""


def digest(*parts: str) -> str:
    """Sixteen hexadecimal digits that stand for `parts`."""
    text = b"".join(len(p.encode()).to_bytes(4, "big") + p.encode() for p in parts)
    return hashlib.sha256(text).hexdigest()[: 2 * _ID_BYTES]

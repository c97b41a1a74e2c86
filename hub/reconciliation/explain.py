"""The story of one contract: what each system says, in order of time, what was matched why, what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

SYSTEMS: Mapping[str, str] = {
    "opportunity": "CRM", "activity": "CRM", "order": "CRM",
    "contract": "法务", "approval": "法务", "signing": "法务",
    "receiving_account": "财务", "receivable": "财务", "invoice": "财务", "receipt": "财务",
    "refund": "财务",
}  # fmt: skip
"""Whose word a document is."""

ENTITY_WORDS: Mapping[str, str] = {
    "opportunity": "商机", "activity": "跟进", "order": "订单", "contract": "合同",
    "approval": "审批", "signing": "签署", "receiving_account": "收款账户", "receivable": "应收",
    "invoice": "发票", "receipt": "回款", "refund": "退款",
}  # fmt: skip
"""What people call it."""


@dataclass(frozen=True, slots=True)
class Told:
    """One document of a contract's story. `share_fen` is what counts for this contract, None if nothing was matched."""

    on: date | None
    entity: str
    number: str | None
    state: str | None
    amount_fen: int | None
    currency: str | None
    source: str
    kind: str | None = None
    share_fen: int | None = None
    rule: str | None = None
    reference: str | None = None
    differences: Mapping[str, Any] | None = None
    has_scan: bool = False
    is_sealed: bool = False
    party: str | None = None

    @property
    def system(self) -> str:
        """CRM, 法务 or 财务."""
        return SYSTEMS.get(self.entity, "")


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one contract."""

    number: str
    lines: tuple[Told, ...]
    sums: Mapping[str, int]
    missing: tuple[str, ...]
    breaks: tuple[Mapping[str, Any], ...] = field(default=())
    questions: tuple[Mapping[str, Any], ...] = field(default=())


def story(
    number: str,
    told: Iterable[Told],
    breaks: Sequence[Mapping[str, Any]] = (),
    questions: Sequence[Mapping[str, Any]] = (),
) -> Story:
    """Lines in order of time (documents without a date first), sums of the matched shares, what is missing."""
    lines = sorted(told, key=lambda one: (one.on or date.min, one.system, one.number or ""))
    sums: dict[str, int] = {}
    for line in lines:
        if line.share_fen is not None and line.entity != "opportunity":
            sums[line.entity] = sums.get(line.entity, 0) + line.share_fen
    return Story(
        number, tuple(lines), sums, tuple(missing(lines)), tuple(breaks), tuple(questions)
    )


def missing(lines: Sequence[Told]) -> list[str]:
    """What a signed contract should have and this one has not, in the words of those who have to bring it."""
    contracts = [one for one in lines if one.entity == "contract"]
    states = {(one.entity, one.state) for one in lines}
    entities = {one.entity for one in lines}
    is_sealed = any(one.is_sealed for one in contracts) or ("signing", "completed") in states
    wanted = (
        ("合同台账中没有这份合同", bool(contracts)),
        ("CRM 中没有对应的商机", "opportunity" in entities),
        ("没有盖章或电子签完成的记录", is_sealed),
        ("没有合同扫描件", any(one.has_scan for one in contracts)),
        ("没有法务审批通过的记录", ("approval", "approved") in states),
        ("收款账户未备案", ("receiving_account", "filed") in states),
        ("没有开票", "invoice" in entities),
        ("没有回款", "receipt" in entities),
    )
    return [words for words, is_there in wanted if not is_there]

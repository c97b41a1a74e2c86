"""What metrics and the bridge read: a paper per business document, a dossier per contract. Pure.

A paper is lighter than a reconciled document and knows what metrics ask for: dates of stages, locks. To which
contract money belongs is what reconciliation found (`shares`); before it has run, what the document itself names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from enum import StrEnum

HOME_CURRENCY = "CNY"
UNREADABLE = "?"
"""The state of a document whose own state means nothing to us; it never counts."""

ENTITIES = (
    "contract", "opportunity", "approval", "signing", "receiving_account", "receivable", "invoice",
    "receipt", "refund", "order", "verification", "settlement",
)  # fmt: skip
"""The entities that metrics may speak of."""

_COUNTED: Mapping[str, frozenset[str | None]] = {
    "contract": frozenset({None, "active", "ended"}),
    "invoice": frozenset({None, "issued", "voiding"}),
    "receivable": frozenset({None, "audited"}),
    "receipt": frozenset({None, "audited"}),
    "refund": frozenset({None, "audited"}),
}
_EVIDENCE = frozenset({"approval", "signing", "receiving_account"})


class Aside(StrEnum):
    """Why a document is counted apart and never summed."""

    DUPLICATE = "duplicate_number"
    COPIES_DIFFER = "copies_differ"
    NEGATIVE = "negative_amount"
    NO_AMOUNT = "amount_missing"
    NO_DATE = "date_missing"
    UNREADABLE = "state_unreadable"


@dataclass(slots=True, eq=False)  # not frozen: hundreds of thousands are made
class Paper:
    """One business document as metrics read it; the field names are the vocabulary of formulas."""

    id: bytes
    entity: str
    source: str
    number: str | None = None
    kind: str | None = None
    state: str | None = None
    on_date: date | None = None
    amount_fen: int | None = None
    currency: str | None = None
    contract_number: str | None = None
    order_number: str | None = None
    opportunity_number: str | None = None
    amends_number: str | None = None
    red_of: str | None = None
    invoice_number: str | None = None
    receipt_number: str | None = None
    invoice_code: str | None = None
    flow_id: str | None = None
    expected_sign_on: date | None = None
    expected_receipt_on: date | None = None
    closed_on: date | None = None
    due_on: date | None = None
    decided_at: str | None = None
    is_sealed: bool | None = None
    has_scan: bool | None = None
    shares: tuple[tuple[str, int], ...] = ()

    @property
    def money(self) -> str:
        """Its currency; one that says none is in the home currency."""
        return self.currency or HOME_CURRENCY

    @property
    def counts(self) -> bool:
        """Whether its own state lets its amount count."""
        return self.state in _COUNTED.get(self.entity, frozenset({self.state}))

    @property
    def is_red(self) -> bool:
        """Whether it is a red-letter invoice, which takes a blue one back."""
        return self.entity == "invoice" and (
            self.kind == "red" or (self.red_of is not None and (self.amount_fen or 0) <= 0)
        )


FIELDS = frozenset(one.name for one in fields(Paper)) - {"id", "source", "shares"}
DATES = ("on_date", "expected_sign_on", "expected_receipt_on", "closed_on", "due_on")


@dataclass(slots=True)  # not frozen: filled while the papers are read
class Dossier:
    """All that is known of one contract. Money is fen in the home currency; `other_money` names currencies apart."""

    number: str
    contracts: list[Paper] = field(default_factory=list)
    stages: list[Paper] = field(default_factory=list)
    approval: Paper | None = None
    is_filed: bool = False
    is_signed: bool = False
    has_scan: bool = False
    invoices: list[tuple[date | None, int]] = field(default_factory=list)
    receipts: list[tuple[date | None, int]] = field(default_factory=list)
    refunds: list[tuple[date | None, int]] = field(default_factory=list)
    scheduled: list[tuple[date, int]] = field(default_factory=list)
    other_money: dict[str, set[str]] = field(default_factory=dict)

    @property
    def main(self) -> Paper | None:
        """The contract itself, None if only amendments are there."""
        return next((one for one in self.contracts if not amended(one)), None)

    def has(self, fact: str) -> bool:
        """Whether one of `FACTS` holds."""
        return bool(getattr(self, f"_{fact}"))

    @property
    def is_framework(self) -> bool:
        """Whether it is a framework agreement, which promises no amount."""
        return self.main is not None and self.main.kind == "framework"

    @property
    def _live(self) -> bool:
        return self.main is not None and self.main.counts

    @property
    def _not_framework(self) -> bool:
        return not self.is_framework

    @property
    def _sealed(self) -> bool:
        return self.is_signed or any(one.is_sealed for one in self.contracts if not amended(one))

    @property
    def _stage_signed(self) -> bool:
        return any(stage.state == "signed" for stage in self.stages)

    @property
    def _expected_receipt(self) -> bool:
        return any(stage.expected_receipt_on for stage in self.stages if stage.state == "signed")

    @property
    def _scan(self) -> bool:
        return self.has_scan

    @property
    def _legal_approved(self) -> bool:
        return self.approval is not None and self.approval.state == "approved"

    @property
    def _account_filed(self) -> bool:
        return self.is_filed


FACTS: Mapping[str, str] = {
    "live": "合同有效",
    "not_framework": "非框架协议",
    "sealed": "已盖章（电子签完成）",
    "stage_signed": "商机阶段已签约",
    "expected_receipt": "有预计回款日期",
    "scan": "合同扫描件",
    "legal_approved": "法务已审核通过",
    "account_filed": "收款账户已备案",
}
"""What a formula may ask of a contract, and how people say it."""

LOCKS = ("scan", "legal_approved", "account_filed")
"""The triple lock."""


def amended(paper: Paper) -> str | None:
    """The number of the contract that an amendment changes, None if it is none."""
    if paper.amends_number:
        return paper.amends_number
    is_other = paper.contract_number and paper.contract_number != paper.number
    return paper.contract_number if paper.kind == "amendment" and is_other else None


class Papers:
    """Papers by entity, one a number, and the dossier of every contract; the order they come in is of no matter."""

    def __init__(self, papers: Iterable[Paper]) -> None:
        self._found: dict[str, list[Paper]] = {name: [] for name in ENTITIES}
        self.aside: list[tuple[Aside, Paper]] = []
        self.dossiers: dict[str, Dossier] = {}
        self._of: dict[bytes, tuple[tuple[str, int], ...]] = {}
        self._numbers: dict[tuple[str, str], tuple[tuple[str, int], ...]] = {}
        grouped: dict[str, list[Paper]] = {name: [] for name in ENTITIES}
        for paper in papers:
            if paper.entity in grouped:
                paper.kind = "red" if paper.is_red else paper.kind
                grouped[paper.entity].append(paper)
        for entity, listed in grouped.items():
            listed.sort(key=lambda one: (one.source, one.number or "", one.id))
            self._found[entity] = listed if entity in _EVIDENCE else list(self._distinct(listed))
        self._read_contracts()
        self._read_stages()
        self._read_evidence()
        self._read_money()

    def of(self, entity: str) -> list[Paper]:
        """The papers of an entity, one a number."""
        return self._found[entity]

    def shares(self, paper: Paper) -> tuple[tuple[str | None, int], ...]:
        """What a paper's amount is to each contract, in fen; a contract None if it belongs to none that is known."""
        return self._of.get(paper.id) or ((None, paper.amount_fen or 0),)

    def _distinct(self, listed: list[Paper]) -> Iterator[Paper]:
        seen: dict[tuple[str, str], Paper] = {}
        for paper in listed:
            key = (paper.invoice_code or "", paper.number or "")
            head = seen.get(key) if paper.number else None
            if head is None:
                seen[key] = paper
                yield paper
            elif head.source == paper.source:
                self.aside.append((Aside.DUPLICATE, paper))
            elif not _agree(head, paper):
                self.aside.append((Aside.COPIES_DIFFER, paper))
            else:
                _fill(head, paper)

    def _dossier(self, number: str) -> Dossier:
        return self.dossiers.setdefault(number, Dossier(number))

    def _read_contracts(self) -> None:
        roots = {one.number: amended(one) for one in self.of("contract") if one.number}
        for paper in self.of("contract"):
            number, seen = paper.number or paper.contract_number or f"#{paper.id.hex()}", set()
            while (root := roots.get(number)) and number not in seen:
                seen.add(number)
                number = root
            dossier = self._dossier(number)
            dossier.contracts.append(paper)
            dossier.has_scan = dossier.has_scan or (bool(paper.has_scan) and not amended(paper))
            self._of[paper.id] = ((number, paper.amount_fen or 0),)
            if paper.number:
                self._numbers["contract", paper.number] = ((number, 0),)

    def _named(self, text: str | None) -> Dossier | None:
        """The dossier of a contract number or of an amendment's."""
        if text is None:
            return None
        [(number, _)] = self._numbers.get(("contract", text), ((text, 0),))
        return self.dossiers.get(number)

    def _read_stages(self) -> None:
        by_opportunity = {
            one.opportunity_number: self._of[one.id][0][0]
            for one in reversed(self.of("contract"))
            if one.opportunity_number and not amended(one)
        }
        for stage in self.of("opportunity"):
            dossier = self._named(stage.contract_number) or self._named(
                by_opportunity.get(stage.number or "")
            )
            if dossier is not None:
                dossier.stages.append(stage)
                self._of[stage.id] = ((dossier.number, stage.amount_fen or 0),)

    def _read_evidence(self) -> None:
        for approval in self.of("approval"):
            dossier = self._named(approval.contract_number)
            if dossier is not None and (
                dossier.approval is None or _decided(dossier.approval) <= _decided(approval)
            ):
                dossier.approval = approval
        for account in self.of("receiving_account"):
            dossier = self._named(account.contract_number)
            if dossier is not None and account.state == "filed":
                dossier.is_filed = True
        numbers, flows = _signed(self.of("signing"))
        for dossier in self.dossiers.values():
            main = dossier.main
            dossier.is_signed = main is not None and (
                dossier.number in numbers or main.flow_id in flows
            )

    def _read_money(self) -> None:
        for entity in ("receivable", "invoice", "receipt", "refund"):
            # a red invoice follows its blue one, whatever their numbers are
            for paper in sorted(self.of(entity), key=lambda one: one.is_red):
                shares = self._placed(paper)
                self._of[paper.id] = shares
                if paper.number and shares:
                    self._numbers[entity, paper.number] = shares
                if paper.counts and paper.amount_fen is not None:
                    for number, fen in shares:
                        self._enter(self._dossier_of(number), paper, fen)

    def _dossier_of(self, number: str) -> Dossier | None:
        return self._named(number)

    def _placed(self, paper: Paper) -> tuple[tuple[str, int], ...]:
        """Reconciliation's word, else the one contract that the paper itself leads to."""
        amount = paper.amount_fen or 0
        if paper.shares:
            return tuple((self._root(number), fen) for number, fen in paper.shares)
        dossier = self._named(paper.contract_number)
        if dossier is not None:
            return ((dossier.number, amount),)
        for entity, number in (
            ("invoice", paper.red_of),
            ("invoice", paper.invoice_number),
            ("receipt", paper.receipt_number),
        ):
            found = self._numbers.get((entity, number)) if number else None
            if found and len(found) == 1:
                return ((found[0][0], amount),)
        return ()

    def _root(self, number: str) -> str:
        dossier = self._named(number)
        return dossier.number if dossier is not None else number

    def _enter(self, dossier: Dossier | None, paper: Paper, fen: int) -> None:
        if dossier is None:
            return
        if paper.money != HOME_CURRENCY:
            dossier.other_money.setdefault(paper.entity, set()).add(paper.money)
        elif paper.entity == "invoice":
            dossier.invoices.append((paper.on_date, -abs(fen) if paper.is_red else fen))
        elif paper.entity == "receipt":
            dossier.receipts.append((paper.on_date, fen))
        elif paper.entity == "refund":
            dossier.refunds.append((paper.on_date, abs(fen)))
        elif paper.due_on is not None:
            dossier.scheduled.append((paper.due_on, fen))


def _agree(head: Paper, copy: Paper) -> bool:
    amounts = {head.amount_fen, copy.amount_fen} - {None}
    return len(amounts) <= 1 and head.money == copy.money and head.counts == copy.counts


def _fill(head: Paper, copy: Paper) -> None:
    """What only the copy says; a seal and a scan are there if one of them says so."""
    for name in FIELDS:
        if getattr(head, name) is None:
            setattr(head, name, getattr(copy, name))
    head.is_sealed = head.is_sealed or copy.is_sealed
    head.has_scan = head.has_scan or copy.has_scan


def _decided(approval: Paper) -> tuple[str, str, bytes]:
    on = approval.on_date.isoformat() if approval.on_date else ""
    return (approval.decided_at or "", on, approval.id)


def _signed(signings: Iterable[Paper]) -> tuple[set[str], set[str]]:
    """Contract numbers and flow ids whose signing is complete and was not undone."""
    seen: tuple[dict[str, set[str | None]], dict[str, set[str | None]]] = ({}, {})
    for signing in signings:
        for found, name in zip(seen, (signing.contract_number, signing.flow_id), strict=True):
            if name is not None:
                found.setdefault(name, set()).add(signing.state)
    numbers, flows = (
        {
            name
            for name, states in found.items()
            if "completed" in states and not states & {"dissolved", "invalid"}
        }
        for found in seen
    )
    return numbers, flows

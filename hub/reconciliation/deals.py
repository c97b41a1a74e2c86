"""Contracts as deals: copies told from duplicates, amendments added, evidence of CRM and legal attached."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

from hub.reconciliation.books import HOME_CURRENCY, UNREADABLE, Entry, order_of, party_keys
from hub.reconciliation.findings import Break, Findings
from hub.reconciliation.kinds import BreakKind
from hub.reconciliation.rules import Rules

_COUNTED: Mapping[str, frozenset[str | None]] = {
    "contract": frozenset({None, "active", "ended"}),
    "invoice": frozenset({None, "issued", "voiding"}),
    "receivable": frozenset({None, "audited"}),
    "receipt": frozenset({None, "audited"}),
    "refund": frozenset({None, "audited"}),
}


def counts(entry: Entry) -> bool:
    """Whether a document's own state lets its amount count."""
    wanted = _COUNTED.get(entry.entity)
    return wanted is None or entry.state in wanted


@dataclass(slots=True)  # not frozen: sums grow while documents are matched
class Deal:
    """A contract with all that belongs to it. Sums are fen in the contract's currency; `refunded` is positive."""

    contract: Entry
    number: str
    value: int | None
    currency: str
    is_live: bool
    is_void: bool
    is_framework: bool
    is_sealed: bool
    invoiced: int = 0
    received: int = 0
    refunded: int = 0
    due: int = 0
    receivables: list[Entry] = field(default_factory=list)
    invoices: list[int] = field(default_factory=list)
    receipts: list[tuple[int, int]] = field(default_factory=list)
    opportunities: list[Entry] = field(default_factory=list)
    approval: Entry | None = None
    is_filed: bool = False

    @property
    def is_open(self) -> bool:
        """Whether documents without a reference may belong to it."""
        return self.is_live and not self.is_framework and self.value is not None


class Ledger:
    """All deals of the books, and every way to find one."""

    def __init__(
        self, documents: Mapping[str, list[Entry]], rules: Rules, findings: Findings, today: int
    ) -> None:
        self._rules = rules
        self._today = today
        self._findings = findings
        self.deals: dict[str, Deal] = {}
        self.aliases: dict[str, Deal] = {}
        self.by_opportunity: dict[str, list[Deal]] = {}
        self.by_order: dict[str, set[str]] = {}
        signed = _signed(documents["signing"])
        amendments = []
        for contract in distinct(documents["contract"], findings, rules):
            if _amended(contract) is not None:
                amendments.append(contract)
            else:
                self._add(contract, signed)
        chain = {one.number: _amended(one) for one in amendments}
        for amendment in amendments:
            self._amend(amendment, chain)
        self._add_orders(documents["order"])
        self._add_evidence(documents["approval"], documents["receiving_account"])

    @cached_property
    def by_party(self) -> dict[str | bytes, list[Deal]]:
        """Open deals by each key of their party; made only if somebody asks."""
        found: dict[str | bytes, list[Deal]] = {}
        for deal in self.deals.values():
            if deal.is_open:
                for key in party_keys(deal.contract):
                    found.setdefault(key, []).append(deal)
        return found

    def named(self, number: str) -> Deal | None:
        """The deal of a contract number, or of an amendment's number."""
        return self.deals.get(number) or self.aliases.get(number)

    def of_order(self, number: str) -> Deal | None:
        """The one deal of an order number, None if there is none or several."""
        found = self.by_order.get(number, ())
        return self.named(next(iter(found))) if len(found) == 1 else None

    def is_late(self, entry: Entry, since: int | None, days: int) -> bool:
        """Whether a term is over for what is not there; ask last, since what is not late yet is watched."""
        if since is None:
            return False
        if self._today > since + days:
            return True
        waits, day = self._findings.waits, since + days + 1
        waits[entry.id] = min(day, waits.get(entry.id, day))
        return False

    def add_break(
        self,
        kind: BreakKind,
        entry: Entry,
        deal: Deal | None = None,
        amount: int | None = None,
        **detail: object,
    ) -> None:
        """Write down a break about `entry`; `amount` (default: the document's own) is what is at stake."""
        self._findings.breaks.append(
            Break(
                kind,
                entry,
                deal.number if deal else entry.contract,
                deal.contract.id if deal else None,
                entry.amount if amount is None else amount,
                {name: value for name, value in detail.items() if value is not None},
            )
        )

    def _add(self, contract: Entry, signed: tuple[set[str], set[str]]) -> None:
        number = contract.number or contract.contract or f"#{contract.id.hex()}"
        by_number, by_flow = signed
        is_signed = number in by_number or (contract.flow is not None and contract.flow in by_flow)
        value, state = contract.amount, contract.state
        is_framework = contract.kind == "framework"
        is_live = counts(contract)
        deal = Deal(
            contract, number, value, contract.currency or HOME_CURRENCY, is_live,
            state == "voided", is_framework, contract.sealed is True or is_signed,
        )  # fmt: skip
        self.deals[number] = deal
        if value is not None and value < 0:
            self.add_break(BreakKind.NEGATIVE_AMOUNT, contract, deal)
            deal.value = None
        elif value is None and is_live and not is_framework:
            self.add_break(BreakKind.AMOUNT_MISSING, contract, deal)
        if contract.opportunity is not None:
            self.by_opportunity.setdefault(contract.opportunity, []).append(deal)
        if contract.order is not None:
            self.by_order.setdefault(contract.order, set()).add(number)

    def _amend(self, amendment: Entry, chain: Mapping[str | None, str | None]) -> None:
        """Find the contract at the end of a chain of amendments; a chain that ends nowhere is a break."""
        root, seen = _amended(amendment), {amendment.number}
        while root is not None and root not in self.deals and root in chain and root not in seen:
            seen.add(root)
            root = chain[root]
        deal = self.deals.get(root) if root is not None else None
        if deal is None:
            self.add_break(BreakKind.AMENDMENT_WITHOUT_CONTRACT, amendment, reference=root)
            return
        if amendment.number is not None:
            self.aliases[amendment.number] = deal
        if not counts(amendment) or amendment.sealed is False or deal.value is None:
            return
        if (amendment.currency or deal.currency) != deal.currency:
            self.add_break(
                BreakKind.CURRENCY_DIFFERS, amendment, deal,
                expected=deal.currency, found=amendment.currency,
            )  # fmt: skip
            return
        base = deal.value if self._rules.amendment == "change" else 0
        deal.value = base + (amendment.amount or 0)

    def _add_orders(self, orders: Iterable[Entry]) -> None:
        for order in orders:
            if order.number is not None and order.contract is not None:
                self.by_order.setdefault(order.number, set()).add(order.contract)

    def _add_evidence(self, approvals: Iterable[Entry], accounts: Iterable[Entry]) -> None:
        """The newest approval of each contract, and whether its receiving account is filed."""
        for approval in approvals:
            deal = self.named(approval.contract) if approval.contract else None
            if deal is None or (deal.approval and _decided(deal.approval) > _decided(approval)):
                continue
            deal.approval = approval
        for account in accounts:
            deal = self.named(account.contract) if account.contract else None
            if deal is not None and account.state == "filed":
                deal.is_filed = True


def distinct(entries: Iterable[Entry], findings: Findings, rules: Rules) -> list[Entry]:
    """One entry a number. The same document from several sources is one if they agree; else it is a break, and
    so is a number that comes twice from one source: the later ones are set aside and never summed."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    kept = []
    for entry in entries:
        if entry.number is None:
            kept.append(entry)
        else:
            groups.setdefault((entry.code or "", entry.number), []).append(entry)
    for group in groups.values():
        kept.append(group[0] if len(group) == 1 else _one_of(group, findings, rules))
    return kept


def _one_of(group: list[Entry], findings: Findings, rules: Rules) -> Entry:
    head, *others = sorted(group, key=lambda one: (one.source, order_of(one)))
    sources = {head.source}
    for other in others:
        if other.source in sources:
            _set_aside(BreakKind.DUPLICATE_NUMBER, other, head, findings)
        elif not _agree(head, other, rules):
            _set_aside(BreakKind.COPIES_DIFFER, other, head, findings)
        else:
            head = _filled(head, other)
        sources.add(other.source)
    return head


def _set_aside(kind: BreakKind, other: Entry, head: Entry, findings: Findings) -> None:
    detail = {
        "number": head.number,
        "first_source": head.source,
        "expected_fen": head.amount,
        "found_fen": other.amount,
        "expected_state": head.state,
        "found_state": other.state,
    }
    told = {name: value for name, value in detail.items() if value is not None}
    findings.breaks.append(Break(kind, other, other.contract, None, other.amount, told))


def _agree(one: Entry, other: Entry, rules: Rules) -> bool:
    if one.amount is not None and other.amount is not None:
        same_money = (one.currency or HOME_CURRENCY) == (other.currency or HOME_CURRENCY)
        if not same_money or not rules.amount.is_equal(other.amount, one.amount):
            return False
    return counts(one) == counts(other)


def _filled(head: Entry, copy: Entry) -> Entry:
    """`head` with what only its copy says."""
    absent = {
        one.name: getattr(copy, one.name)
        for one in fields(head)
        if getattr(head, one.name) is None and getattr(copy, one.name) is not None
    }
    is_sealed = {"sealed": True} if copy.sealed else {}
    has_scan = {"has_scan": True} if copy.has_scan else {}
    return replace(head, **{**absent, **is_sealed, **has_scan})


def _amended(contract: Entry) -> str | None:
    """The number of the contract that this one amends, None if it is none of that kind."""
    if contract.target is not None:
        return contract.target
    if contract.kind == "amendment":
        return contract.contract if contract.contract != contract.number else ""
    return None


def _decided(approval: Entry) -> tuple[str, int, bytes]:
    return (approval.decided or "", approval.on or 0, approval.id)


def _signed(signings: Iterable[Entry]) -> tuple[set[str], set[str]]:
    """Contract numbers and flow ids whose signing is complete and was not undone."""
    numbers: dict[str, set[str | None]] = {}
    flows: dict[str, set[str | None]] = {}
    for signing in signings:
        if signing.contract is not None:
            numbers.setdefault(signing.contract, set()).add(signing.state)
        if signing.flow is not None:
            flows.setdefault(signing.flow, set()).add(signing.state)
    return _complete(numbers), _complete(flows)


def _complete(states: Mapping[str, set[str | None]]) -> set[str]:
    undone = {"dissolved", "invalid"}
    return {name for name, seen in states.items() if "completed" in seen and not seen & undone}


def unreadable(documents: Mapping[str, list[Entry]], say: Callable[..., None]) -> None:
    """Tell of every document whose state nobody understands."""
    for entries in documents.values():
        for entry in entries:
            if entry.state == UNREADABLE:
                say(BreakKind.STATE_UNREADABLE, entry)

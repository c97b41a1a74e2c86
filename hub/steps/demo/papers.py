"""The demo's invented month of money: contracts, and what each system says of them; some of it does not agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from hub.connectors.esign.simulator.flows import SimulatedFlow
from hub.connectors.kingdee.simulator import SimulatedBill
from hub.reconciliation.kinds import BreakKind
from hub.reconciliation.months import Month

_FEN = 100
_COMPANIES = ("演示公司", "示例科技", "样板商贸")
_STRANGER = 903
_STATED = 13
_BUYER = "19900000000"  # the first visitor of the demo's form
UNSEALED, FRAMEWORK, REJECTED, MISSTATED, OVERPAID, TWO_RATES, LATE = 3, 4, 5, 6, 7, 10, 12
PLANTED: Mapping[BreakKind, int] = Counter(
    (
        *(BreakKind.SIGNED_UNSEALED, BreakKind.FRAMEWORK_COUNTED, BreakKind.APPROVAL_REJECTED),
        *(BreakKind.AMOUNT_DIFFERS, BreakKind.RECEIPT_OVER, BreakKind.INVOICE_WITHOUT_CONTRACT),
        *(BreakKind.SIGNED_WITHOUT_CONTRACT, BreakKind.RECEIPT_WITHOUT_CONTRACT),
    )
)
"""What does not agree, so that it can be held against what reconciliation finds."""


@dataclass(frozen=True, slots=True)
class DemoMonth:
    """Contracts 1 to 12 of the month before today's, and one that a visitor of the form signs today."""

    today: date

    @property
    def month(self) -> Month:
        """The month whose figures are told."""
        return Month.of(self.today).previous

    @property
    def attributed(self) -> str:
        """The contract of the visitor."""
        return self.number(_STATED)

    def number(self, n: int) -> str:
        """The number of contract `n`."""
        return f"HT-{self.month.first:%Y%m}-{n:02d}"

    def signed_on(self, n: int) -> date:
        """When it was signed."""
        return self.today if n == _STATED else self.month.first + timedelta(days=n)

    def ledger(self) -> Iterator[tuple[Any, ...]]:
        """Rows of the contract ledger: number, customer and code, yuan, day, kind, state, sealed, scan, phone."""
        for n in range(1, _STATED + 1):
            kind = "框架协议" if n == FRAMEWORK else "标准合同"
            sealed = "否" if n in (UNSEALED, FRAMEWORK) else "是"
            phone = _BUYER if n == _STATED else ""
            yield (
                self.number(n), _COMPANIES[n % 3], _code(n), _yuan(n), self.signed_on(n).isoformat(),
                kind, "已生效", sealed, f"scans/{self.number(n)}.pdf", phone,
            )  # fmt: skip

    def stages(self) -> list[dict[str, Any]]:
        """Opportunities as CRM has them; the last was never a contract."""
        made = [
            {
                "number": f"SJ-{n:02d}",
                "contract_number": self.number(n),
                "state": "已签约",
                "amount": str(_yuan(n) * (120 if n == MISSTATED else 100) // 100),
                "expected_sign_on": self.signed_on(n).isoformat(),
                "expected_receipt_on": (self.signed_on(n) + timedelta(days=30)).isoformat(),
                "party_code": _code(n),
                **({"mobile_e164": _BUYER} if n == _STATED else {}),
            }
            for n in range(1, _STATED + 1)
        ]
        lost = {**made[0], "number": "SJ-99", "amount": "66000", "party_code": "CUST990"}
        del lost["contract_number"]
        return [*made, lost]

    def office(self) -> list[dict[str, Any]]:
        """Approvals, filed accounts and invoices; one invoice names no contract."""
        papers: list[dict[str, Any]] = []
        for n in range(1, _STATED + 1):
            named = {"contract_number": self.number(n)}
            state = "驳回" if n == REJECTED else "已审核通过"
            papers.append({**named, "type": "approval", "state": state, "reason": "条款待补充"})
            papers.append({**named, "type": "receiving_account", "state": "已备案"})
            if _is_paid(n):
                papers.append(self._invoice(n) | named)
        stray = {**self._invoice(1), "number": f"{_STRANGER:020d}", "party_code": "CUST980"}
        return [*papers, {**stray, "amount": "12345"}]

    def bills(self, entered_at: datetime) -> Iterator[SimulatedBill]:
        """Receivables and receipts as 金蝶 has them, entered then; one is paid too much, one payer has no contract."""
        for n in filter(_is_paid, range(1, _STATED)):
            fen = _yuan(n) * _FEN
            yield self._bill(entered_at, 2 * n, "AR_receivable", n, (fen,))
            paid = (fen // 3, fen - fen // 3) if n == TWO_RATES else (fen,)
            yield self._bill(
                entered_at,
                2 * n + 1,
                "AR_RECEIVEBILL",
                n,
                (*paid, 88_800) if n == OVERPAID else paid,
            )
        day = self.month.last
        yield SimulatedBill(
            _STRANGER,
            "AR_RECEIVEBILL",
            f"SKD{_STRANGER}",
            day,
            _STRANGER,
            "",
            (432_100,),
            entered_at,
        )

    def flows(self) -> Iterator[SimulatedFlow]:
        """Signing flows of e签宝; what is not sealed has none."""
        for n in range(1, _STATED + 1):
            if n in (UNSEALED, FRAMEWORK):
                continue
            at = datetime.combine(self.signed_on(n), time(1), UTC)
            yield SimulatedFlow(
                n, f"demo-flow-{n:02d}", self.number(n), "服务合同-演示", ("张三", "李四"), "completed", at
            )  # fmt: skip

    def _invoice(self, n: int) -> dict[str, Any]:
        day = self.month.next.first if n == LATE else self.signed_on(n) + timedelta(days=3)
        return {
            "type": "invoice", "number": f"{n:020d}", "kind": "蓝票", "state": "已开票", "currency": "CNY",
            "amount": str(_yuan(n)), "on_date": day.isoformat(), "party_code": _code(n),
        }  # fmt: skip

    def _bill(
        self, entered_at: datetime, fid: int, form: str, n: int, entries: tuple[int, ...]
    ) -> SimulatedBill:
        # Paid too much today: an invoice for the rest is not late yet.
        day = self.today if n == OVERPAID else self.signed_on(n) + timedelta(days=10)
        day = min(day, self.today)
        return SimulatedBill(
            fid,
            form,
            f"{form[-4:]}-{fid:04d}",
            day,
            _customer(n),
            self.number(n),
            entries,
            entered_at,
        )


def _yuan(n: int) -> int:
    return 10_000 * n + 2_000


def _customer(n: int) -> int:
    """A customer whom 金蝶 calls by the same name as the ledger; every fourth name is the stranger's."""
    return n // 3 * 4 + n % 3


def _code(n: int) -> str:
    return f"CUST{_customer(n):03d}"


def _is_paid(n: int) -> bool:
    return n not in (UNSEALED, FRAMEWORK, _STATED)

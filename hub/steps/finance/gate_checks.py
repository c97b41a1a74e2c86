"""The checks that say whether figures may leave the house, and what reconciliation has left open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.finance.breaks import open_totals
from hub.reconciliation.gate import Unknown
from hub.reconciliation.kinds import BREAK_WORDS, BreakKind
from hub.settings import HubSettings
from hub.steps.check_results import CheckDeclaration, CheckResult, CheckTable, Severity
from hub.steps.finance import gate
from hub.steps.finance.gate import Gate

# The gate tells the governance group by itself.
ALERTED_WHEN_FOUND = frozenset({"gate"})
# Three hourly readings in a row were not taken.
_LATE = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What the checks judge: every gate, and open breaks by merchant, kind and currency."""

    gates: Sequence[Gate]
    breaks: Sequence[tuple[str, str, str, int, int]]


def recon_asset(settings: HubSettings, merchant: str, name: str) -> tuple[str, ...]:
    """The asset of a merchant's figure or gate; with one merchant its name is left out."""
    return ("recon", name) if len(settings.merchants) == 1 else ("recon", merchant, name)


def declared_gate(settings: HubSettings) -> list[CheckDeclaration]:
    """Both checks of every merchant, in the order of `judge_gate`."""
    declared = []
    for merchant in settings.merchants:
        asset = recon_asset(settings, merchant.id, "gate")
        declared += [
            CheckDeclaration(
                asset,
                "gate",
                f"Figures may leave the house: the residual is no more than {gate.RULE.limit_percent} %.",
                is_blocking=True,
            ),
            CheckDeclaration(asset, "reconciliation", "Contracts, invoices and receipts agree."),
        ]
    return declared


def read_gates(conn: sa.Connection, now: datetime) -> GateFacts:
    """What the checks need, in the caller's snapshot."""
    totals = [
        (row["merchant"], row["kind"], row["currency"], row["count"], int(row["amount_fen"]))
        for row in open_totals(conn)
    ]
    return GateFacts(gate.status_of(conn, now), totals)


def judge_gate(facts: GateFacts, settings: HubSettings, now: datetime) -> list[CheckResult]:
    """The result of both checks for every merchant. Pure."""
    results = []
    for merchant in settings.merchants:
        asset = recon_asset(settings, merchant.id, "gate")
        mine = [one for one in facts.gates if one.name.merchant == merchant.id]
        breaks = [row[1:] for row in facts.breaks if row[0] == merchant.id]
        results += [_gate(asset, merchant.id, mine, now), _breaks(asset, merchant.id, breaks)]
    return results


def _gate(
    asset: tuple[str, ...], merchant: str, gates: Sequence[Gate], now: datetime
) -> CheckResult:
    closed = [one for one in gates if not one.state.is_open]
    unread = [one for one in gates if _is_unread(one)]
    newest = max((one.state.last.at for one in gates if one.state.last), default=None)
    is_late = newest is not None and now - newest > _LATE
    if closed:
        note = f"{gate.STAMP}: {closed[0].name.period} is closed, residual {closed[0].share}."
    elif is_late:
        note = f"No reading since {newest:%Y-%m-%d %H:%M} UTC."
    elif unread:
        note = f"The gate has no reading: {gate.in_words(unread[0])}"
    else:
        note = "Figures may leave the house." if gates else "There is nothing to compare yet."
    numbers = {"gates": len(gates), "closed": len(closed), "unknown": len(unread)}
    shares = [one.state.last_known.share_bp for one in gates if one.state.last_known]
    if shares and shares[-1] is not None:
        numbers["residual_bp"] = shares[-1]
    rows = tuple((one.name.period, one.word, one.share, gate.in_words(one)) for one in gates)
    return CheckResult(
        asset=asset,
        name="gate",
        passed=not (closed or is_late or unread),
        severity=Severity.ERROR if closed else Severity.WARN,
        note=note,
        numbers=numbers,
        table=CheckTable(("month", "gate", "residual", "says"), rows) if rows else None,
        command=_command(merchant, closed, is_late=is_late or bool(unread)),
    )


def _command(merchant: str, closed: Sequence[Gate], *, is_late: bool) -> str | None:
    if closed:
        return f"hub export bridge --merchant {merchant} --month {closed[0].name.period}"
    return "hub gate evaluate" if is_late else None


def _is_unread(one: Gate) -> bool:
    """Whether its newest reading says nothing, although it should."""
    last = one.state.last
    is_due = last is not None and last.unknown not in (None, Unknown.POSTING_LAG)
    return is_due and one.now - (last.at if last else one.now) < _LATE


def _breaks(
    asset: tuple[str, ...], merchant: str, rows: Sequence[tuple[str, str, int, int]]
) -> CheckResult:
    total = sum(count for _, _, count, _ in rows)
    by_kind: Mapping[str, int] = _by_kind(rows)
    table = tuple((_word(kind), money, count, fen) for kind, money, count, fen in rows)
    return CheckResult(
        asset=asset,
        name="reconciliation",
        passed=not total,
        severity=Severity.WARN,
        note=f"{total} break(s) are open." if total else "No break is open.",
        numbers={"breaks": total, **{f"breaks_{kind}": n for kind, n in by_kind.items()}},
        table=CheckTable(("type", "currency", "breaks", "at stake (fen)"), table)
        if table
        else None,
        command=f"hub reconcile breaks --merchant {merchant}" if total else None,
    )


def _by_kind(rows: Sequence[tuple[str, str, int, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for kind, _, count, _ in rows:
        found[kind] = found.get(kind, 0) + count
    return dict(sorted(found.items()))


def _word(kind: str) -> str:
    return BREAK_WORDS[BreakKind(kind)] if kind in tuple(BreakKind) else kind

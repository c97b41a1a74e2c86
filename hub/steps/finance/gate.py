"""The gate on the store: read every hour, told when it closes, opened by agreement or by a named person.

Ingestion, loading, reconciliation and what a platform is told of its own leads never ask it: only what carries figures
out of the house does, by `require_open`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from hub.alerts.outbox import close_alert, raise_alert
from hub.database.engine import store_errors
from hub.errors import ConfigError, RefusedError
from hub.finance import gate as rows
from hub.finance import metric_values
from hub.finance.gate import GateName
from hub.ops.audit import write_audit
from hub.reconciliation.bridge import build_bridge
from hub.reconciliation.gate import (
    UNKNOWN_WORDS,
    GateState,
    Override,
    Reading,
    Rule,
    Unknown,
    judge,
)
from hub.reconciliation.months import Month, is_due, newest_due
from hub.reconciliation.papers import Papers
from hub.settings import HubSettings
from hub.steps.finance import metrics
from hub.steps.finance.metrics import Figures

NUMERATOR, DENOMINATOR = "signed_agreed", "finance_of_locked"
RULE = Rule()
STAMP = "未对平"
LONGEST_OVERRIDE = timedelta(days=14)
# A merchant without these has nothing that a gate could compare.
_JUDGED = ("contract", "invoice")
# A month that agreed and is followed by a newer one is history after so long.
_SHOWN_FOR = timedelta(days=8)
_ENTITY_WORDS = {
    "contract": "合同台账",
    "opportunity": "商机",
    "approval": "法务审批",
    "receiving_account": "收款账户备案",
    "invoice": "发票",
}


class GateClosedError(RefusedError):
    """Figures of this merchant must not leave the house now; the text is one line and says why."""

    def __init__(self, message: str) -> None:
        super().__init__("gate_closed", status=409, message=message)


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate as it stands at an instant."""

    name: GateName
    state: GateState
    now: datetime

    @property
    def word(self) -> str:
        """`open`, `closed`, `overridden` or `unknown` (never read a known reading)."""
        if self.state.shut_since is not None:
            return "closed" if self.state.override is None else "overridden"
        return "open" if self.state.last_known is not None else "unknown"

    @property
    def share(self) -> str:
        """The residual's share at the newest known reading: `23.10 %`."""
        return share_of(self.state.last_known)


def share_of(reading: Reading | None) -> str:
    """A reading's share for people; a residual of nothing has none."""
    if reading is None or reading.unknown is not None:
        return "—"
    share = reading.share_bp
    return "无分母" if share is None else f"{share // 100}.{share % 100:02d} %"


def in_words(gate: Gate) -> str:
    """A gate in one line of Chinese, for watermarks and tables."""
    state = gate.state
    last = state.last
    if state.override is not None and state.shut_since is not None:
        until = state.override.expires_at
        return f"{STAMP}，由 {state.override.by} 放行至 {until:%Y-%m-%d %H:%M} UTC：{state.override.reason}"
    if state.shut_since is not None:
        return f"{STAMP}，自 {state.shut_since:%Y-%m-%d %H:%M} UTC 关闭，残差 {gate.share}"
    if last is not None and last.unknown is not None:
        return f"开放，无读数：{UNKNOWN_WORDS[last.unknown]}（{last.detail}）"
    health = "，健康（残差持续低于 5 %）" if state.is_healthy else ""
    return f"开放，残差 {gate.share}{health}"


def evaluate_gate(
    engine: sa.Engine, settings: HubSettings, now: datetime, *, merchant: str | None = None
) -> list[Gate]:
    """Take this hour's reading of every gate, and open or close what it decides. Safe to repeat.

    A month is read once finance's posting lag is over, and on until it has agreed. The month before that has readings
    that say only that it is too early.

    Raises:
        ConfigError: The metric dictionary is wrong.
    """
    with store_errors(), engine.begin() as conn:
        merchants = metric_values.with_documents(conn, _JUDGED)
    found: list[Gate] = []
    for one in merchants if merchant is None else sorted({merchant} & set(merchants)):
        with store_errors(), engine.begin() as conn:
            rows.lock_gates(conn, one)
            found += _Evaluation(conn, settings, one, now).run()
    return found


class _Evaluation:
    """One merchant's gates at one instant."""

    def __init__(
        self, conn: sa.Connection, settings: HubSettings, merchant: str, now: datetime
    ) -> None:
        self._conn = conn
        self._settings = settings
        self._merchant = merchant
        self._now = now
        self._finance = settings.finance_of(merchant)
        self._today = metrics.business_day(now)
        self._dictionary = metrics.load_dictionary(settings)
        self._version = "+".join(
            f"{name} {self._dictionary[name].version} {self._dictionary[name].digest}"
            for name in (NUMERATOR, DENOMINATOR)
        )

    def run(self) -> list[Gate]:
        names = (NUMERATOR, DENOMINATOR)
        papers = metrics.read_papers(self._conn, self._merchant, self._dictionary, names)
        months = self._months()
        for one in rows.gates_of(self._conn, self._merchant):
            if Month.parse(one.name.period) not in months:  # agreed, or never readable: history
                close_alert(self._conn, _unknown_key(one.name))
        return [self._evaluate(papers, month) for month in months]

    def _months(self) -> list[Month]:
        """The newest month that is due, those that have not agreed yet, and the one that is still being posted."""
        known = rows.gates_of(self._conn, self._merchant)
        open_ones = {
            Month.parse(one.name.period) for one in known if one.shut_since or one.over_since
        }
        due = newest_due(self._today, self._finance.posting_lag_days)
        last = Month.of(self._today).previous
        return sorted({*open_ones, due, last})

    def _evaluate(self, papers: Papers, month: Month) -> Gate:
        name = GateName(self._merchant, NUMERATOR, str(month))
        before = next(
            (one for one in rows.gates_of(self._conn, self._merchant) if one.name == name), None
        )
        rows.keep_reading(self._conn, name, self._version, self._reading(papers, month))
        gate = _judged(self._conn, name, self._now, before.over_since if before else None)
        self._tell(gate, before)
        rows.keep_gate(self._conn, name, gate.state, self._now)
        return gate

    def _reading(self, papers: Papers, month: Month) -> Reading:
        if not is_due(month, self._today, self._finance.posting_lag_days):
            lag = f"{month} 月末后 {self._finance.posting_lag_days} 天"
            return Reading(self._now, unknown=Unknown.POSTING_LAG, detail=lag)
        found = metrics.figures_of(
            self._conn, self._settings, self._merchant, papers, (NUMERATOR, DENOMINATOR), month,
            self._now,
        )  # fmt: skip
        return read_gate(found)

    def _tell(self, gate: Gate, before: rows.StoredGate | None) -> None:
        """Alert at closing (again when an override ran out), and while readings say nothing; close what is over."""
        name, state = gate.name, gate.state
        key = f"gate:{name.merchant}:{name.metric}:{name.period}"
        was_shut = before is not None and before.shut_since is not None
        if state.shut_since is None:
            close_alert(self._conn, key)
        elif state.override is None and (not was_shut or self._ran_out(name, before)):
            raise_alert(
                self._conn,
                dedupe_key=key,
                severity="critical",
                merchant=name.merchant,
                owner=self._finance.governance,
                facts={
                    "merchant": name.merchant,
                    "period": name.period,
                    "residual": gate.share,
                    "since": (state.over_since or state.shut_since).isoformat(),
                },
            )
        self._tell_unknown(gate)

    def _ran_out(self, name: GateName, before: rows.StoredGate | None) -> bool:
        since = before.evaluated_at if before else self._now
        return any(
            since < one.expires_at <= self._now for one in rows.overrides_of(self._conn, name)
        )

    def _tell_unknown(self, gate: Gate) -> None:
        last, name = gate.state.last, gate.name
        key = _unknown_key(name)
        if last is None or last.unknown is None or last.unknown is Unknown.POSTING_LAG:
            close_alert(self._conn, key)
            return
        raise_alert(
            self._conn,
            dedupe_key=key,
            severity="warning",
            merchant=name.merchant,
            owner=self._finance.governance,
            facts={
                "merchant": name.merchant,
                "period": name.period,
                "unknown": str(last.unknown),
                "detail": last.detail,
            },
        )


def _unknown_key(name: GateName) -> str:
    return f"gate-unknown:{name.merchant}:{name.metric}:{name.period}"


def read_gate(found: Figures) -> Reading:
    """What figures say to the gate: known, or why not."""
    listed = [one for several in found.freshness.values() for one in several]
    missing = _entities(one.entity for one in listed if one.is_missing)
    if missing:
        return Reading(found.at, unknown=Unknown.MISSING, detail="、".join(missing))
    late = sorted({source for one in listed for source in one.late})
    if late:
        return Reading(found.at, unknown=Unknown.STALE, detail="、".join(late))
    agreed, booked = found.by_name[NUMERATOR], found.by_name[DENOMINATOR]
    if not agreed.contributions:
        detail = f"{found.month}"
        return Reading(found.at, unknown=Unknown.NOTHING_LOCKED, detail=detail)
    bridge = build_bridge(booked, agreed, found.papers, metrics.business_day(found.at))
    return Reading(found.at, agreed.fen, booked.fen, bridge.residual)


def _entities(names: Iterable[str]) -> list[str]:
    return [_ENTITY_WORDS.get(name, name) for name in sorted(set(names))]


def _judged(
    conn: sa.Connection, name: GateName, now: datetime, over_since: datetime | None = None
) -> Gate:
    """A gate by its readings since its stretch began, and as many as the health line looks at."""
    since = min(over_since or now, now - RULE.healthy_for - timedelta(days=1))
    readings = rows.readings_of(conn, name, since - timedelta(hours=1))
    return Gate(name, judge(readings, rows.overrides_of(conn, name), now, RULE), now)


def gate_status(engine: sa.Engine, now: datetime, *, merchant: str | None = None) -> list[Gate]:
    """Every gate as it stands at `now`, by merchant and month, but for those that agreed long ago."""
    with store_errors(), engine.begin() as conn:
        return status_of(conn, now, merchant=merchant)


def status_of(conn: sa.Connection, now: datetime, *, merchant: str | None = None) -> list[Gate]:
    """As `gate_status`, in the caller's snapshot."""
    return [
        _judged(conn, one.name, now, one.over_since)
        for one in rows.gates_of(conn, merchant)
        if one.shut_since is not None or now - one.evaluated_at < _SHOWN_FOR
    ]


def closed_gates(conn: sa.Connection, merchant: str, now: datetime) -> list[Gate]:
    """The gates that keep a merchant's figures in the house now."""
    shut = rows.gates_of(conn, merchant, shut=True)
    found = [_judged(conn, one.name, now, one.over_since) for one in shut]
    return [gate for gate in found if not gate.state.is_open]


def require_open(conn: sa.Connection, merchant: str, now: datetime) -> None:
    """Let figures of a merchant leave the house. Ask it in the transaction that reads them.

    Raises:
        GateClosedError: One of the merchant's gates is closed and no override holds.
    """
    closed = closed_gates(conn, merchant, now)
    if closed:
        gate = closed[0]
        since = gate.state.shut_since or gate.now
        raise GateClosedError(
            f"{STAMP}: the gate of {merchant} is closed since {since:%Y-%m-%d %H:%M} UTC "
            f"({gate.name.period}: residual {gate.share}); see `hub export bridge --month {gate.name.period}`, "
            "or `hub gate override`"
        )


def stamp_of(conn: sa.Connection, merchant: str) -> str | None:
    """The stamp of every report while a gate is shut: an override lets it out, but does not make it agree."""
    return STAMP if rows.gates_of(conn, merchant, shut=True) else None


def override_gate(  # noqa: PLR0913 -- who, why and until when, each by its name
    engine: sa.Engine,
    merchant: str,
    *,
    by: str,
    reason: str,
    until: datetime,
    now: datetime,
    period: str | None = None,
) -> list[GateName]:
    """Open a merchant's closed gates (or that of one month) until an instant; audited. Which were opened.

    Raises:
        ConfigError: Nobody's name, no reason, an expiry that is past or too far, or no closed gate.
    """
    if not by.strip() or not reason.strip():
        raise ConfigError("an override has a name (--as) and a reason (--reason)")
    if not now < until <= now + LONGEST_OVERRIDE:
        days = LONGEST_OVERRIDE.days
        raise ConfigError(f"--until is after now and at most {days} days ahead")
    with store_errors(), engine.begin() as conn:
        rows.lock_gates(conn, merchant)
        names = [
            one.name
            for one in rows.gates_of(conn, merchant, shut=True)
            if period is None or one.name.period == period
        ]
        if not names:
            which = f" for {period}" if period else ""
            raise ConfigError(f"no gate of {merchant}{which} is closed; see `hub gate status`")
        for name in names:
            rows.add_override(conn, name, Override(now, until, by.strip(), reason.strip()))
            write_audit(
                conn,
                who=by.strip(),
                action="gate.override",
                target=f"{name.metric} {name.period}",
                merchant=merchant,
            )
    return names


def gate_history(
    engine: sa.Engine, name: GateName, *, limit: int = 200
) -> tuple[Sequence[Reading], Sequence[Override]]:
    """The newest readings of a gate and all of its overrides, oldest first."""
    with store_errors(), engine.begin() as conn:
        return rows.readings_of(conn, name)[-limit:], rows.overrides_of(conn, name)

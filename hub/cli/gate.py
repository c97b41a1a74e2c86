"""`hub gate`: may figures leave the house, why not, since when; and the override of a named person."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from hub.cli.lead import AsJson, Who, asker
from hub.cli.output import CheckFailedError, print_json, print_line, print_rows
from hub.errors import ConfigError
from hub.finance.gate import GateName
from hub.reconciliation.gate import UNKNOWN_WORDS
from hub.reconciliation.months import Month
from hub.settings import DEFAULT_MERCHANT, load_settings
from hub.steps.finance import gate
from hub.steps.finance.gate import Gate, share_of
from hub.steps.finance.metrics import ZONE
from hub.steps.finance.report_formats import Yuan
from hub.steps.open_store import open_store

app = typer.Typer(no_args_is_help=True, help="The gate: may figures leave the house.")
Merchant = Annotated[str | None, typer.Option(help="Only this merchant's.")]
_SPAN = re.compile(r"(\d{1,4})([hd])")
_COLUMNS = (
    "merchant", "month", "gate", "residual", "of", "since", "known", "healthy", "last reading", "says",
)  # fmt: skip


@app.callback()
def group() -> None:
    """The gate: may figures leave the house."""


@app.command("status")
def status_command(merchant: Merchant = None, as_json: AsJson = False) -> None:
    """Every gate: open or closed, the residual, since when; exit 1 if one is closed and nobody overrode it."""
    with open_store() as store:
        found = gate.gate_status(store.engine, datetime.now(UTC), merchant=merchant)
    if as_json:
        print_json([facts(one) for one in found])
    elif not found:
        print_line("no gate yet: no month of contracts and invoices was read; `hub gate evaluate`")
    else:
        print_rows(_COLUMNS, [_row(one) for one in found], as_json=False)
    if any(not one.state.is_open for one in found):
        raise CheckFailedError


@app.command("evaluate")
def evaluate_command(merchant: Merchant = None, as_json: AsJson = False) -> None:
    """Take this hour's reading now; Dagster does it every hour. Exit 1 if a gate is closed."""
    settings = load_settings()
    with open_store() as store:
        found = gate.evaluate_gate(store.engine, settings, datetime.now(UTC), merchant=merchant)
    if as_json:
        print_json([facts(one) for one in found])
    else:
        print_rows(_COLUMNS, [_row(one) for one in found], as_json=False)
    if any(not one.state.is_open for one in found):
        raise CheckFailedError


@app.command("override")
def override_command(
    reason: Annotated[str, typer.Option(help="Why; it stays in the history and on reports.")],
    until: Annotated[
        str, typer.Option(help="Until when: 12h, 3d, or an instant like 2026-02-21T18:00+08:00.")
    ],
    merchant: Annotated[str, typer.Option(help="Whose gate.")] = DEFAULT_MERCHANT,
    month: Annotated[str | None, typer.Option(help="Only this month's, like 2026-01.")] = None,
    who: Who = "",
) -> None:
    """Open a closed gate in your name until an instant; this is audited, and reports stay stamped."""
    now = datetime.now(UTC)
    expiry = instant_of(until, now)
    period = str(Month.parse(month)) if month else None
    by = asker(True, who) or ""
    with open_store() as store:
        opened = gate.override_gate(
            store.engine, merchant, by=by, reason=reason, until=expiry, now=now, period=period
        )
    for name in opened:
        print_line(f"{name.merchant} {name.period} is open until {expiry:%Y-%m-%d %H:%M} UTC")


@app.command("history")
def history_command(
    month: Annotated[str, typer.Option(help="Of this month's gate, like 2026-01.")],
    merchant: Annotated[str, typer.Option(help="Whose gate.")] = DEFAULT_MERCHANT,
    limit: Annotated[int, typer.Option(min=1, max=2000)] = 48,
    as_json: AsJson = False,
) -> None:
    """The newest hourly readings of a gate and every override, by time."""
    name = GateName(merchant, gate.NUMERATOR, str(Month.parse(month)))
    with open_store() as store:
        readings, overrides = gate.gate_history(store.engine, name, limit=limit)
    rows: list[tuple[Any, ...]] = [
        (
            one.at, "unknown" if one.unknown else "known", one.numerator, one.denominator,
            one.residual, share_of(one),
            f"{UNKNOWN_WORDS[one.unknown]} {one.detail}" if one.unknown else one.detail,
        )
        for one in readings
    ]  # fmt: skip
    rows += [
        (one.at, "override", None, None, None, "", f"{one.by} → {one.expires_at:%Y-%m-%d %H:%M} UTC: {one.reason}")
        for one in overrides
    ]  # fmt: skip
    rows.sort(key=lambda row: row[0])
    columns = ("at", "what", "figure_fen", "finance_fen", "residual_fen", "residual", "detail")
    print_rows(columns, rows, as_json=as_json)


def instant_of(text: str, now: datetime) -> datetime:
    """`12h`, `3d`, or an instant; one without a zone is Beijing's.

    Raises:
        ConfigError: It is neither.
    """
    span = _SPAN.fullmatch(text.strip())
    if span:
        hours = int(span[1]) * (24 if span[2] == "d" else 1)
        return now + timedelta(hours=hours)
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(
            f"--until {text!r} is neither a span (12h, 3d) nor an instant (2026-02-21T18:00+08:00)"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=ZONE)


def facts(one: Gate) -> dict[str, Any]:
    """A gate as JSON; money in fen, share in basis points."""
    state, last = one.state, one.state.last_known
    return {
        "merchant": one.name.merchant,
        "metric": one.name.metric,
        "month": one.name.period,
        "gate": one.word,
        "is_open": state.is_open,
        "closed_since": state.shut_since,
        "over_since": state.over_since,
        "known_readings_over": state.known,
        "residual_bp": last.share_bp if last else None,
        "residual_fen": last.residual if last else None,
        "figure_fen": last.numerator if last else None,
        "finance_fen": last.denominator if last else None,
        "last_reading_at": state.last.at if state.last else None,
        "unknown": state.last.unknown if state.last else None,
        "is_healthy": state.is_healthy,
        "turns_in_a_day": state.turns,
        "override_by": state.override.by if state.override else None,
        "override_until": state.override.expires_at if state.override else None,
    }


def _row(one: Gate) -> tuple[Any, ...]:
    state = one.state
    last = state.last_known
    finance = Yuan(last.denominator).grouped if last and last.denominator is not None else ""
    return (
        one.name.merchant, one.name.period, one.word, one.share, finance,
        state.shut_since or state.over_since, state.known, "yes" if state.is_healthy else "",
        state.last.at if state.last else None, gate.in_words(one),
    )  # fmt: skip

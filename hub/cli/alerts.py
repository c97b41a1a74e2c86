"""`hub alerts`: who was told of what; acknowledge, silence, try the channels."""

from __future__ import annotations

import getpass
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from hub.alert_settings import AlertSettings
from hub.cli import alerts_test
from hub.cli.lead import AsJson
from hub.cli.output import print_json, print_line, print_rows
from hub.errors import ConfigError
from hub.escalation.model import Language, Silence
from hub.settings import load_settings
from hub.steps.alerting import desk as notify_desk
from hub.steps.alerting.desk import Seen
from hub.steps.open_store import open_store

app = typer.Typer(no_args_is_help=True, help="Alerts: what is wrong, who was told, who takes it.")
alerts_test.register(app)
By = Annotated[
    str, typer.Option("--by", help="Who does it, for the audit log.", envvar="HUB_USER")
]
Merchant = Annotated[str | None, typer.Option(help="Only this merchant's.")]
InLanguage = Annotated[
    Language | None,
    typer.Option("--language", help="zh or en; without it that of hub.yaml (alerts.language)."),
]
_SPAN = re.compile(r"(\d{1,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_COLUMNS = (
    "id", "severity", "state", "since", "count", "merchant", "owner", "summary", "what to run",
    "told", "acknowledged by",
)  # fmt: skip


@app.callback()
def group() -> None:
    """Alerts: what is wrong, who was told, who takes it."""


@app.command("list")
def list_command(
    every: Annotated[bool, typer.Option("--all", help="Closed ones, too.")] = False,
    merchant: Merchant = None,
    limit: Annotated[int, typer.Option(min=1, max=5000)] = 200,
    language: InLanguage = None,
    as_json: AsJson = False,
) -> None:
    """Open alerts, the worst first: since when, how many, what to run, who was told and how."""
    with open_store() as store:
        found = notify_desk.seen_alerts(
            store.engine, closed_too=every, merchant=merchant, limit=limit
        )
    said = language or _own_language()
    if as_json:
        print_json([_facts(one, said) for one in found])
    elif not found:
        print_line("no alert" if every else "no open alert")
    else:
        print_rows(_COLUMNS, [_row(one, said) for one in found], as_json=False)


@app.command("show")
def show_command(number: int, language: InLanguage = None, as_json: AsJson = False) -> None:
    """One alert, every message of it, and every try to send one."""
    said = language or _own_language()
    with open_store() as store:
        seen, tries = notify_desk.one_seen(store.engine, number)
    if as_json:
        shown = ("channel", "started_at", "ended_at", "failure", "said", "messages")
        print_json({**_facts(seen, said), "tries": [{n: one[n] for n in shown} for one in tries]})
        return
    for name, value in zip(_COLUMNS, _row(seen, said), strict=True):
        if name != "told":
            print_line(f"{name + ':':<18}{'' if value is None else value}")
    print_line()
    columns = ("message", "event", "step", "recipient", "written", "state")
    rows = [
        (m["id"], m["event"], m["step"], m["recipient"], m["created_at"], _state(m))
        for m in seen.messages
    ]
    print_rows(columns, rows, as_json=False)
    print_line()
    print_rows(
        ("try", "channel", "messages", "outcome"),
        [(t["started_at"], t["channel"], len(t["messages"]), _outcome(t)) for t in tries],
        as_json=False,
    )


@app.command("ack")
def ack_command(number: int, by: By = "") -> None:
    """Take an alert: nobody else is called. This is audited."""
    with open_store() as store:
        is_new = notify_desk.acknowledge_by_name(
            store.engine, number, by or getpass.getuser(), datetime.now(UTC)
        )
    print_line(
        f"alert {number} is yours" if is_new else f"alert {number} was taken or over before"
    )


@app.command("silence")
def silence_command(
    pattern: Annotated[str, typer.Argument(help="Of keys, * for anything: gate:*, drift:douyin*")],
    span: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 3d.")],
    reason: Annotated[str, typer.Option(help="Why; it stays in the list.")],
    merchant: Merchant = None,
    by: By = "",
) -> None:
    """Tell nobody of alerts whose key fits, for a while; they stay in the list. This is audited."""
    now = datetime.now(UTC)
    wanted = Silence(pattern, now + span_of(span), merchant)
    with open_store() as store:
        number, held = notify_desk.silence_alerts(
            store.engine, wanted, reason=reason, who=by or getpass.getuser(), now=now
        )
    print_line(f"silence {number} until {wanted.until:%Y-%m-%d %H:%M} UTC; it holds {held} open")


@app.command("silences")
def silences_command(as_json: AsJson = False) -> None:
    """Silences that are on, the one that ends first at the top."""
    with open_store() as store:
        found = notify_desk.seen_silences(store.engine, datetime.now(UTC))
    columns = ("id", "pattern", "merchant", "until", "reason", "made_by", "made_at")
    print_rows(columns, [[row[name] for name in columns] for row in found], as_json=as_json)


@app.command("unsilence")
def unsilence_command(number: int, by: By = "") -> None:
    """End a silence now; what it held is told. This is audited."""
    with open_store() as store:
        notify_desk.end_silence(store.engine, number, by or getpass.getuser(), datetime.now(UTC))
    print_line(f"silence {number} has ended")


def span_of(text: str) -> timedelta:
    """`30m`, `2h`, `3d`.

    Raises:
        ConfigError: it is none.
    """
    span = _SPAN.fullmatch(text.strip())
    if span is None:
        raise ConfigError(f"--for {text!r} is no span; write 30m, 2h or 3d")
    return timedelta(**{_UNITS[span[2]]: int(span[1])})


def _own_language() -> Language:
    """That of hub.yaml; of a hub.yaml with mistakes the default: the list is needed then, too."""
    try:
        return load_settings().alerts.language
    except ConfigError:
        return AlertSettings().language


def _row(one: Seen, language: Language) -> tuple[Any, ...]:
    alert, said = one.alert, one.said(language)
    told = "; ".join(f"{m['recipient']} {_state(m)}" for m in _newest(one))
    return (
        alert["id"], alert["severity"], one.state, alert["first_at"], alert["count"],
        alert["merchant"], alert["owner"], said.summary, said.action, told,
        alert["acknowledged_by"] if alert["acknowledged_at"] else None,
    )  # fmt: skip


def _newest(one: Seen) -> list[Any]:
    """The newest message to each recipient."""
    return list({message["recipient"]: message for message in one.messages}.values())


def _state(message: Any) -> str:  # noqa: ANN401 -- a row
    """What became of a message."""
    if message["sent_at"]:
        again = " (repeated)" if message["is_repeat"] else ""
        return f"{message['event']} {message['sent_at']:%m-%d %H:%M:%S} by {message['sent_via']}{again}"
    if message["given_up_at"]:
        return f"not sent: {message['failure']}"
    waits = f"waits until {message['not_before']:%m-%d %H:%M:%S}"
    return f"{waits}; {message['failure']}" if message["failure"] else waits


def _outcome(one: Any) -> str:  # noqa: ANN401 -- a row
    if one["ended_at"] is None:
        return "no outcome: cut short"
    return one["said"] or "sent"


def _facts(one: Seen, language: Language) -> dict[str, Any]:
    alert = {name: value for name, value in one.alert.items() if name != "settled_at"}
    said = one.said(language)
    alert |= {"summary": said.summary, "action": said.action}
    names = (
        "id", "event", "step", "recipient", "severity", "created_at", "not_before", "attempts",
        "sent_at", "sent_via", "is_repeat", "failure", "given_up_at",
    )  # fmt: skip
    messages = [{name: message[name] for name in names} for message in one.messages]
    return {**alert, "state": one.state, "messages": messages}

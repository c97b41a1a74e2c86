"""An alert of any kind, with invented facts, for tests that care only that there is one."""

from __future__ import annotations

import string
from typing import Any

import sqlalchemy as sa

from hub.alerts.kinds import kind_of
from hub.alerts.outbox import Severity, raise_alert
from hub.alerts.sentences import SENTENCES

_OF_SPECIFICATION: dict[str, object] = {
    "span": 300,
    "at": "2026-02-17T03:00:00+00:00",
    "share": 0.25,
    "change": [["field_added", "/extra"]],
    "reason": [["no_mapping", 3]],
    "break": [["amount_differs", 2]],
    "count": [["stated", 5], ["missing", 2]],
    "unknown": "missing_data",
    "check": "fresh",
    "disk": "HUB_HOME",
}


def some_facts(kind: str, case: str = "") -> dict[str, object]:
    """Facts that fill the sentences of a kind."""
    one = SENTENCES[kind][case]
    fields = [
        (name, specification or "")
        for text in (one.zh, one.en, one.run, one.run_zh)
        for _, name, specification, _ in string.Formatter().parse(text)
        if name
    ]
    facts = {name: _OF_SPECIFICATION.get(spec, f"a-{name}") for name, spec in fields}
    return {**facts, "case": case} if case else facts


def raise_some(
    conn: sa.Connection, key: str, severity: Severity = "critical", case: str = "", **words: Any
) -> None:
    """Raise an alert of this key; `words` are other arguments of `raise_alert`."""
    facts = words.pop("facts", {})
    raise_alert(
        conn,
        dedupe_key=key,
        severity=severity,
        facts={**some_facts(kind_of(key), case), **facts},
        **words,
    )

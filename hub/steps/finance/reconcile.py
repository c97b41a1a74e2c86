"""Reconcile one merchant: all of its books, or only what changed and all that hangs together with it."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import sqlalchemy as sa
import yaml

from hub.crm.contacts import holders
from hub.database.engine import driver, store_errors
from hub.errors import ConfigError
from hub.finance import breaks, matches, reading
from hub.reconciliation.books import Entry, count_of, link_keys
from hub.reconciliation.findings import Findings
from hub.reconciliation.kinds import BreakKind
from hub.reconciliation.reconcile import reconcile as find
from hub.reconciliation.rules import Rules, parse_rules
from hub.registry.files import schema_files
from hub.settings import HubSettings
from hub.steps.finance.break_alerts import tell_of_breaks

FULL, INCREMENTAL = "full", "incremental"
RULES = "reconciliation.yaml"
_ZONE = ZoneInfo("Asia/Shanghai")  # business days are those of the books, which are kept in China
_KEYS_AT_ONCE = 5000
_CLOSED_LIMIT = 100_000
"""A change that hangs together with more documents than this is reconciled with all of them."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a run did. `events` counts what happened to breaks: opened, changed, reopened, resolved."""

    merchant: str
    mode: str
    day: date
    documents: int
    matches: int
    breaks: int
    questions: int
    new_questions: int
    events: Mapping[str, int] = field(default_factory=dict)
    by_kind: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Scope:
    """What a run looks at. `ids` None: everything."""

    entries: Sequence[Entry]
    ids: list[UUID] | None


def load_rules(settings: HubSettings) -> Rules:
    """The rules of this installation.

    Raises:
        ConfigError: `reconciliation.yaml` is missing or wrong.
    """
    path: Path = schema_files(settings).root / RULES
    if not path.exists():
        raise ConfigError(f"{RULES} is missing in {path.parent}")
    return parse_rules(yaml.safe_load(path.read_text("utf-8")) or {})


def reconcile(
    engine: sa.Engine,
    settings: HubSettings,
    merchant: str,
    now: datetime,
    *,
    full: bool = False,
    progress: Progress = lambda _: None,
) -> Reconciled:
    """Reconcile a merchant in one transaction, under its reconciliation lock.

    The first run, a run under other rules and one whose change hangs together with very many documents are
    full runs. Both modes leave the same matches, breaks and questions.

    Args:
        engine: The store.
        settings: Where the rules are.
        merchant: Whose books.
        now: Aware instant; its day in China decides what is due.
        full: Look at everything, whatever changed.
        progress: Called with the number of documents read so far.
    """
    rules = load_rules(settings)
    day = now.astimezone(_ZONE).date()
    with _without_collector(), store_errors(), engine.begin() as conn:
        raw = driver(conn)
        matches.lock(raw, merchant)
        answers = matches.answers(raw, merchant)
        before = matches.last_run(conn, merchant)
        is_same = before is not None and before["rules_version"] == rules.version
        scope = None
        if before is not None and is_same and not full and before["day"] <= day:
            scope = _changed(raw, merchant, day, answers)
        mode = INCREMENTAL if scope else FULL
        if scope is None:
            reading.take_changes(raw, merchant)
            scope = _Scope(_read(raw, merchant, progress), None)
        known = _known_customers(raw, merchant, scope)
        found = find(scope.entries, rules, count_of(day), answers, known)
        done = _keep(raw, merchant, found, scope, now)
        matches.add_run(
            conn,
            {
                "merchant": merchant, "mode": mode, "day": day, "rules_version": rules.version,
                "finished_at": now, "documents": len(scope.entries),
                "counts": {"matches": len(found.matches), **done},
            },
        )  # fmt: skip
        tell_of_breaks(conn, settings, merchant)
        kinds = Counter(one.kind.value for one in found.breaks)
    new = done.pop("new_questions", 0)
    return Reconciled(
        merchant, mode, day, len(scope.entries), len(found.matches), len(found.breaks),
        len(found.questions), new, done, dict(sorted(kinds.items())),
    )  # fmt: skip


def _keep(
    raw: psycopg.Connection[Any], merchant: str, found: Findings, scope: _Scope, now: datetime
) -> dict[str, int]:
    matches.remove_matches(raw, merchant, scope.ids)
    matches.add_matches(raw, merchant, found.matches)
    reading.keep_waits(raw, merchant, found.waits, scope.ids)
    events = breaks.keep_breaks(raw, merchant, found.breaks, scope.ids, now)
    new = matches.keep_questions(raw, merchant, found.questions, scope.ids, now)
    return {**events, "new_questions": new}


def _read(raw: psycopg.Connection[Any], merchant: str, progress: Progress) -> list[Entry]:
    entries: list[Entry] = []
    for entry in reading.all_entries(raw, merchant):
        entries.append(entry)
        if len(entries) % 10_000 == 0:
            progress(len(entries))
    return entries


def _changed(
    raw: psycopg.Connection[Any],
    merchant: str,
    day: date,
    answers: Mapping[bytes, Sequence[str]],
) -> _Scope | None:
    """The closed set of what changed or came due since the last run, None if that is too much."""
    ids, links, party = reading.take_changes(raw, merchant)
    gone = set(ids)
    ids |= reading.late_by(raw, merchant, day)
    ids |= breaks.documents_with(raw, merchant, BreakKind.CUSTOMER_UNKNOWN)  # CRM may know by now
    closure = _Closure(raw, merchant, answers)
    closure.add(reading.entries_of(raw, merchant, ids))
    closure.want(links, party)
    if not closure.close():
        return None
    entries = list(closure.entries.values())
    return _Scope(entries, sorted({UUID(bytes=one.id) for one in entries} | gone))


class _Closure:
    """Documents and all that their keys, and people's answers, lead to."""

    def __init__(
        self, raw: psycopg.Connection[Any], merchant: str, answers: Mapping[bytes, Sequence[str]]
    ) -> None:
        self._raw = raw
        self._merchant = merchant
        self._answers = answers
        self._answered: dict[str, list[UUID]] = {}
        for document, contracts in answers.items():
            for contract in contracts:
                self._answered.setdefault(f"contract:{contract}", []).append(UUID(bytes=document))
        self.entries: dict[bytes, Entry] = {}
        self._links: set[str] = set()
        self._party: set[bytes] = set()
        self._new_links: set[str] = set()
        self._new_party: set[bytes] = set()

    def want(self, links: Collection[str], party: Collection[bytes]) -> None:
        """Look for whatever has these keys, too."""
        self._new_links |= set(links) - self._links
        self._new_party |= set(party) - self._party

    def add(self, entries: Collection[Entry]) -> None:
        """Take documents in, and want what they lead to."""
        for entry in entries:
            if entry.id not in self.entries:
                self.entries[entry.id] = entry
                named = [f"contract:{one}" for one in self._answers.get(entry.id, ())]
                self.want([*link_keys(entry), *named], ())
        self.want((), reading.blind_of(entries))

    def close(self) -> bool:
        """Follow every key to its end; False once there are too many documents."""
        while self._new_links or self._new_party:
            if len(self.entries) > _CLOSED_LIMIT:
                return False
            links, party = self._new_links, self._new_party
            self._links |= links
            self._party |= party
            self._new_links, self._new_party = set(), set()
            found = reading.linked_ids(self._raw, self._merchant, links, party)
            found |= {one for link in links for one in self._answered.get(link, ())}
            unseen = [one for one in found if one.bytes not in self.entries]
            self.add(reading.entries_of(self._raw, self._merchant, unseen))
        return True


def _known_customers(
    raw: psycopg.Connection[Any], merchant: str, scope: _Scope
) -> frozenset[bytes]:
    """Contracts that name a person whom CRM has."""
    contracts = [UUID(bytes=one.id) for one in scope.entries if one.entity == "contract"]
    named = reading.person_keys(
        raw, merchant, "contract", None if scope.ids is None else contracts
    )
    known: set[bytes] = set()
    for place in range(0, len(named), _KEYS_AT_ONCE):
        part = named[place : place + _KEYS_AT_ONCE]
        keys = sorted({bytes(key) for _, own in part for key in own})
        held = holders(raw, merchant, keys)
        known |= {bytes(one) for one, own in part if any(bytes(key) in held for key in own)}
    return frozenset(known)


@contextmanager
def _without_collector() -> Iterator[None]:
    """No search for cycles among a million small objects, none of which is part of one."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

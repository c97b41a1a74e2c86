"""Breaks and questions for people: list, explain, answer, close. Owners and parties are masked unless revealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from hub.database.engine import store_errors
from hub.errors import ConfigError
from hub.finance import breaks, matches, reading
from hub.ops.audit import write_audit
from hub.privacy.keyring import KeyRing
from hub.privacy.mask import mask_name
from hub.reconciliation.explain import Story, Told, story
from hub.reconciliation.kinds import ASKED_WORDS, BREAK_WORDS, Asked, BreakKind
from hub.settings import HubSettings
from hub.steps.finance.break_alerts import tell_of_breaks
from hub.steps.lookup import NotFoundError

LIMIT = 100_000
_json = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which breaks: `owner` is compared in plain, `older_than_days` counts from when a break was first seen."""

    merchant: str | None = None
    kind: str | None = None
    states: Sequence[str] = breaks.LIVE
    owner: str | None = None
    older_than_days: int | None = None
    contract: str | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What looking at breaks takes: the store, the keys that open owners' names, the sources' owners."""

    engine: sa.Engine
    keyring: KeyRing
    settings: HubSettings
    revealed_to: str | None = None

    def shown(self, name: str | None) -> str | None:
        """A person's name, masked unless somebody with a name asked to see it."""
        return name if name is None or self.revealed_to else mask_name(name)


def list_breaks(desk: Desk, wanted: Wanted, now: datetime) -> list[dict[str, Any]]:
    """Breaks, the oldest first, each with its age in days, its words and who has to mend it.

    Raises:
        ConfigError: no such kind.
    """
    if wanted.kind is not None and wanted.kind not in set(BreakKind):
        raise ConfigError(f"no such kind of break; kinds: {', '.join(BreakKind)}")
    days = wanted.older_than_days
    filters = {
        "kind": wanted.kind,
        "states": list(wanted.states),
        "before": now - timedelta(days=days) if days else None,
        "contract": wanted.contract,
    }
    with store_errors(), desk.engine.begin() as conn:
        rows = breaks.list_breaks(conn, wanted.merchant, filters, LIMIT)
        owners = _owners(conn, desk, rows)
        _audit(conn, desk, "reveal owners of breaks", wanted.merchant)
    shown = []
    for row in rows:
        owner = owners.get(row["id"])
        if wanted.owner is None or owner == wanted.owner:
            shown.append(_break(row, desk.shown(owner), now))
    return shown


def list_questions(
    desk: Desk, merchant: str | None, *, state: str = matches.OPEN
) -> list[dict[str, Any]]:
    """Questions, the oldest first, with their candidates."""
    with store_errors(), desk.engine.begin() as conn:
        rows = matches.list_questions(conn, merchant, state=state, limit=LIMIT)
    return [_question(row) for row in rows]


def answer(
    desk: Desk,
    beginning: str,
    contracts: Sequence[str],
    *,
    by: str,
    reason: str,
    now: datetime,
) -> dict[str, Any]:
    """Decide to which contracts a document belongs ([]: to none); later runs respect it.

    Raises:
        NotFoundError: no such question, or a beginning that several have.
        ConfigError: a contract that is not there.
    """
    with store_errors(), desk.engine.begin() as conn:
        row = _only(matches.find_questions(conn, beginning), "question")
        for number in contracts:
            if not reading.contract_exists(conn, row["merchant"], number):
                raise ConfigError(f"no contract {number} in the books of {row['merchant']}")
        matches.add_answer(conn, row, contracts, by=by, reason=reason, now=now)
        write_audit(
            conn, who=by, action="answer question", target=row["id"], merchant=row["merchant"]
        )
    return {**_question(row), "answer": list(contracts)}


def close(desk: Desk, beginning: str, *, by: str, reason: str, now: datetime) -> dict[str, Any]:
    """Close a break in somebody's name. It opens again when what it says changes.

    Raises:
        NotFoundError: no such break, or a beginning that several have.
        ConfigError: it is not open, or no reason is given.
    """
    if not reason.strip():
        raise ConfigError("a break is closed with a reason")
    with store_errors(), desk.engine.begin() as conn:
        row = _only(breaks.find_breaks(conn, beginning), "break")
        if row["state"] not in breaks.LIVE:
            raise ConfigError(f"break {row['id']} is {row['state']}")
        breaks.close_break(conn, row, by=by, reason=reason, now=now)
        tell_of_breaks(conn, desk.settings, row["merchant"])
        write_audit(conn, who=by, action="close break", target=row["id"], merchant=row["merchant"])
    return {**_break(row, None, now), "state": breaks.CLOSED}


def history(desk: Desk, beginning: str) -> list[dict[str, Any]]:
    """What happened to a break.

    Raises:
        NotFoundError: no such break, or a beginning that several have.
    """
    with store_errors(), desk.engine.begin() as conn:
        row = _only(breaks.find_breaks(conn, beginning), "break")
        return [dict(event) for event in breaks.break_history(conn, row["id"])]


def explain(desk: Desk, merchant: str, number: str, now: datetime) -> Story:
    """The story of a contract across CRM, legal and finance.

    Raises:
        NotFoundError: nothing names this contract.
    """
    with store_errors(), desk.engine.begin() as conn:
        _audit(conn, desk, "reveal contract", merchant)
        found = matches.matches_of_contract(conn, merchant, number)
        rows = reading.documents_by_id(conn, reading.ids_of_contract(conn, merchant, number))
        if not rows:
            raise NotFoundError(
                f"no document of {merchant} names this contract"
            )  # not what was typed
        filters = {"contract": number}
        kept = breaks.list_breaks(conn, merchant, filters, LIMIT)
        asked = matches.questions_of(conn, [row["id"] for row in rows])
    by_document = {row["document_id"]: row for row in found}
    told = [_told(desk, row, by_document.get(row["id"])) for row in rows]
    shown = [_break(row, None, now) for row in kept if row["state"] in breaks.LIVE]
    return story(number, told, shown, [_question(row) for row in asked])


def _told(desk: Desk, row: sa.RowMapping, match: sa.RowMapping | None) -> Told:
    facts, party = row["facts"], _open(desk, row).get("party_name")
    return Told(
        on=row["on_date"],
        entity=row["entity"],
        number=row["number"],
        state=row["state"],
        amount_fen=row["amount_fen"],
        currency=row["currency"],
        source=row["source_key"],
        kind=row["kind"],
        share_fen=match["amount_fen"] if match else None,
        rule=match["rule"] if match else None,
        reference=match["reference"] if match else None,
        differences=match["differences"] if match else None,
        has_scan="scan_hash" in facts or "scan_ref" in facts.get("withheld", ()),
        is_sealed=facts.get("is_sealed") is True,
        party=desk.shown(party),
    )


def _open(desk: Desk, row: sa.RowMapping) -> dict[str, Any]:
    """A document's sealed text, {} where it was erased."""
    if row["sealed"] is None:
        return {}
    document: dict[str, Any] = _json.decode(desk.keyring.unseal(row["sealed"], row["id"].bytes))
    return document


def _owners(
    conn: sa.Connection, desk: Desk, rows: Sequence[sa.RowMapping]
) -> dict[str, str | None]:
    """Who has to mend each break: the contract's owner, else the document's, else the source's."""
    sources = desk.settings.all_sources()
    about = {row["contract_id"] for row in rows} | {row["document_id"] for row in rows}
    named: dict[UUID, str | None] = {
        row["id"]: _open(desk, row).get("owner")
        for row in reading.withheld_rows(conn, [one for one in about if one], "owner")
    }
    owners: dict[str, str | None] = {}
    for row in rows:
        source = sources.get(row["source_key"])
        owners[row["id"]] = (
            named.get(row["contract_id"])
            or named.get(row["document_id"])
            or (source.owner if source else None)
            or None
        )
    return owners


def _break(row: sa.RowMapping, owner: str | None, now: datetime) -> dict[str, Any]:
    return {
        "id": row["id"],
        "kind": row["kind"],
        "words": BREAK_WORDS.get(BreakKind(row["kind"]), row["kind"]),
        "state": row["state"],
        "entity": row["entity"],
        "number": row["number"],
        "contract": row["contract_number"],
        "amount_fen": row["amount_fen"],
        "currency": row["currency"] or "CNY",
        "period": row["period"],
        "owner": owner,
        "source": row["source_key"],
        "first_seen": row["first_seen"],
        "age_days": max(0, (now - row["first_seen"]).days),
        "detail": row["detail"],
        "merchant": row["merchant"],
    }


def _question(row: sa.RowMapping) -> dict[str, Any]:
    return {
        "id": row["id"],
        "entity": row["entity"],
        "number": row["number"],
        "on": row["on_date"],
        "amount_fen": row["amount_fen"],
        "reason": row["reason"],
        "words": ASKED_WORDS.get(Asked(row["reason"]), row["reason"]),
        "candidates": row["candidates"],
        "first_seen": row["first_seen"],
        "state": row["state"],
        "merchant": row["merchant"],
    }


def _only(rows: Sequence[sa.RowMapping], what: str) -> sa.RowMapping:
    if not rows:
        raise NotFoundError(f"no such {what}; `hub reconcile {what}s` lists them")
    if len(rows) > 1:
        raise NotFoundError(f"several {what}s begin so; give more of the id")
    return rows[0]


def _audit(conn: sa.Connection, desk: Desk, action: str, merchant: str | None) -> None:
    if desk.revealed_to is not None:
        write_audit(conn, who=desk.revealed_to, action=action, target="", merchant=merchant)

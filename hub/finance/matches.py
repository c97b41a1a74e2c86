"""Matches and questions: what belongs to which contract, what people were asked and said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from psycopg.types.json import Jsonb

from hub.finance.reconciliation_tables import answer, match, question, reconciliation
from hub.reconciliation.books import day_of
from hub.reconciliation.findings import Match, Question
from hub.reconciliation.kinds import Asked

_COPY = (
    "COPY finance.match (document_id, ordinal, merchant, contract_number, entity, on_date, amount_fen,"
    " rule, reference, differences) FROM STDIN (FORMAT BINARY)"
)
_TYPES = [
    "uuid", "int2", "text", "text", "text", "date", "int8", "text", "text", "jsonb",
]  # fmt: skip
_LOCK = 0x7265636F  # "reco": apart from the loaders' lock, which nobody may hold so long
OPEN, ANSWERED, GONE = "open", "answered", "gone"


def lock(conn: psycopg.Connection[Any], merchant: str) -> None:
    """Let nobody else reconcile this merchant until the transaction ends; loaders go on."""
    conn.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, merchant))


def remove_matches(
    conn: psycopg.Connection[Any], merchant: str, ids: Sequence[UUID] | None = None
) -> None:
    """Forget the matches of these documents, or (None) all of the merchant's."""
    if ids is None:
        conn.execute("DELETE FROM finance.match WHERE merchant = %s", (merchant,))
    else:
        conn.execute("DELETE FROM finance.match WHERE document_id = ANY(%s)", (list(ids),))


def add_matches(conn: psycopg.Connection[Any], merchant: str, matches: Iterable[Match]) -> None:
    """Write matches; the shares of one document are numbered."""
    numbers: dict[bytes, int] = {}
    with conn.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_TYPES)
        for one in matches:
            entry = one.entry
            ordinal = numbers.get(entry.id, 0)
            numbers[entry.id] = ordinal + 1
            copy.write_row(
                (UUID(bytes=entry.id), ordinal, merchant, one.contract, entry.entity,
                 day_of(entry.on), one.amount, one.rule.value, one.reference,
                 Jsonb(one.differences) if one.differences else None)
            )  # fmt: skip


def matches_of_contract(conn: sa.Connection, merchant: str, number: str) -> list[sa.RowMapping]:
    """The shares that documents have in a contract."""
    rows = conn.execute(
        sa.select(match)
        .where(match.c.merchant == merchant, match.c.contract_number == number)
        .order_by(match.c.on_date, match.c.entity, match.c.document_id)
    )
    return list(rows.mappings())


def keep_questions(
    conn: psycopg.Connection[Any],
    merchant: str,
    asked: Sequence[Question],
    scope: Sequence[UUID] | None,
    now: datetime,
) -> int:
    """Make the open questions of `scope` (None: the merchant) those that are asked now; how many are new."""
    ids = [one.id(merchant) for one in asked]
    within = "" if scope is None else " AND document_id = ANY(%s)"
    parameters: list[Any] = [
        GONE,
        now,
        merchant,
        OPEN,
        ids,
        *([] if scope is None else [list(scope)]),
    ]
    conn.execute(
        "UPDATE finance.question SET state = %s, changed_at = %s WHERE merchant = %s AND state = %s"  # noqa: S608 -- `within` is one of this module's two
        f" AND NOT id = ANY(%s){within}".encode(),
        parameters,
    )
    new = 0
    with conn.cursor() as cursor:
        for one, identifier in zip(asked, ids, strict=True):
            row = cursor.execute(_ASK, _question_row(merchant, one, identifier, now)).fetchone()
            new += bool(row and row[0])
    return new


_ASK = """
INSERT INTO finance.question AS q (id, merchant, state, document_id, entity, number, on_date, amount_fen,
    currency, reason, candidates, first_seen, changed_at)
VALUES (%s, %s, 'open', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET state = 'open', on_date = excluded.on_date,
    amount_fen = excluded.amount_fen, currency = excluded.currency, reason = excluded.reason,
    candidates = excluded.candidates,
    changed_at = CASE WHEN q.candidates = excluded.candidates AND q.state = 'open'
                      THEN q.changed_at ELSE excluded.changed_at END
RETURNING xmax = 0
"""


def _question_row(merchant: str, one: Question, identifier: str, now: datetime) -> tuple[Any, ...]:
    entry = one.entry
    candidates = [{"contracts": list(c.contracts), "open_fen": c.open_fen} for c in one.candidates]
    return (
        identifier, merchant, UUID(bytes=entry.id), entry.entity, entry.number, day_of(entry.on),
        entry.amount, entry.currency, Asked(one.reason).value, Jsonb(candidates), now, now,
    )  # fmt: skip


def list_questions(
    conn: sa.Connection, merchant: str | None = None, *, state: str = OPEN, limit: int = 1000
) -> list[sa.RowMapping]:
    """Questions in a state, the oldest first."""
    query = sa.select(question).where(question.c.state == state)
    if merchant is not None:
        query = query.where(question.c.merchant == merchant)
    query = query.order_by(question.c.first_seen, question.c.id).limit(limit)
    return list(conn.execute(query).mappings())


def questions_of(conn: sa.Connection, documents: Sequence[UUID]) -> list[sa.RowMapping]:
    """Open questions about these documents."""
    query = sa.select(question).where(
        question.c.document_id.in_(documents), question.c.state == OPEN
    )
    return list(conn.execute(query.order_by(question.c.id)).mappings())


def find_questions(conn: sa.Connection, beginning: str) -> list[sa.RowMapping]:
    """Questions whose id begins so."""
    query = sa.select(question).where(question.c.id.startswith(beginning, autoescape=True))
    return list(conn.execute(query.limit(2)).mappings())


def add_answer(
    conn: sa.Connection,
    asked: sa.RowMapping,
    contracts: Sequence[str],
    *,
    by: str,
    reason: str,
    now: datetime,
) -> None:
    """Write an answer down and have its document looked at again by the next run."""
    conn.execute(
        answer.insert().values(
            merchant=asked["merchant"], document_id=asked["document_id"],
            contracts=list(contracts), answered_by=by, reason=reason, answered_at=now,
        )
    )  # fmt: skip
    conn.execute(
        question.update()
        .where(question.c.id == asked["id"])
        .values(state=ANSWERED, changed_at=now)
    )
    conn.execute(
        sa.text(
            "INSERT INTO finance.change (merchant, entity, document_id)"
            " VALUES (:merchant, :entity, :document)"
        ),
        {
            "merchant": asked["merchant"],
            "entity": asked["entity"],
            "document": asked["document_id"],
        },
    )


def answers(conn: psycopg.Connection[Any], merchant: str) -> dict[bytes, list[str]]:
    """The newest answer of each document."""
    rows = conn.execute(
        "SELECT DISTINCT ON (document_id) document_id, contracts FROM finance.answer"
        " WHERE merchant = %s ORDER BY document_id, id DESC",
        (merchant,),
    ).fetchall()
    return {row[0].bytes: row[1] for row in rows}


def add_run(conn: sa.Connection, values: dict[str, Any]) -> None:
    """Write down that a run is done; `values` are the columns of `finance.reconciliation`."""
    conn.execute(reconciliation.insert().values(**values))


def last_run(conn: sa.Connection, merchant: str) -> sa.RowMapping | None:
    """The newest run of a merchant."""
    query = sa.select(reconciliation).where(reconciliation.c.merchant == merchant)
    return conn.execute(query.order_by(reconciliation.c.id.desc()).limit(1)).mappings().first()

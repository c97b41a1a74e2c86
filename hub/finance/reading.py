"""Documents as reconciliation reads them: columns only, binary, never the sealed text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa

from hub.finance.tables import document
from hub.reconciliation.books import ENTITIES, Entry, day_of, party_keys

_PAGE = 5000
_DAYS = "on_date - DATE '1970-01-01'"
# One column a field of `Entry`, in its order.
_COMMON = (
    "uuid_send(id)", "entity", "source_key", "number", "kind",
    "coalesce(state, CASE WHEN facts ? 'state_raw' THEN '?' END)",
    _DAYS, "amount_fen", "currency", "contract_number", "order_number", "party_code",
    "facts ->> 'party_credit_code'", "facts ->> 'party_tax_number'", "party",
)  # fmt: skip
_OWN_NAMES = (
    "target", "opportunity", "receivable", "request", "flow", "code", "due", "settled", "decided",
    "sealed", "has_scan",
)  # fmt: skip
_HAS_SCAN = "(facts ? 'scan_hash' OR facts -> 'withheld' ? 'scan_ref')"
_LINE = "facts ->> 'line'"  # lines of one bill have one number, and are no duplicates
_OWN: Mapping[str, Mapping[str, str]] = {
    "contract": {
        "target": "facts ->> 'amends_number'",
        "opportunity": "facts ->> 'opportunity_number'",
        "flow": "facts ->> 'flow_id'",
        "sealed": "(facts ->> 'is_sealed')::bool",
        "has_scan": _HAS_SCAN,
    },
    "approval": {"decided": "facts ->> 'decided_at'"},
    "signing": {"flow": "facts ->> 'flow_id'"},
    "receivable": {
        "code": _LINE,
        "due": "(facts ->> 'due_on')::date - DATE '1970-01-01'",
        "settled": "(facts ->> 'written_off_fen')::int8",
    },
    "invoice": {
        "target": "facts ->> 'red_of'",
        "receivable": "facts ->> 'receivable_number'",
        "request": "facts ->> 'request_number'",
        "code": "facts ->> 'invoice_code'",
    },
    "receipt": {"target": "facts ->> 'invoice_number'", "code": _LINE},
    "refund": {"target": "facts ->> 'receipt_number'", "code": _LINE},
}


def _select(entity: str) -> str:
    own = _OWN.get(entity, {})
    columns = [*_COMMON, *(own.get(name, "NULL") for name in _OWN_NAMES)]
    return f"SELECT {', '.join(columns)} FROM finance.document WHERE merchant = %s AND entity = %s"  # noqa: S608 -- this module's own texts


_QUERIES = {entity: _select(entity) for entity in ENTITIES}


def all_entries(conn: psycopg.Connection[Any], merchant: str) -> Iterator[Entry]:
    """Every document of a merchant that takes part, a page at a time."""
    for entity in ENTITIES:
        with conn.cursor(f"books_{entity}", binary=True) as cursor:
            cursor.itersize = _PAGE
            cursor.execute(_QUERIES[entity].encode(), (merchant, entity))
            while rows := cursor.fetchmany(_PAGE):
                for row in rows:
                    yield Entry(*row)


def linked_ids(
    conn: psycopg.Connection[Any], merchant: str, links: Collection[str], party: Collection[bytes]
) -> set[UUID]:
    """Documents that have one of these link keys or blind party keys.

    One look into the index a key: comparing all keys with every row would be quadratic, so that is ruled out.
    """
    found: set[UUID] = set()
    conn.execute("SET LOCAL enable_seqscan = off")
    for column, kind, keys in (("links", "text", list(links)), ("party", "bytea", list(party))):
        if keys:
            query = (
                f"SELECT d.id FROM unnest(%s::{kind}[]) AS wanted(key) JOIN finance.document d"  # noqa: S608 -- this function's own two
                f" ON d.{column} @> ARRAY[wanted.key] WHERE d.merchant = %s"
            )
            rows = conn.execute(query.encode(), (keys, merchant)).fetchall()
            found.update(row[0] for row in rows)
    conn.execute("SET LOCAL enable_seqscan = on")
    return found


def entries_of(conn: psycopg.Connection[Any], merchant: str, ids: Collection[UUID]) -> list[Entry]:
    """The documents with these ids that are still there."""
    found: list[Entry] = []
    with conn.cursor(binary=True) as cursor:
        for entity in ENTITIES:
            query = f"{_QUERIES[entity]} AND id = ANY(%s)"
            cursor.execute(query.encode(), (merchant, entity, list(ids)))
            found.extend(Entry(*row) for row in cursor)
    return found


def blind_of(entries: Collection[Entry]) -> set[bytes]:
    """The blind keys of the entries' parties."""
    return {key for entry in entries for key in party_keys(entry) if isinstance(key, bytes)}


def person_keys(
    conn: psycopg.Connection[Any], merchant: str, entity: str, ids: Collection[UUID] | None = None
) -> list[tuple[bytes, list[bytes]]]:
    """Documents that name a person, with its blind keys; of all documents or of `ids`."""
    query = (
        "SELECT uuid_send(id), keys FROM finance.document"
        " WHERE merchant = %s AND entity = %s AND keys IS NOT NULL"
    )
    parameters: list[Any] = [merchant, entity]
    if ids is not None:
        query += " AND id = ANY(%s)"
        parameters.append(list(ids))
    with conn.cursor(binary=True) as cursor:
        return [(row[0], row[1]) for row in cursor.execute(query.encode(), parameters)]


def late_by(conn: psycopg.Connection[Any], merchant: str, day: date) -> set[UUID]:
    """Documents about which something is late by then that was not when they were last looked at."""
    rows = conn.execute(
        "SELECT document_id FROM finance.wait WHERE merchant = %s AND late_on <= %s",
        (merchant, day),
    ).fetchall()
    return {row[0] for row in rows}


def keep_waits(
    conn: psycopg.Connection[Any],
    merchant: str,
    waits: Mapping[bytes, int],
    scope: Sequence[UUID] | None,
) -> None:
    """Make the waits of `scope` (None: the merchant's) these: document id → day count."""
    if scope is None:
        conn.execute("DELETE FROM finance.wait WHERE merchant = %s", (merchant,))
    else:
        conn.execute("DELETE FROM finance.wait WHERE document_id = ANY(%s)", (list(scope),))
    statement = b"COPY finance.wait (document_id, merchant, late_on) FROM STDIN (FORMAT BINARY)"
    with conn.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["uuid", "text", "date"])
        for document_id, day in waits.items():
            copy.write_row((UUID(bytes=document_id), merchant, day_of(day)))


def take_changes(
    conn: psycopg.Connection[Any], merchant: str
) -> tuple[set[UUID], set[str], set[bytes]]:
    """Take what changed since the last run: documents, and the links and parties that they had before."""
    rows = conn.execute(
        "DELETE FROM finance.change WHERE merchant = %s RETURNING document_id, links, party",
        (merchant,),
    ).fetchall()
    ids = {row[0] for row in rows}
    links = {link for row in rows for link in row[1] or ()}
    return ids, links, {bytes(key) for row in rows for key in row[2] or ()}


def documents_by_id(conn: sa.Connection, ids: Sequence[UUID]) -> list[sa.RowMapping]:
    """Whole rows, for a person to look at; by date and number."""
    rows = conn.execute(
        sa.select(document)
        .where(document.c.id.in_(ids))
        .order_by(document.c.on_date, document.c.entity, document.c.number, document.c.id)
    )
    return list(rows.mappings())


def ids_of_contract(conn: sa.Connection, merchant: str, number: str) -> list[UUID]:
    """Documents that name a contract, the contract itself and what was matched to it."""
    named = sa.text(
        "SELECT id FROM finance.document WHERE merchant = :merchant AND links && :links"
        " UNION SELECT document_id FROM finance.match"
        " WHERE merchant = :merchant AND contract_number = :number"
    )
    parameters = {"merchant": merchant, "number": number, "links": [f"contract:{number}"]}
    return list(conn.execute(named, parameters).scalars())


def contract_exists(conn: sa.Connection, merchant: str, number: str) -> bool:
    """Whether the books have a contract of that number."""
    query = sa.select(document.c.id).where(
        document.c.merchant == merchant,
        document.c.entity == "contract",
        document.c.number == number,
    )
    return conn.execute(query.limit(1)).first() is not None


def withheld_rows(conn: sa.Connection, ids: Sequence[UUID], name: str) -> Iterator[sa.RowMapping]:
    """`id` and `sealed` of those documents that have the field `name`, which only their sealed text shows."""
    query = sa.select(document.c.id, document.c.sealed).where(
        document.c.id == sa.func.any(sa.cast(list(ids), sa.ARRAY(sa.UUID(as_uuid=True)))),
        document.c.facts["withheld"].has_key(name),
    )
    yield from conn.execute(query).mappings()

"""Rows of `finance.document` for the bench: contracts, their evidence, invoices, receipts; written by COPY."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from hub.database.engine import libpq_url

TODAY = datetime(2026, 2, 28, 4, 0, tzinfo=UTC)
CONTRACTS_PER_PARTY = 5
_COLUMNS = (
    "id, merchant, source_key, entity, number, kind, state, on_date, amount_fen, contract_number,"
    " party_code, facts, first_record_id, received_at, loaded_at, mapping_version, revisions,"
    " content_hash"
)
_TYPES = [
    "uuid", "text", "text", "text", "text", "text", "text", "date", "int8", "text",
    "text", "jsonb", "uuid", "timestamptz", "timestamptz", "text", "uuid[]",
    "bytea",
]  # fmt: skip
Row = tuple[Any, ...]


def row(entity: str, number: str, amount: int | None, **values: Any) -> Row:  # noqa: ANN401 -- fields of documents
    """One document; what has no column of its own goes to `facts`."""
    identifier = UUID(bytes=hashlib.sha256(f"{entity}/{number}".encode()).digest()[:16])
    state, on = values.pop("state", None), values.pop("on", None)
    contract, party = values.pop("contract", None), values.pop("party", None)
    facts = {"number": number, "amount_fen": amount, **values}
    return (
        identifier, "default", "books", entity, number, values.get("kind"), state, on, amount,
        contract, party, Jsonb(facts), identifier, TODAY, TODAY, "bench", [identifier], b"\0" * 32,
    )  # fmt: skip


def books(contracts: int) -> Iterator[Row]:
    """Contracts with opportunity, approval and account; 6 invoices and 7.5 receipts for every five of them.

    Of every five contracts of a party: one is invoiced in two parts, one receipt in fifteen names nothing.
    """
    for n in range(contracts):
        yield from deal(n, date(2026, 1, 1) + timedelta(days=n % 55))


def deal(n: int, on: date) -> Iterator[Row]:
    """The documents of contract `n`."""
    number, party = f"HT{n:08}", f"KH{n // CONTRACTS_PER_PARTY:07}"
    amount = 1_000_000 + n * 137 % 9_000_000
    yield row(
        "contract", number, amount, state="active", on=on, contract=number, party=party,
        is_sealed=True, scan_hash="ab12",
    )  # fmt: skip
    yield row(
        "opportunity", f"SJ{n:08}", amount, state="signed", on=on, contract=number, party=party
    )
    yield row("approval", f"SP{n:08}", None, state="approved", contract=number)
    yield row("receiving_account", f"ZH{n:08}", None, state="filed", contract=number)
    parts = [amount] if n % 5 else [amount // 2, amount - amount // 2]
    for place, part in enumerate(parts):
        yield row(
            "invoice", f"FP{n:08}{place}", part, state="issued", on=on + timedelta(days=3),
            contract=number, party=party,
        )  # fmt: skip
    halves = [amount] if n % 2 else [amount // 3, amount - amount // 3]
    for place, part in enumerate(halves):
        named = None if place == 0 and n % 10 == 1 else number
        yield row(
            "receipt", f"SK{n:08}{place}", part, state="audited", on=on + timedelta(days=9),
            contract=named, party=party,
        )  # fmt: skip


def fill(url: str, contracts: int) -> None:
    """All of it into the database of `url`."""
    with psycopg.connect(libpq_url(url)) as conn:
        write(conn, books(contracts))


def write(conn: psycopg.Connection[Any], rows: Iterator[Row]) -> None:
    """COPY rows in."""
    statement = f"COPY finance.document ({_COLUMNS}) FROM STDIN (FORMAT BINARY)"
    with conn.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        copy.set_types(_TYPES)
        for one in rows:
            copy.write_row(one)


def revise(conn: psycopg.Connection[Any], count: int, contracts: int) -> int:
    """A day's work: the invoices of `count` contracts, each of another party, are corrected, and as many
    new contracts come; changes are noted as the loader does."""
    numbers = [f"HT{n:08}" for n in range(0, contracts, max(1, contracts // count))][:count]
    conn.execute(
        "INSERT INTO finance.change (merchant, entity, document_id, links)"
        " SELECT merchant, entity, id, links FROM finance.document"
        " WHERE merchant = 'default' AND entity = 'invoice' AND contract_number = ANY(%s)",
        (numbers,),
    )
    changed = conn.execute(
        "UPDATE finance.document SET amount_fen = amount_fen + 100000"
        " WHERE merchant = 'default' AND entity = 'invoice' AND contract_number = ANY(%s)",
        (numbers,),
    ).rowcount
    new = [one for n in range(contracts, contracts + count) for one in deal(n, date(2026, 2, 27))]
    write(conn, iter(new))
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO finance.change (merchant, entity, document_id) VALUES ('default', %s, %s)",
            [(one[3], one[0]) for one in new],
        )
    return changed + len(new)

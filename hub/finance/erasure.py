"""Business documents in an erasure: look through every revision, find what hangs together, write them without a person.

The caller holds the merchant's lock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import args_row

from hub.finance.documents import DocumentRevision

# What two documents of one deal share; a party or a company may have many deals.
_DEAL = ("contract:", "order:", "opportunity:", "flow:", "invoice:", "receipt:", "receivable:")


def revision_pages(
    conn: psycopg.Connection[Any], merchant: str, *, size: int = 1000
) -> Iterator[list[DocumentRevision]]:
    """Every revision of a merchant's documents, in pages; it reads the whole table."""
    with conn.cursor(
        name="hub_document_revisions", binary=True, row_factory=args_row(DocumentRevision)
    ) as cursor:  # type: psycopg.ServerCursor[DocumentRevision]
        cursor.execute(
            "SELECT record_id, ordinal, document_id, merchant, source_key, entity, outcome, rank,"
            " mode, stream, mapping_version, content_hash, sealed FROM finance.document_revision"
            " WHERE merchant = %s",
            (merchant,),
        )
        while page := cursor.fetchmany(size):
            yield page


def of_same_deals(
    conn: psycopg.Connection[Any], merchant: str, ids: Collection[UUID]
) -> set[UUID]:
    """Documents that name a contract, order, opportunity or flow that one of `ids` names, or are matched to it."""
    rows = conn.execute(
        "SELECT DISTINCT unnest(links) FROM finance.document WHERE id = ANY(%s)", (list(ids),)
    ).fetchall()
    links = [row[0] for row in rows if row[0].startswith(_DEAL)]
    numbers = [link.partition(":")[2] for link in links if link.startswith("contract:")]
    found = conn.execute(
        "SELECT id FROM finance.document WHERE merchant = %s AND links && %s"
        " UNION SELECT document_id FROM finance.match"
        " WHERE merchant = %s AND contract_number = ANY(%s)",
        (merchant, links, merchant, numbers),
    ).fetchall()
    return {row[0] for row in found} - set(ids)


def rewrite_revisions(
    conn: psycopg.Connection[Any], rows: Sequence[tuple[UUID, int, bytes, bytes]]
) -> None:
    """Put other words in the place of revisions': (record, ordinal, content hash, sealed)."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "UPDATE finance.document_revision SET content_hash = %s, sealed = %s"
            " WHERE record_id = %s AND ordinal = %s",
            [(content, sealed, record, ordinal) for record, ordinal, content, sealed in rows],
        )

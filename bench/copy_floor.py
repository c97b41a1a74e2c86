"""The floor under every loader: COPY into staging, one INSERT … ON CONFLICT, nothing checked, nothing sealed."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence

import psycopg

from bench.stage import count
from hub.database.engine import libpq_url

BATCH = 10_000
_TARGET = """
CREATE TABLE floor_lead (phone text PRIMARY KEY, clue_id text, name text, submitted_at timestamp, raw text)
"""
_STAGING = """
CREATE TEMP TABLE staging (number int, phone text, clue_id text, name text, submitted_at timestamp, raw text)
ON COMMIT DELETE ROWS
"""
# The last of a batch wins, as the last batch does.
_UPSERT = """
INSERT INTO floor_lead SELECT DISTINCT ON (phone) phone, clue_id, name, submitted_at, raw
FROM staging ORDER BY phone, number DESC
ON CONFLICT (phone) DO UPDATE SET clue_id = excluded.clue_id, name = excluded.name,
    submitted_at = excluded.submitted_at, raw = excluded.raw
"""


def load_floor(url: str, payloads: Sequence[bytes]) -> tuple[float, int]:
    """Load JSON leads, one row a phone: how many seconds it took, and how many rows there are."""
    with psycopg.connect(libpq_url(url), autocommit=True) as conn:
        conn.execute(_TARGET)
        conn.execute(_STAGING)
        iterator = iter(enumerate(payloads))
        started = time.monotonic()
        while batch := list(itertools.islice(iterator, BATCH)):
            with conn.transaction():
                _copy(conn, batch)
                conn.execute(_UPSERT)
        spent = time.monotonic() - started
    return spent, count(url, "SELECT count(*) FROM floor_lead")


def _copy(
    conn: psycopg.Connection[tuple[object, ...]], batch: Sequence[tuple[int, bytes]]
) -> None:
    with conn.cursor().copy("COPY staging FROM STDIN") as copy:
        for number, payload in batch:
            lead = json.loads(payload)
            raw = json.dumps(lead, ensure_ascii=False)
            copy.write_row(
                (number, lead["mobile"], lead["clueId"], lead["name"], lead["create_time"], raw)
            )

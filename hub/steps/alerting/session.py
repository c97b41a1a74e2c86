"""The one notifier that works: a connection that holds a lock, and every write of it on that connection.

Who lost the lock lost the connection, so nothing is written by two at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from hub.database.engine import store_errors
from hub.errors import StoreAwayError

_LOCK = sa.text("SELECT pg_try_advisory_lock(42983, 1)")
_STATE = sa.text("SELECT current_setting('transaction_read_only') = 'on', clock_timestamp()")


class ReadOnlyStoreError(StoreAwayError):
    """The database answers and takes no writes: a standby, or one that was made read-only."""


class LeaderSession:
    """Holds the notifiers' lock while the database is there and nobody else has it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._conn: sa.Connection | None = None
        self.skew = timedelta(0)

    @property
    def is_leading(self) -> bool:
        """Whether we had the lock when we looked last."""
        return self._conn is not None

    def lead(self) -> bool:
        """Whether we are the one: asks for the lock, or that it is still ours.

        Raises:
            StoreAwayError: the database is away.
            ReadOnlyStoreError: it takes no writes.
        """
        if self._conn is None:
            self._conn = self._locked()
        if self._conn is None:
            return False
        with self.transaction() as conn:
            is_read_only, at = conn.execute(_STATE).one()
            self.skew = at - datetime.now(UTC)
            if is_read_only:
                raise ReadOnlyStoreError("the database is read-only")
        return True

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A transaction of the one who leads.

        Raises:
            StoreAwayError: the connection, and the lock with it, is gone.
        """
        if self._conn is None:
            raise StoreAwayError("the database is away (no session)")
        try:
            with store_errors(), self._conn.begin():
                yield self._conn
        except StoreAwayError:
            self.close()
            raise

    def close(self) -> None:
        """Give the lock back."""
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.invalidate()  # closed, not given back to the pool: the lock belongs to the session
            conn.close()

    def _locked(self) -> sa.Connection | None:
        with store_errors():
            conn = self._engine.connect()
            try:
                with conn.begin():
                    got = bool(conn.execute(_LOCK).scalar_one())
            except BaseException:
                conn.invalidate()
                conn.close()
                raise
            if not got:
                conn.close()
            return conn if got else None

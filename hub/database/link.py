"""One database connection of an event loop, replaced when it fails or does not answer in time.

psycopg's own reaction to a cancelled query is to ask the server to cancel it and to wait for that: a
server that hangs would hold us for ten seconds. So an unanswered connection is cut and left behind.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import psycopg

from hub.database.engine import libpq_url, sqlstate, translate
from hub.errors import StoreAwayError, StoreError

Connection = psycopg.AsyncConnection[Any]
Result = TypeVar("Result")

# What is wrong with the data itself: the same statement without that row would succeed.
_DATA_CLASSES = ("22", "23")
# 40: a deadlock or a serialisation failure; the connection is as good as before.
_AGAIN_CLASS = "40"
_SESSION = "-c timezone=UTC -c lock_timeout=10s -c plan_cache_mode=force_generic_plan"


class AsyncLink:
    """A connection in autocommit that is opened when it is needed. Not for two tasks at once."""

    def __init__(self, url: str, *, application: str) -> None:
        self._conninfo = libpq_url(url)
        self._application = application
        self._connection: Connection | None = None
        self._left_behind: set[asyncio.Future[Any]] = set()

    @property
    def is_open(self) -> bool:
        """Whether the last use of the connection left it usable."""
        return self._connection is not None

    async def run(
        self, work: Callable[[Connection], Awaitable[Result]], *, within_s: float
    ) -> Result:
        """What `work` gives on an open connection; one statement is one transaction.

        Opening the connection counts towards `within_s`.

        Raises:
            StoreAwayError: away, told to try again, not answered within `within_s`, or anything
                else that is not the data's fault; what was sent may still be committed.
            StoreError: the data was refused (SQLSTATE 22, 23).
        """
        task = asyncio.ensure_future(self._run(work))
        try:
            done, _ = await asyncio.wait({task}, timeout=within_s)
        except asyncio.CancelledError:
            self._leave_behind(task)
            raise
        if not done:
            self._leave_behind(task)
            raise StoreAwayError("the database did not answer in time")
        try:
            return task.result()
        except (psycopg.Error, OSError) as error:
            await self._drop_unless_usable(error)
            raise _translated(error) from None

    async def close(self) -> None:
        """Close the connection and wait for those that were left behind to end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
        if self._left_behind:
            await asyncio.wait(self._left_behind, timeout=1.0)

    async def _run(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                self._conninfo,
                autocommit=True,
                prepare_threshold=2,
                application_name=self._application,
                options=_SESSION,
            )
        return await work(self._connection)

    async def _drop_unless_usable(self, error: BaseException) -> None:
        state = sqlstate(error) or ""
        if state[:2] in (*_DATA_CLASSES, _AGAIN_CLASS):
            return
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _leave_behind(self, task: asyncio.Future[Any]) -> None:
        connection, self._connection = self._connection, None
        self._left_behind.add(task)
        task.add_done_callback(self._left_behind.discard)
        if connection is None:
            task.cancel()  # still connecting: nothing was sent
            return
        # The task sees the end of its connection and ends by itself.
        _cut(connection)
        task.add_done_callback(lambda ended: _forget(ended, connection))


def _cut(connection: Connection) -> None:
    with suppress(OSError, psycopg.Error):
        duplicate = os.dup(connection.pgconn.socket)
        with socket.socket(fileno=duplicate) as ours:
            ours.shutdown(socket.SHUT_RDWR)


def _forget(ended: asyncio.Future[Any], connection: Connection) -> None:
    if not ended.cancelled():
        ended.exception()  # looked at, so that asyncio does not complain of it
    connection.pgconn.finish()


def _translated(error: BaseException) -> StoreError:
    state = sqlstate(error) or ""
    if state[:2] in _DATA_CLASSES:
        return StoreError(f"the database refused the data (SQLSTATE {state})")
    meant = translate(error)
    if isinstance(meant, StoreAwayError):
        return meant
    # A missing table or right is ours to mend, and no reason to lose anything meanwhile.
    return StoreAwayError(f"the database cannot be used (SQLSTATE {state or 'none'})")

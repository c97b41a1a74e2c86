"""The watchdog: looks at the hub every ten seconds, raises what is wrong and closes what is over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from hub.alerts.kinds import KINDS
from hub.alerts.outbox import close_alert, raise_alert
from hub.alerts.reading import open_alerts
from hub.database.engine import sqlstate, store_errors, translate
from hub.database.vitals import limit_statements, read_vitals
from hub.errors import StoreAwayError
from hub.ops.heartbeats import forget_beats
from hub.settings import HubSettings
from hub.steps.watchdog import hosts as watchdog_hosts
from hub.steps.watchdog import store as watchdog_store
from hub.steps.watchdog.sight import Alarm, Memory, Sight

STATEMENT_WITHIN = timedelta(seconds=3)
# An alert that says the same as before is not written more often.
WRITE_EVERY = timedelta(seconds=60)
FORGET_EVERY, FORGET_AFTER = timedelta(hours=1), timedelta(days=1)
_TIMED_OUT = "57014"

Watch = Callable[[Sight], Iterable[Alarm]]
log = logging.getLogger("hub.watchdog")

WATCHES: Mapping[str, Watch] = {
    "clock": watchdog_store.watch_clock,
    "connections": watchdog_store.watch_connections,
    "old-transaction": watchdog_store.watch_transactions,
    "loader": watchdog_store.watch_loaders,
    "queue-age": watchdog_store.watch_queue,
    "latency": watchdog_store.watch_latency,
    "held": watchdog_store.watch_held,
    "waiting": watchdog_store.watch_waiting,
    "receiver": watchdog_hosts.watch_receivers,
    "dagster": watchdog_hosts.watch_dagster,
    "spool-used": watchdog_hosts.watch_spool,
    "spool-refused": watchdog_hosts.watch_refused,
    "disk": watchdog_hosts.watch_disks,
    "notifier": lambda _: (),  # raised by Dagster's sensor: whoever looks here is the notifier
}
"""Kind of alert → the watch that raises and closes all alerts of that kind."""


@dataclass(slots=True)
class _Found:
    """What one look found. `looked` are the kinds that were looked at to the end."""

    alarms: list[Alarm] = field(default_factory=list)
    looked: set[str] = field(default_factory=set)


class Watchdog:
    """One watcher of one hub; not for several threads.

    Args:
        engine: The store.
        settings: Sources, owners and limits.
        spools: The folder of this machine's spools.
        home: `HUB_HOME` of this machine.
        clock: Our own clock, compared with the database's.
        watches: Other watches than `WATCHES`.
    """

    def __init__(
        self,
        engine: sa.Engine,
        settings: HubSettings,
        *,
        spools: Path,
        home: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        watches: Mapping[str, Watch] = WATCHES,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._spools = spools
        self._home = home
        self._clock = clock
        self._watches = watches
        self._memory = Memory()
        self._forgot_at: datetime | None = None

    def tick(self, now: datetime) -> None:
        """Look once: one short transaction that reads, one that writes if there is something to write.

        A watch that fails says so by an alert of kind `watchdog`, and closes nothing.

        Raises:
            StoreAwayError: the database is away, or cannot be written to.
        """
        try:
            self._tick(now)
        except StoreAwayError:
            raise
        except Exception as error:  # noqa: BLE001 -- whoever delivers alerts must live
            log.error("the watchdog's look failed: %s", _named(error))  # noqa: TRY400 -- a traceback could show values

    def _tick(self, now: datetime) -> None:
        with store_errors(), self._engine.begin() as conn:
            sight = self._look(conn, now)
            if sight.vitals.is_read_only:
                raise StoreAwayError("the database is read-only")
            found = self._ask(sight)
        over = _over(sight, found, self._watches)
        told = [one for one in found.alarms if _is_news(one, sight)]
        is_quiet = not found.alarms and self._is_time_to_forget(now)
        if not (over or told or is_quiet):
            return
        with store_errors(), self._engine.begin() as conn:
            for alarm in told:
                _raise(conn, alarm)
            for key in over:
                close_alert(conn, key)
            if is_quiet:
                self._forgot_at = now
                forget_beats(conn, sight.db_now, FORGET_AFTER)

    def _look(self, conn: sa.Connection, now: datetime) -> Sight:
        limit_statements(conn, STATEMENT_WITHIN)
        before = self._clock()
        vitals = read_vitals(conn)
        # The database looked at its clock about in the middle of the round trip.
        skew = vitals.at - (before + (self._clock() - before) / 2)
        return Sight(
            conn=conn,
            settings=self._settings,
            now=now,
            db_now=now + skew,
            skew=skew,
            vitals=vitals,
            spools=self._spools,
            home=self._home,
            memory=self._memory,
            is_open={str(row["dedupe_key"]): row for row in open_alerts(conn)},
        )

    def _ask(self, sight: Sight) -> _Found:
        found = _Found()
        for kind, watch in self._watches.items():
            try:
                with sight.conn.begin_nested():
                    alarms = list(watch(sight))
            except Exception as error:
                if _is_away(error):
                    raise
                log.error("watch %s failed: %s", kind, _named(error))  # noqa: TRY400 -- a traceback could show values
                alarms = [_broken(kind, error)]
            else:
                found.looked.add(kind)
            found.alarms += alarms
        return found

    def _is_time_to_forget(self, now: datetime) -> bool:
        return self._forgot_at is None or now - self._forgot_at >= FORGET_EVERY


def _broken(kind: str, error: Exception) -> Alarm:
    return Alarm(
        f"watchdog:{kind}",
        "warning",
        {"watch": kind, "error": _named(error)},
    )


def _over(sight: Sight, found: _Found, watches: Mapping[str, Watch]) -> list[str]:
    """Open alerts that have ended: no watch says them any more, or nobody has said them for long."""
    now_so = {one.key for one in found.alarms}
    return [
        key
        for key, row in sight.is_open.items()
        if key not in now_so and (_ended(key, found, watches) or _ran_out(row, sight))
    ]


def _ended(key: str, found: _Found, watches: Mapping[str, Watch]) -> bool:
    kind, _, about = key.partition(":")
    if kind == "watchdog":
        return about in found.looked or about not in watches
    return kind in found.looked


def _ran_out(row: sa.RowMapping, sight: Sight) -> bool:
    kind = KINDS.get(str(row["dedupe_key"]).partition(":")[0])
    if kind is None or kind.closes_after is None:
        return False
    if row["severity"] == "critical" and row["acknowledged_at"] is None:
        return False
    return bool(sight.db_now - row["last_at"] >= kind.closes_after)


def _is_news(alarm: Alarm, sight: Sight) -> bool:
    """Whether an alarm has to be written: new, worse, or not written for a while."""
    row = sight.is_open.get(alarm.key)
    if row is None or (alarm.severity == "critical" and row["severity"] != "critical"):
        return True
    return bool(sight.db_now - row["last_at"] >= WRITE_EVERY)


def _raise(conn: sa.Connection, alarm: Alarm) -> None:
    raise_alert(
        conn,
        dedupe_key=alarm.key,
        severity=alarm.severity,
        facts=alarm.facts,
        merchant=alarm.merchant,
        owner=alarm.owner,
        count=alarm.count,
        is_total=True,
    )


def _is_away(error: Exception) -> bool:
    """A statement that took too long is the watch's failure, not the database's absence."""
    return sqlstate(error) != _TIMED_OUT and isinstance(_meant(error), StoreAwayError)


def _meant(error: Exception) -> Exception:
    is_of_store = isinstance(error, sa.exc.SQLAlchemyError) or sqlstate(error) is not None
    return translate(error) if is_of_store else error


def _named(error: Exception) -> str:
    """An error without its text, which may repeat a value."""
    state = sqlstate(error)
    return f"{type(error).__name__} (SQLSTATE {state})" if state else type(error).__name__

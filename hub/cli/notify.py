"""`hub notify`: delivers alerts and watches the hub. Start two: one works, the other stands by."""

from __future__ import annotations

import os
import signal
import socket
import threading
from datetime import timedelta
from types import FrameType

import typer

from hub.cli.metrics_options import MetricsHost, MetricsPort
from hub.cli.output import print_line
from hub.database.migrate import upgrade
from hub.errors import StoreAwayError
from hub.settings import home, load_settings
from hub.steps.alerting.beside import Beside
from hub.steps.alerting.notifier import Notifier
from hub.steps.check_settings import require_sound
from hub.steps.keys.check import check_keys
from hub.steps.keys.ring import open_keyring
from hub.steps.open_store import Store, open_store
from hub.steps.running.logs import log_as_json
from hub.steps.running.store_metrics import serve_store_metrics
from hub.steps.watchdog.watchdog import Watchdog


def register(app: typer.Typer) -> None:
    """Add `notify`."""
    app.command("notify")(notify_command)


def notify_command(metrics_port: MetricsPort = 0, metrics_host: MetricsHost = "127.0.0.1") -> None:
    """Deliver alerts and watch the hub until it is stopped (Ctrl-C or SIGTERM)."""
    log_as_json("notify")
    settings = load_settings()
    require_sound(settings)
    keyring = open_keyring()
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    # Not migrated here: that the database is away is the first thing to tell.
    with open_store(migrate=False, application="hub notify") as store:
        notifier = Notifier(
            store.engine,
            settings,
            keyring,
            home=home(),
            stop=stop,
            prepare=lambda: _prepare(store),
        )
        watchdog = Watchdog(store.engine, settings, spools=home() / "spool", home=home())
        beside = Beside(store.engine, notifier, watchdog.tick, instance=_name())
        metrics = (
            serve_store_metrics(store.engine, settings, host=metrics_host, port=metrics_port)
            if metrics_port
            else None
        )
        beside.start()
        print_line("hub notify: running")
        try:
            _run(notifier, store, stop)
        finally:
            beside.close()
            notifier.close()
            if metrics is not None:
                metrics.close()


def _name() -> str:
    return f"{socket.gethostname().lower()}-{os.getpid()}"


def _prepare(store: Store) -> None:
    """Bring the store to this release, as every process that starts does.

    Raises:
        ConfigError: its keys are not ours, or it is of a newer hub.
    """
    check_keys(store.engine)
    if upgrade(store.engine):
        check_keys(store.engine)


def _run(notifier: Notifier, store: Store, stop: threading.Event) -> None:
    while not stop.is_set():
        now = notifier.now()
        pause = notifier.tick(now) - notifier.now()
        if notifier.is_away:
            _revive(store)
        stop.wait(max(timedelta(0), pause).total_seconds())


def _revive(store: Store) -> None:
    """Start an embedded server again that died."""
    try:
        store.revive()
    except StoreAwayError:
        return  # the notifier tells; it is tried again a second later

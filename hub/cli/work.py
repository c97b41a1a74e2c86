"""`hub work`: one loader. Start more of them for more speed."""

from __future__ import annotations

import gc
import signal
import threading
from types import FrameType
from typing import Annotated

import typer

from hub.cli.metrics_options import MetricsHost, MetricsPort, shown
from hub.cli.output import print_line
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, load_settings
from hub.steps.check_settings import require_sound
from hub.steps.erasure.erase import apply_missing
from hub.steps.keys.ring import open_keyring
from hub.steps.load import BatchResult
from hub.steps.open_store import Store, open_store
from hub.steps.running.loader_metrics import LoaderMetrics
from hub.steps.running.logs import log_as_json
from hub.steps.work import when_store_is_there, work


def register(app: typer.Typer) -> None:
    """Add `work`."""
    app.command("work")(work_command)


def work_command(
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="Stop when nothing is left to load.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print nothing while it goes well.")
    ] = False,
    metrics_port: MetricsPort = 0,
    metrics_host: MetricsHost = "127.0.0.1",
) -> None:
    """Load leads from the inbox into the CRM store until it is stopped (Ctrl-C or SIGTERM)."""
    log_as_json("work")
    settings = load_settings()
    require_sound(settings)
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)

    def report(result: BatchResult) -> None:
        if not quiet:
            counts = ", ".join(f"{outcome} {n}" for outcome, n in sorted(result.counts.items()))
            print_line(f"batch of {result.items}: {counts or 'retried in halves'}")

    # A batch makes some twenty objects a lead and drops them together: collecting in between finds nothing.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    metrics = LoaderMetrics(settings.all_sources())
    with shown(metrics.registry, host=metrics_host, port=metrics_port):
        opened = (
            _open(settings) if until_empty else when_store_is_there(lambda: _open(settings), stop)
        )
        if opened is None:
            return  # told to stop while the database was away
        store, keyring = opened
        with store:
            work(
                store.engine,
                keyring,
                settings,
                stop=stop,
                revive=store.revive,
                until_empty=until_empty,
                on_batch=report,
                metrics=metrics,
            )


def _open(settings: HubSettings) -> tuple[Store, KeyRing]:
    store = open_store(check_erasures=False)
    try:
        keyring = open_keyring()
        # a restored backup forgets before it serves
        apply_missing(store.engine, keyring, settings)
    except BaseException:
        store.close()
        raise
    return store, keyring

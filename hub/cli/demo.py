"""`hub demo`: a whole hub on this machine, with a simulated platform; nothing leaves it."""

from __future__ import annotations

import dataclasses
import os
import secrets
import signal
import sys
import threading
import time
from types import FrameType
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hub.cli.output import CheckFailedError, print_json, print_line, print_rows
from hub.connectors.douyin.simulator import Simulator
from hub.errors import TransientError
from hub.settings import home, load_settings
from hub.steps.demo import Demo, DemoResult, percentiles
from hub.steps.demo_hub import (
    ADS,
    APP_SECRET_ENV,
    FORM,
    FORM_SECRET_ENV,
    PUSH_SECRET_ENV,
    STAR_SECRET_ENV,
    DemoHub,
    free_port,
)
from hub.steps.demo_story import StoryResult
from hub.steps.keys import open_keyring
from hub.steps.open_store import open_store


def register(app: typer.Typer) -> None:
    """Add `demo`."""
    app.command("demo")(demo_command)


def demo_command(
    once: Annotated[
        bool, typer.Option("--once", help="Exit when all is checked: 0 good, 1 not.")
    ] = False,
    leads: Annotated[
        int, typer.Option("--leads", min=10, max=100_000, help="How many leads.")
    ] = 500,
    seed: Annotated[int, typer.Option(help="The same seed sends the same leads.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Start a store, a receiver, a loader, Dagster and a simulated platform; send leads; check everything."""
    stop = threading.Event()
    _stop_on_signals(stop)
    simulator = Simulator(seed)
    hub = DemoHub(
        home() / "demo",
        free_port(8700),
        free_port(3000),
        {
            PUSH_SECRET_ENV: secrets.token_urlsafe(16),
            STAR_SECRET_ENV: secrets.token_urlsafe(16),
            FORM_SECRET_ENV: secrets.token_urlsafe(16),
            APP_SECRET_ENV: simulator.world.app_secret,
        },
    )
    with simulator:
        world = simulator.world
        hub.prepare(simulator.options(APP_SECRET_ENV), (world.advertiser_id, world.star_id))
        os.environ.update(hub.environment)
        os.environ.pop("HUB_DATABASE_URL", None)
        _say("store: an embedded PostgreSQL")
        with open_store(application="hub demo") as store:
            try:
                _start(hub)
                demo, show = _demo(hub, store.engine, simulator, leads)
                with show:
                    result = demo.play()
                _wait_for_dagster(hub)
                _print(hub, result, as_json=as_json)
                if not once:
                    print_line("It stays up until Ctrl-C.")
                    stop.wait()
            finally:
                hub.stop()
    if not result.holds:
        raise CheckFailedError


def _stop_on_signals(stop: threading.Event) -> None:
    """The first Ctrl-C or SIGTERM ends the demo in good order, whatever it is doing."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


def _start(hub: DemoHub) -> None:
    dagster_home = hub.home / "dagster"
    _say(f"receiver {hub.url}, a loader, Dagster {hub.dagster_url}")
    hub.start("receiver", "hub.cli.main", "receive", "--port", str(hub.port))
    hub.start("loader", "hub.cli.main", "work", "--quiet")
    _wait_for("receiver", f"{hub.url}/readyz", hub)
    hub.start(
        "dagster", "hub.definitions.serve", "--port", str(hub.dagster_port), "--home", str(dagster_home)
    )  # fmt: skip


def _demo(hub: DemoHub, engine: object, simulator: Simulator, leads: int) -> tuple[Demo, Progress]:
    show = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    task = show.add_task("leads sent", total=leads)
    demo = Demo(
        hub=hub,
        engine=engine,  # type: ignore[arg-type]  # a SQLAlchemy engine; the doors do not import it
        keyring=open_keyring(),
        settings=load_settings(),
        simulator=simulator,
        leads=leads,
        say=_say,
        step=lambda n: show.advance(task, n),
    )
    return demo, show


def _wait_for_dagster(hub: DemoHub) -> None:
    _say("waiting for the Dagster UI")
    _wait_for("Dagster UI", f"{hub.dagster_url}/server_info", hub)


def _wait_for(what: str, url: str, hub: DemoHub, within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=5).is_success:
                return
        except httpx.HTTPError:
            pass
        dead = hub.dead()
        if dead is not None:
            raise TransientError(f"the {dead} ended; see {hub.home / 'logs' / dead}.log")
        time.sleep(0.1)
    raise TransientError(
        f"the {what} did not answer within {within_s:.0f} s; see {hub.home / 'logs'}"
    )


def _say(text: str) -> None:
    sys.stderr.write(f"· {text}\n")
    sys.stderr.flush()


def _print(hub: DemoHub, result: DemoResult, *, as_json: bool) -> None:
    found = result.verification
    addresses = {
        "Dagster UI": hub.dagster_url,
        "receiver": f"{hub.url}/docs",
        "webhook": f"{hub.url}/hooks/{ADS}/…",
        "form": f"{hub.url}/forms/{FORM}",
    }
    if as_json:
        print_json(
            {
                "holds": result.holds,
                "sent": result.sent,
                "missing": result.missing,
                "refused": result.refused,
                "deliveries": found.delivery_law.by_source(),
                "records": found.record_law.by_source(),
                "latency_ms": dict(percentiles(result)),
                "contacts": found.contacts,
                "content_hash": found.content_hash,
                "story": {**dataclasses.asdict(result.story), "holds": result.story.holds},
                "addresses": addresses,
            }
        )
        return
    for law in (found.delivery_law, found.record_law):
        rows = law.by_source()
        columns = list(rows[0]) if rows else ["source"]
        print_line(
            f"{law.name}: {law.whole} = " + " + ".join(t for t in law.terms if t != law.whole)
        )
        print_rows(columns, [[row[c] for c in columns] for row in rows], as_json=False)
        print_line()
    waits = ", ".join(f"{name} {ms:.0f} ms" for name, ms in percentiles(result))
    print_line(f"sent → queryable, seen from outside: {waits} ({len(result.waits_s)} leads)")
    print_line(
        f"{found.leads} leads of {found.contacts} contacts; content hash {found.content_hash[:16]}…"
    )
    _print_story(result.story)
    print_line(
        "everything is accounted for" if result.holds
        else f"NOT everything is accounted for: {result.missing} missing, {result.refused} refused"
    )  # fmt: skip
    print_line()
    for name, address in addresses.items():
        print_line(f"  {name:<11} {address}")
    print_line(f"  files       {hub.home}")


def _print_story(story: StoryResult) -> None:
    """What happened when the payload changed, with the clock."""
    print_line()
    print_line("用户抖音号 appears overnight; seconds since the first changed payload:")
    for seconds, text in story.timeline:
        print_line(f"  {seconds:6.2f} s  {text}")
    print_line(
        f"  alert after {story.alert_after_s:.2f} s; {story.held} held; {story.gained} of"
        f" {story.changed} gained douyin_id; replayed {story.replayed_after_s:.2f} s after publication"
    )
    print_line()

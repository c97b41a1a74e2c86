"""`hub demo`: a whole hub on this machine, with a simulated platform; nothing leaves it."""

from __future__ import annotations

import dataclasses
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from hub.cli.demo_money_output import print_money
from hub.cli.output import CheckFailedError, print_json, print_line, print_rows
from hub.errors import TransientError
from hub.settings import home, load_settings
from hub.steps.demo.books import book_sources
from hub.steps.demo.hub import ADS, FAIR, FORM, DemoHub, free_port
from hub.steps.demo.play import Demo, DemoResult, percentiles
from hub.steps.demo.rows import SourceRow
from hub.steps.demo.source import DemoSource
from hub.steps.demo.sources import Platforms, demo_sources
from hub.steps.demo.story import StoryResult
from hub.steps.keys.ring import open_keyring
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
    """Start a store, a receiver, a loader, Dagster and simulated platforms; send leads from all; check everything."""
    stop = threading.Event()
    _stop_on_signals(stop)
    with Platforms.running(seed) as platforms:
        sources = demo_sources(platforms, lambda: secrets.token_urlsafe(16))
        books = book_sources(platforms, lambda: secrets.token_urlsafe(16))
        every = (*sources, *books)
        found = {name: text for one in every for name, text in one.secrets.items()}
        hub = DemoHub(home() / "demo", free_port(8700), free_port(3000), found)
        hub.prepare(
            {one.key: one.settings for one in every if not one.is_form},
            {one.key: one.settings for one in every if one.is_form},
        )
        os.environ.update(hub.environment)
        os.environ.pop("HUB_DATABASE_URL", None)
        _say("store: an embedded PostgreSQL")
        with open_store(application="hub demo") as store:
            try:
                _start(hub)
                demo, show = _demo(hub, store.engine, (platforms, sources, books), leads)
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


def _demo(
    hub: DemoHub,
    engine: object,
    world: tuple[Platforms, Sequence[DemoSource], Sequence[DemoSource]],
    leads: int,
) -> tuple[Demo, Progress]:
    platforms, sources, books = world
    show = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    task = show.add_task("leads sent", total=sum(one.lead_count(leads) for one in sources))
    demo = Demo(
        hub=hub,
        engine=engine,  # type: ignore[arg-type]  # a SQLAlchemy engine; the doors do not import it
        keyring=open_keyring(),
        settings=load_settings(),
        platforms=platforms,
        sources=sources,
        books=books,
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
        "QR code": f"{hub.url}/forms/{FAIR}",
    }
    if as_json:
        print_json(
            {
                "holds": result.holds,
                "sent": result.sent,
                "missing": result.missing,
                "refused": result.refused,
                "sources": [
                    {**dataclasses.asdict(row), "holds": row.holds} for row in result.rows
                ],
                "recorded": result.recorded,
                "deliveries": found.delivery_law.by_source(),
                "records": found.record_law.by_source(),
                "latency_ms": dict(percentiles(result)),
                "contacts": found.contacts,
                "content_hash": found.content_hash,
                "money": {**dataclasses.asdict(result.money), "holds": result.money.holds},
                "story": {**dataclasses.asdict(result.story), "holds": result.story.holds},
                "addresses": addresses,
            }
        )
        return
    _print_sources(result.rows)
    for law in (found.delivery_law, found.record_law):
        totals = law.totals()
        terms = " + ".join(f"{totals[t]} {t}" for t in law.terms if t != law.whole and totals[t])
        print_line(f"{law.name}: {totals[law.whole]} {law.whole} = {terms or 0}")
    waits = ", ".join(f"{name} {ms:.0f} ms" for name, ms in percentiles(result))
    print_line(f"sent → queryable, seen from outside: {waits} ({len(result.waits_s)} leads)")
    print_line(
        f"{found.leads} leads of {found.contacts} contacts; content hash {found.content_hash[:16]}…"
    )
    _print_story(result.story)
    print_money(result.money)
    print_line(
        "everything is accounted for" if result.holds
        else f"NOT everything is accounted for: {result.missing} missing, {result.refused} refused"
    )  # fmt: skip
    print_line()
    for name, address in addresses.items():
        print_line(f"  {name:<11} {address}")
    print_line(f"  files       {hub.home}")


_COLUMNS = (
    "source", "", "sent", "acknowledged", "leads", "again", "no lead", "rejected", "held",
    "waiting", "missing", "p50 ms", "p95 ms", "",
)  # fmt: skip


def _print_sources(rows: Sequence[SourceRow]) -> None:
    """Each sender's own list, and what of it is where."""
    print_line(
        "sent = leads + again (a lead sent before) + no lead + rejected + held + waiting + missing"
    )
    lines = [
        (
            row.source, row.name, row.sent, row.acknowledged, row.leads, row.again, row.no_lead,
            row.rejected, row.held, row.waiting, row.missing, round(row.p50_ms), round(row.p95_ms),
            "ok" if row.holds else _wrong(row),
        )
        for row in rows
    ]  # fmt: skip
    print_rows(_COLUMNS, lines, as_json=False)
    print_line()


def _wrong(row: SourceRow) -> str:
    names = ("refused", "missing", "unexpected", "lacking", "held", "waiting")
    return ", ".join(f"{getattr(row, name)} {name}" for name in names if getattr(row, name))


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

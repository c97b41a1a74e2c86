"""`hub up`: the whole hub on one machine, kept alive until it is stopped."""

from __future__ import annotations

import logging
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from typing import Annotated

import typer

from hub.cli.up_output import UpOutput
from hub.database.engine import store_errors
from hub.database.locks import FileLock
from hub.database.places import own_home, private_folder
from hub.definitions.serve import dagster_processes, prepare
from hub.errors import ConfigError, StoreAwayError
from hub.inbox.counts import is_queue_filled
from hub.settings import home, load_settings
from hub.steps.check_settings import require_sound
from hub.steps.open_store import Store, open_store
from hub.steps.running.logs import log_as_json
from hub.steps.running.process_alerts import ProcessAlerts
from hub.steps.running.restarts import Life
from hub.steps.running.store_keeper import NAME as POSTGRES
from hub.steps.running.store_keeper import StoreKeeper
from hub.steps.running.supervise import POLL_S, ProcessSpec, Supervisor, stop_signals

logger = logging.getLogger("hub.supervise")
DRAIN_WITHIN_S = 600.0
# In this order they end: first nothing comes in, then what came is loaded, then what is told is told.
RECEIVERS, LOADERS, NOTIFIER, DAGSTER = "receiver", "loader", "notifier", "dagster"


class LogTarget(StrEnum):
    """Where the output of the processes goes."""

    FILES = "files"
    STDOUT = "stdout"


def register(app: typer.Typer) -> None:
    """Add `up`."""
    app.command("up")(up_command)


def up_command(  # noqa: PLR0913 -- options of a command
    loaders: Annotated[int, typer.Option(min=1, max=32, help="How many loaders.")] = 1,
    receivers: Annotated[
        int, typer.Option(min=1, max=32, help="How many receivers, at --port and those after it.")
    ] = 1,
    host: Annotated[str, typer.Option(help="Address that receivers listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of the first receiver.")
    ] = 8700,
    dagster_port: Annotated[
        int, typer.Option("--dagster-port", min=1, max=65535, help="Port of Dagster's UI.")
    ] = 3000,
    metrics_port: Annotated[
        int,
        typer.Option(
            "--metrics-port",
            min=0,
            max=65535,
            help="Port of the notifier's /metrics, those after it are the loaders'; 0: none.",
        ),
    ] = 0,
    dagster: Annotated[bool, typer.Option(help="Dagster's UI and daemon.")] = True,
    notify: Annotated[bool, typer.Option(help="Watch the hub and deliver its alerts.")] = True,
    drain: Annotated[
        bool, typer.Option("--drain", help="When stopped, load first what is queued.")
    ] = False,
    log: Annotated[
        LogTarget, typer.Option(help="Output of the processes: HUB_HOME/log, or ours.")
    ] = LogTarget.FILES,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Run all of it on this machine: receivers, loaders, notifier, Dagster; start again what dies."""
    log_as_json("up")
    require_sound(load_settings())
    output = UpOutput(as_json=as_json)
    logs = home() / "log" if log is LogTarget.FILES else None
    with stop_signals() as stopped, _alone(), ExitStack() as ends:
        specs = [*_receivers(receivers, host, port), *_loaders(loaders, metrics_port)]
        specs += [_hub(NOTIFIER, NOTIFIER, "notify", *_shown_at(metrics_port))] if notify else []
        store = ends.enter_context(_open())
        supervisor = Supervisor(specs, logs=logs, tell=output.tell)
        ends.callback(supervisor.kill)  # whatever goes wrong, nothing is left behind
        keeper = StoreKeeper(store.server, output.tell) if store.server else None
        alerts = ProcessAlerts(store.engine, lambda: _lives(supervisor, keeper), logs)
        for thread in (keeper, alerts):
            if thread is not None:
                thread.start()
                ends.callback(thread.stop)
        supervisor.tick()
        if dagster:  # its storage takes seconds to make the first time: leads come before
            supervisor.add(_dagster(dagster_port))
        _run(supervisor, keeper, output, stopped)
        output.stopping()
        _end(supervisor, store, stopped, drain=drain)
    output.stopped()


@contextmanager
def _alone() -> Iterator[None]:
    """The one `hub up` of this home.

    Raises:
        ConfigError: there is another one.
    """
    path = private_folder(own_home(home()) / "locks") / "up"
    lock = FileLock(path)
    if not lock.try_exclusive():
        pid = path.read_text("ascii").strip()
        raise ConfigError(f"hub up runs already on {home()} (pid {pid}); stop it first")
    try:
        path.write_text(f"{os.getpid()}\n", "ascii")
        yield
    finally:
        lock.close()


def _open() -> Store:
    """The store, migrated if it answers: if not, receivers take leads into their spools meanwhile."""
    try:
        return open_store(application="hub up", pool_size=2, check_erasures=False)
    except StoreAwayError as error:
        logger.warning("%s; receivers take leads into their spools until it does", error)
        return open_store(migrate=False, application="hub up", pool_size=2)


def _hub(name: str, group: str, *command: str) -> ProcessSpec:
    return ProcessSpec(name, (sys.executable, "-m", "hub.cli.main", *command), group)


def _receivers(count: int, host: str, first: int) -> Iterator[ProcessSpec]:
    """One port each: two that share a port could not tell another hub's receiver from their own."""
    for port in range(first, first + count):
        number = "" if count == 1 else f"-{port - first + 1}"
        listen = ("receive", "--host", host, "--port", str(port))
        shown = host if ":" not in host else f"[{host}]"
        asked = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(shown, shown)  # noqa: S104 -- what is asked, not bound
        yield ProcessSpec(
            RECEIVERS + number,
            (sys.executable, "-m", "hub.cli.main", *listen),
            RECEIVERS,
            address=f"http://{shown}:{port}",
            is_ready=_answers(f"http://{asked}:{port}/healthz"),
            stop_within_s=30.0,  # requests under way, then what can be drained of the spool
        )


def _answers(url: str) -> Callable[[], bool]:
    def answers() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 -- our own address
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    return answers


def _loaders(count: int, metrics_port: int) -> Iterator[ProcessSpec]:
    for number in range(1, count + 1):
        name = LOADERS + ("" if count == 1 else f"-{number}")
        own = metrics_port + number if metrics_port else 0
        yield _hub(name, LOADERS, "work", "--quiet", *_shown_at(own))


def _shown_at(port: int) -> tuple[str, ...]:
    return ("--metrics-port", str(port)) if port else ()


def _dagster(port: int) -> list[ProcessSpec]:
    folder = home() / "dagster"
    prepare(folder)
    return dagster_processes(folder, port)


def _lives(supervisor: Supervisor, keeper: StoreKeeper | None) -> dict[str, Life]:
    return supervisor.lives() | ({POSTGRES: keeper.life} if keeper else {})


def _run(
    supervisor: Supervisor, keeper: StoreKeeper | None, output: UpOutput, stopped: Sequence[int]
) -> None:
    announced = False
    while not stopped:
        supervisor.tick()
        if not announced and supervisor.is_ready:
            announced = True
            output.ready(supervisor.children, keeper.pid if keeper else None)
        time.sleep(POLL_S)


def _end(supervisor: Supervisor, store: Store, stopped: Sequence[int], *, drain: bool) -> None:
    """In order; a second signal kills what is left."""

    def is_hurried() -> bool:
        return len(stopped) > 1

    supervisor.stop(RECEIVERS, is_hurried)
    if drain:
        _drain(supervisor, store, is_hurried)
    for group in (LOADERS, NOTIFIER, DAGSTER):
        supervisor.stop(group, is_hurried)


def _drain(supervisor: Supervisor, store: Store, is_hurried: Callable[[], bool]) -> None:
    """Let the loaders go on until the queue is empty, for a while."""
    deadline = time.monotonic() + DRAIN_WITHIN_S
    while time.monotonic() < deadline and not is_hurried() and _is_filled(store):
        supervisor.tick()
        time.sleep(POLL_S)


def _is_filled(store: Store) -> bool:
    """Whether anything is queued; a database that is away has to be waited for, too."""
    try:
        with store_errors(), store.engine.connect() as conn:
            return is_queue_filled(conn)
    except StoreAwayError:
        return True

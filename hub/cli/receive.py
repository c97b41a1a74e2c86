"""`hub receive`: take leads over HTTP until told to stop."""

from __future__ import annotations

import gc
import signal
import socket
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI

from hub.cli.output import print_line
from hub.errors import ConfigError
from hub.receiver.app import ReceiverSetup, create_app, receiver_name
from hub.settings import home, load_settings
from hub.steps.check_settings import require_sound
from hub.steps.keys.ring import open_keyring
from hub.steps.open_store import open_store
from hub.steps.receiver_upkeep import Pulse, Upkeep
from hub.steps.running.logs import log_as_json

_PREPARE_WITHIN_S = 3.0
_FINISH_WITHIN_S = 10
_BACKLOG = 2048
_GC_THRESHOLD = (10_000, 20, 50)


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("receive")(receive)


def receive(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 8700,
) -> None:
    """Take leads over HTTP: webhooks, forms; each is on a disk before it is answered."""
    log_as_json("receive")
    settings = load_settings()
    require_sound(settings)
    keyring = open_keyring()
    listening = _listen(host, port)
    with open_store(migrate=False, application="hub receive") as store:
        spools = home() / "spool"
        setup = ReceiverSetup(settings, keyring, store.url, spools, receiver_name())
        app = create_app(setup)
        group_commit = app.state.group_commit
        pulse = Pulse(setup.receiver, group_commit.spool, settings.spool_max_bytes)
        upkeep = Upkeep(store, settings, lambda: group_commit.is_away, pulse)
        upkeep.start()
        try:
            # A store that is there is migrated before the first lead; one that is not, is not waited for.
            upkeep.wait_prepared(_PREPARE_WITHIN_S)
            _serve(app, listening)
        finally:
            upkeep.stop()


class _Server(uvicorn.Server):
    """Says where it listens once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.collect()
        # What is there now stays: looking through it again and again would cost every lead.
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLD)
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            print_line(f"hub receive: listening on http://{host}:{port}")


def _serve(app: FastAPI, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT; then finish the requests under way."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_FINISH_WITHIN_S,
    )
    # uvicorn raises the signal again after its own shutdown; a stop that was asked for is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    _Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listening

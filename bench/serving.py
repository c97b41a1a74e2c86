"""Serving an app of the bench exactly as `hub receive` serves its own (hub/cli/receive.py)."""

from __future__ import annotations

import socket

import uvicorn
from starlette.applications import Starlette

_BACKLOG = 2048


class _Server(uvicorn.Server):
    """Says where it listens once it does, in the words of `hub receive`."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            print(f"listening on http://{host}:{port}", flush=True)


def serve(app: Starlette) -> None:
    """Serve `app` on a free port of this machine until SIGTERM; same loop, parser and limits as the hub."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(("127.0.0.1", 0))
    listening.listen(_BACKLOG)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    _Server(config).run(sockets=[listening])

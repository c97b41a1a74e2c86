"""`--metrics-port` and `--metrics-host` of processes without an HTTP door of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry

from hub.steps.running.serve_metrics import serve_metrics

MetricsPort = Annotated[
    int, typer.Option("--metrics-port", help="Port of /metrics; 0: none.", min=0, max=65535)
]
MetricsHost = Annotated[
    str,
    typer.Option("--metrics-host", help="Address of /metrics; it has no login: keep it local."),
]


@contextmanager
def shown(registry: CollectorRegistry, *, host: str, port: int) -> Iterator[None]:
    """Show a registry at `host:port` meanwhile; nothing with port 0.

    Raises:
        ConfigError: nobody can listen there.
    """
    if not port:
        yield
        return
    with closing(serve_metrics(registry, host=host, port=port)):
        yield

"""Shows metrics to Prometheus from a process that has no HTTP door of its own."""

from __future__ import annotations

import threading
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

from hub.errors import ConfigError


class MetricsServer:
    """`/metrics` of one registry, answered by a thread beside the work until `close`."""

    def __init__(self, server: WSGIServer, thread: threading.Thread) -> None:
        self._server = server
        self._thread = thread

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve_metrics(registry: CollectorRegistry, *, host: str, port: int) -> MetricsServer:
    """Answer `http://host:port/metrics` with `registry`; port 0 takes a free one.

    Raises:
        ConfigError: nobody can listen there.
    """
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigError(
            f"metrics: cannot listen on {host}:{port}: {error.strerror or error}"
        ) from error
    return MetricsServer(server, thread)

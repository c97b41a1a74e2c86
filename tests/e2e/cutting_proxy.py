"""A proxy before PostgreSQL that cuts a connection after COMMIT went through and before its answer came back."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress

_CHUNK = 65_536


class CuttingProxy:
    """Listens on loopback, forwards to a unix socket; `cut_share` of all COMMITs lose their answer."""

    def __init__(self, target: str, *, seed: int, cut_share: float) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._cut_share = cut_share
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.cuts = 0
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Close everything."""
        self._cut_share = 0.0
        self._server.close()
        for connection in list(self._open):
            self._close(connection)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        self._open |= {client, server}
        try:
            server.connect(self._target)
        except OSError:
            self._close(client)
            self._close(server)
            return
        threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()
        self._forward(server, client, False)

    def _forward(self, source: socket.socket, sink: socket.socket, from_client: bool) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                sink.sendall(data)
                if from_client and b"COMMIT" in data and self._random.random() < self._cut_share:
                    self.cuts += 1
                    break
        self._close(source)
        self._close(sink)

    def _close(self, connection: socket.socket) -> None:
        self._open.discard(connection)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()

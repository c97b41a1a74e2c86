"""A proxy before PostgreSQL that cuts a connection after a commit went through and before its answer came back.

A loader's commit is the text COMMIT. A receiver's is its one statement, which commits by itself: after it
was prepared, only its Bind message is seen, with the sealed deliveries in it.
"""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress

_CHUNK = 65_536
_RECEIVER = b"hub receiver"  # the application's name in its first message
_SEALED = 400  # its statement's text, or a sealed delivery, is longer than that


class CuttingProxy:
    """Listens on loopback, forwards to a unix socket; `cut_share` of all commits lose their answer."""

    def __init__(self, target: str, *, seed: int, cut_share: float) -> None:
        self._target = target
        self._random = random.Random(seed)
        self._cut_share = cut_share
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.cuts = 0
        self.receiver_cuts = 0
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
        is_receiver = False
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                sink.sendall(data)
                is_receiver = is_receiver or (from_client and _RECEIVER in data)
                stores = is_receiver and data[:1] in (b"B", b"P") and len(data) > _SEALED
                commits = from_client and (b"COMMIT" in data or stores)
                if commits and self._random.random() < self._cut_share:
                    self.cuts += 1
                    self.receiver_cuts += stores
                    break
        self._close(source)
        self._close(sink)

    def _close(self, connection: socket.socket) -> None:
        self._open.discard(connection)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()

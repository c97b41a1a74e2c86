"""A server on this machine that fails as it is told to."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qs, urlsplit


class Fault(StrEnum):
    """How a fake fails: as its platform does, or as a network does."""

    WRONG_KEY = "wrong_key"
    LIMITED = "limited"
    AWAY = "away"  # 503
    HANG = "hang"  # takes the request, answers never
    DROP = "drop"  # hangs up
    REDIRECT = "redirect"
    HUGE = "huge"  # an answer without end
    HTML = "html"  # 200 and a page, as a proxy answers


@dataclass(frozen=True)
class Asked:
    """One request: path, query, headers (lower case), body as it came."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> Any:
        return json.loads(self.body or b"{}")


@dataclass
class Reply:
    status: int = 200
    document: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class FakeHttp:
    """Collects in `messages` what it took. Subclasses answer in `answer` as their platform does.

    A context manager; `url` is where it listens.
    """

    kind = ""
    key = ""
    secret = ""

    def __init__(self, port: int = 0) -> None:
        self.messages: list[Any] = []
        self.asked: list[Asked] = []
        self._faults: list[tuple[Fault, int | None]] = []
        self._lock = threading.Lock()
        self.ended = threading.Event()
        self._server = _Server(self, port)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Speak TLS from the start; before it runs."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Literal[False]:
        self.stop()
        return False

    def stop(self) -> None:
        """Be gone from now on; harmless if it is."""
        if not self.ended.is_set():
            self.ended.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def fail_with(self, fault: str | None, times: int | None = None) -> None:
        """Fail so from now on, or the next `times` times; None: no longer."""
        with self._lock:
            self._faults = [] if fault is None else [(Fault(fault), times)]

    def answer(self, asked: Asked) -> Reply:
        raise NotImplementedError

    def answer_fault(self, fault: Fault) -> Reply:
        """How the platform itself says WRONG_KEY and LIMITED."""
        raise NotImplementedError

    def settings(self, key_env: str = "HUB_FAKE_KEY", **more: Any) -> dict[str, Any]:
        """What stands under `alerts.channels.<name>` for a channel to this fake."""
        signed = {"secret_env": key_env + "_SECRET"} if self.secret else {}
        return {"kind": self.kind, "key_env": key_env, "api_base": self.url, **signed, **more}

    def environment(self, key_env: str = "HUB_FAKE_KEY") -> dict[str, str]:
        """The variables that `settings` names."""
        signed = {key_env + "_SECRET": self.secret} if self.secret else {}
        return {key_env: self.key, **signed}

    def take(self, asked: Asked) -> Reply | Fault:
        """Answer a request, or say how to fail."""
        with self._lock:
            self.asked.append(asked)
            fault = self._next_fault()
            if fault in (Fault.WRONG_KEY, Fault.LIMITED):
                return self.answer_fault(fault)
            return fault or self.answer(asked)

    def _next_fault(self) -> Fault | None:
        if not self._faults:
            return None
        fault, times = self._faults[0]
        if times is not None:
            self._faults = [(fault, times - 1)] if times > 1 else []
        return fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fake: FakeHttp, port: int) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        split = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(split.path, query, headers, self.rfile.read(length))
        found = self.server.fake.take(asked)
        if isinstance(found, Fault):
            self._fail(found)
        else:
            body = b"" if found.status == 204 else json.dumps(found.document).encode()
            self._write(found.status, body, {"content-type": "application/json"})

    do_GET = do_POST  # noqa: N815 -- the standard library's name

    def _fail(self, fault: Fault) -> None:
        self.close_connection = True
        if fault is Fault.HANG:
            self.server.fake.ended.wait(30)
        elif fault is Fault.AWAY:
            self._write(503, b"out of order", {})
        elif fault is Fault.REDIRECT:
            self._write(302, b"", {"location": self.server.fake.url + "/elsewhere"})
        elif fault is Fault.HTML:
            self._write(200, b"<html>Please log in</html>", {"content-type": "text/html"})
        elif fault is Fault.HUGE:
            self._write(200, b'{"errcode":0,"code":0,"x":"' + b"x" * 1_000_000 + b'"}', {})

    def _write(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        try:
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # the caller has read enough
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Nothing: the log would hold keys."""

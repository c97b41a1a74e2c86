"""One call over HTTP: bounded in time and size, no redirects, the answer read; no address in any error or log."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from hub.channels.access import Access, Fault, found
from hub.channels.base import ChannelError, Failure
from hub.channels.secrecy import muted
from hub.errors import ConfigError

MAX_ANSWER_BYTES: Final = 64 * 1024
_SECONDS_AT_MOST = 3600.0
_UNTRUSTED = (
    "the certificate is not trusted; look at api_base, at a proxy, and at this machine's clock"
)
_BEHIND_PROXY = "look at api_base, and at what stands between this machine and the platform"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: HTTP status, body (bounded), and how long to wait if that was said."""

    status: int
    body: bytes
    retry_after_s: float | None = None

    def document(self) -> Mapping[str, Any]:
        """The JSON object in the body, an empty one if there is none."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}

    def code(self, *names: str) -> int | None:
        """The platform's own code under the first of `names` that holds one; None: it says none."""
        document = self.document()
        values = (document.get(name) for name in names)
        return next((v for v in values if isinstance(v, int) and not isinstance(v, bool)), None)


class Http:
    """The connection of one channel."""

    def __init__(self, access: Access) -> None:
        self._access = access
        try:
            self._http = httpx.Client(
                timeout=access.settings.timeout_s,
                follow_redirects=False,
                # Messages are rare: a connection kept for the next one has often been closed over there.
                limits=httpx.Limits(max_keepalive_connections=0),
                headers={"user-agent": "lead-hub", "accept-encoding": "identity"},
            )
        except (ValueError, ImportError):
            raise ConfigError("the proxy that the environment names cannot be used") from None

    def post(
        self,
        url: str,
        content: bytes,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Post a JSON document; the answer, whatever its status.

        Raises:
            ChannelError: AWAY, there was no answer in time, or one without end.
        """
        sent = {"content-type": "application/json; charset=utf-8", **(headers or {})}
        return self._call("POST", url, params=params, content=content, headers=sent)

    def get(self, url: str, params: Mapping[str, str]) -> Answer:
        """Ask; as `post`."""
        return self._call("GET", url, params=params)

    def close(self) -> None:
        """Let connections go."""
        with muted():
            self._http.close()

    def _call(self, method: str, url: str, **more: Any) -> Answer:  # noqa: ANN401 -- httpx's own
        try:
            with muted(), self._http.stream(method, url, **more) as response:
                return Answer(response.status_code, self._read(response), _wait_of(response))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = _UNTRUSTED if "CERTIFICATE_VERIFY" in str(error) else "no answer"
            raise self._access.error(Failure.AWAY, f"{why} ({type(error).__name__})") from None

    def _read(self, response: httpx.Response) -> bytes:
        body, until = b"", time.monotonic() + self._access.settings.timeout_s
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES or time.monotonic() > until:
                raise self._access.error(Failure.AWAY, f"the answer does not end; {_BEHIND_PROXY}")
        return body


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """A JSON document as short as it gets: limits count bytes."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str).encode()


def require_code_0(
    access: Access, answer: Answer, codes: Mapping[int, Fault], *names: str
) -> Mapping[str, Any]:
    """The document of an answer whose code, under one of `names`, is 0 and whose status is 200.

    Raises:
        ChannelError: what the code means, or the status where there is no code.
    """
    code = answer.code(*names)
    if code:
        raise access.fault(found(codes, code, answer.status), f"{names[0]} {code}")
    if code is None or answer.status != httpx.codes.OK:
        raise of_status(access, answer)
    return answer.document()


def of_status(access: Access, answer: Answer) -> ChannelError:
    """The error of an answer that only its HTTP status explains."""
    status, shown = answer.status, f"HTTP {answer.status}"
    if status in (401, 403, 404, 410):
        words = "the address or the key in {key_env} is refused; set the variable anew"
        return access.fault(Fault(Failure.CREDENTIALS, words), shown)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        wait_s = answer.retry_after_s or 60.0
        return access.fault(Fault(Failure.LIMITED, "too many messages", wait_s), shown)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.REQUEST_TIMEOUT:
        fault = Fault(Failure.AWAY, "out of order", answer.retry_after_s)
        return access.fault(fault, shown)
    if status >= httpx.codes.BAD_REQUEST:
        return access.fault(Fault(Failure.REFUSED, "the message was refused"), shown)
    what = "a redirect" if status >= httpx.codes.MULTIPLE_CHOICES else "no code in the answer"
    return access.fault(Fault(Failure.AWAY, f"{what}; {_BEHIND_PROXY}"), shown)


def _wait_of(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    is_number = text.isascii() and text.isdigit() and len(text) < 10
    return min(float(text), _SECONDS_AT_MOST) if is_number else None

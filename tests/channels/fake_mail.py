"""A mail server on this machine: with or without login, with or without STARTTLS."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.channels.fake_http import Fault

_REPLIES = {
    Fault.AWAY: "451 4.3.0 try again later",
    Fault.LIMITED: "450 4.7.1 too many messages",
    Fault.WRONG_KEY: "535 5.7.8 authentication failed",
}


class FakeMail:
    """Collects in `messages` what it took: `to`, `subject`, `text`. A context manager.

    With `auth` it wants a login; with `starttls` it wants encryption, by a certificate that nobody trusts.
    """

    kind = "mail"
    user, password, sender = "alerts", "demo mail/password", "alerts@example.com"

    def __init__(self, port: int = 0, *, auth: bool = True, starttls: bool = False) -> None:
        self.messages: list[dict[str, Any]] = []
        self.unknown: set[str] = set()
        self._fault: Fault | None = None
        self._times: int | None = None
        self._is_gone = False
        self.wants_login, self._starttls = auth, starttls
        more: dict[str, Any] = {"tls_context": untrusted_context(), "require_starttls": True}
        self._controller = _Controller(
            self,
            hostname="127.0.0.1",
            port=port,
            authenticator=self._authenticate if auth else None,
            auth_require_tls=False,
            **(more if starttls else {}),
        )

    @property
    def url(self) -> str:
        return self.url_of()

    def url_of(self, *, verify: bool = False) -> str:
        """The mail URL of this server; `verify`: believe its certificate only if it is trusted."""
        login = f"{quote(self.user)}:{quote(self.password, safe='')}@" if self.wants_login else ""
        scheme, mode = ("mailtos", "starttls") if self._starttls else ("mailto", "insecure")
        port = self._controller.port
        checked = "yes" if verify else "no"
        place = f"{login}127.0.0.1:{port}"
        return f"{scheme}://{place}?from={self.sender}&mode={mode}&verify={checked}"

    def __enter__(self) -> Self:
        self._controller.start()
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
        if not self._is_gone:
            self._is_gone = True
            self._controller.stop()

    def fail_with(self, fault: str | None, times: int | None = None) -> None:
        """Fail so from now on, or the next `times` times; None: no longer."""
        self._fault = None if fault is None else Fault(fault)
        assert self._fault is None or self._fault in _REPLIES, "a mail server does not fail so"
        self._times = times

    def settings(self, key_env: str = "HUB_FAKE_KEY", **more: Any) -> dict[str, Any]:
        return {"kind": "mail", "key_env": key_env, **more}

    def environment(self, key_env: str = "HUB_FAKE_KEY") -> dict[str, str]:
        return {key_env: self.url}

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        if self._fault is Fault.WRONG_KEY:
            return AuthResult(success=False, handled=False)
        wanted = LoginPassword(self.user.encode(), self.password.encode())
        return AuthResult(success=data == wanted, handled=False)

    async def handle_MAIL(  # noqa: N802 -- aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        fault, self._times = self._fault, None if self._times is None else self._times - 1
        if self._times == 0:
            self._fault = self._times = None
        if fault is not None:
            return _REPLIES[fault]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.unknown:
            return f"550 5.1.1 <{address}> no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 -- aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        parsed = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        body = parsed.get_body(("plain",))
        text = body.get_content().replace("\r\n", "\n") if body else ""
        taken = {"to": list(envelope.rcpt_tos), "subject": parsed["subject"], "text": text}
        self.messages.append({**taken, "from": envelope.mail_from})
        return "250 OK"


class _Controller(Controller):
    """A controller whose free port is known only once it listens, and that wants a login also without TLS."""

    def factory(self) -> SMTP:
        """A conversation; the constructor would warn of a login without TLS."""
        smtp: SMTP = super().factory()
        assert isinstance(self.handler, FakeMail)
        smtp._auth_required = self.handler.wants_login
        return smtp

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def untrusted_context() -> ssl.SSLContext:
    """TLS with a certificate made for this run, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = serialization.PrivateFormat.PKCS8
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "server.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(serialization.Encoding.PEM, pem, plain)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

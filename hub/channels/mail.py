"""Mail by SMTP: a URL names server, login and sender; the notifying library knows its many forms.

The library says only yes or no; codes of SMTP stand in its log and are read there. Not its words: they name
recipients. Each step of the conversation is bounded by the channel's time-out.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Final
from urllib.parse import urlsplit

from apprise.exception import AppriseException
from apprise.plugins.email.base import NotifyEmail
from apprise.plugins.email.smtp import AppriseSMTPController

from hub.channels.access import Access, Fault
from hub.channels.base import ChannelError, Failure, Outgoing
from hub.channels.notifying import notify, plugin_of
from hub.channels.secrecy import heard
from hub.errors import ConfigError

_MAILBOX: Final = re.compile(r"[\w.!#$%'*+/=^`{|}~-]{1,64}@[\w.-]{1,255}", re.ASCII)
_SCHEMES = ("mailto", "mailtos")
# Codes as the library's log shows them: `(535, b'…')`, `{'…': (550, b'…')}`, `refused: 550 b'…'`.
_OF_RECIPIENT = re.compile(r"\{'[^']*': \((\d{3}), |was refused: (\d{3}) ")
_CODE = re.compile(r"\((\d{3}), b")
_LOGIN = Fault(
    Failure.CREDENTIALS,
    "the server refuses the login in {key_env}; set user and password (often one made for applications) anew",
)
_UNKNOWN = Fault(Failure.ADDRESS, "the server does not take the recipient's address")
_BUSY = Fault(Failure.LIMITED, "the server takes no more for now", 60.0)
_FAULTS: Mapping[str, Fault] = {
    **dict.fromkeys(("530", "534", "535", "538"), _LOGIN),
    **dict.fromkeys(("450", "452"), _BUSY),
}
_TLS = Fault(
    Failure.CREDENTIALS,
    "the server's certificate is not trusted, or is of another name; correct the server in {key_env}",
)
_NO_TLS = Fault(
    Failure.CREDENTIALS,
    "the server offers no STARTTLS or no login as {key_env} wants it; correct `mode` and port there",
)


class Mail:
    """One mailbox that alerts are sent from."""

    def __init__(self, access: Access) -> None:
        self.name = access.name
        self._access = access

    def send(self, message: Outgoing, to: str = "") -> None:
        """Send to one address."""
        if not _MAILBOX.fullmatch(to):
            raise self._access.error(Failure.ADDRESS, "`to` of a recipient is no mail address")
        with heard() as lines:
            is_sent = notify(self._access, self._plugin([to]), message)
        if not is_sent:
            raise self._why("\n".join(lines))

    def probe(self) -> None:
        """Connect, secure and log in, and send nothing.

        Raises:
            ChannelError: which of it failed.
        """
        plugin = self._plugin(["nobody@example.com"])
        try:
            with (
                heard(),
                AppriseSMTPController(
                    host=plugin.smtp_host,
                    port=plugin.port or 0,
                    secure_mode=plugin.secure_mode or "",
                    user=plugin.user,
                    password=plugin.password,
                    verify_certificate=plugin.verify_certificate,
                    socket_connect_timeout=ceil(self._access.settings.timeout_s),
                ),
            ):
                pass
        except (OSError, smtplib.SMTPException, ssl.SSLError, AppriseException) as error:
            raise self._why(str(error)) from None

    def close(self) -> None:
        """Nothing stays open between messages."""

    def _plugin(self, targets: Sequence[str]) -> NotifyEmail:
        with heard():
            plugin = plugin_of(self._access.key, self._access.settings.timeout_s, targets)
        if not isinstance(plugin, NotifyEmail):
            key_env = self._access.settings.key_env
            raise self._access.error(Failure.CREDENTIALS, f"{key_env} holds no mailto(s):// URL")
        return plugin

    def _why(self, written: str) -> ChannelError:
        if recipient := _OF_RECIPIENT.search(written):
            code = recipient[1] or recipient[2]
            return self._access.fault(_of_code(code, _UNKNOWN), f"SMTP {code}")
        if code_of := _CODE.search(written):
            refused = Fault(Failure.REFUSED, "the server does not take the message")
            return self._access.fault(_of_code(code_of[1], refused), f"SMTP {code_of[1]}")
        if "CERTIFICATE_VERIFY_FAILED" in written:
            return self._access.fault(_TLS, "TLS")
        if "not supported by server" in written:
            return self._access.fault(_NO_TLS, "SMTP")
        return self._access.error(Failure.AWAY, "no answer from the mail server")


def _of_code(code: str, permanent: Fault) -> Fault:
    if code in _FAULTS:
        return _FAULTS[code]
    return Fault(Failure.AWAY, "the server is out of order") if code < "5" else permanent


def check_mail(url: str) -> None:
    """Look at the URL of a mailbox without calling its server.

    Raises:
        ConfigError: it is none. Never repeats the URL.
    """
    if url.partition("://")[0].lower() not in _SCHEMES:
        raise ConfigError("holds no URL that begins with mailtos:// or mailto://")
    with heard():
        plugin = plugin_of(url, 1.0, ["nobody@example.com"])
    if not isinstance(plugin, NotifyEmail):
        raise ConfigError(
            "holds a mail URL that cannot be read; special characters are to be percent-encoded"
        )


def is_unprotected(url: str) -> bool:
    """Whether a password goes over the network unencrypted."""
    parts = urlsplit(url)
    is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "mailto" and parts.password is not None and not is_here

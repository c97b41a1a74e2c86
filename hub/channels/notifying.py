"""The notifying library: one URL for each of many services. It answers yes or no; why stands only in its own log.

The log's words hold servers and addresses; only its codes are read. A service that answers 200 to a wrong token counts
as sent for it (ADR 20), so those that we know to do so are refused here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from apprise.plugins import url_to_dict
from apprise.plugins.base import NotifyBase

from hub.channels.access import Access, Fault
from hub.channels.base import ChannelError, Failure, Outgoing
from hub.channels.secrecy import heard
from hub.channels.text import cut_to_bytes, href, marked_title, one_line
from hub.errors import ConfigError

TEXT_BYTES: Final = 16_000
OWN_SENDERS: Final[Mapping[str, str]] = {
    "wecombot": "wecom_bot",
    "dingtalk": "dingtalk",
    "feishu": "feishu",
    "lark": "feishu",
    "mailto": "mail",
    "mailtos": "mail",
}
_TYPES = {"critical": NotifyType.FAILURE, "warning": NotifyType.WARNING, "info": NotifyType.INFO}
_STATUS = re.compile(r"error=(\d{3})\b")
_NO_ANSWER = re.compile(r"onnection error|Socket Exception|timed out")
_KEY = "the URL in {key_env} is refused by the service; set the variable anew"
_FAULTS: Mapping[str, Fault] = {
    **dict.fromkeys(("401", "403", "404", "410"), Fault(Failure.CREDENTIALS, _KEY)),
    "429": Fault(Failure.LIMITED, "too many messages", 60.0),
    "408": Fault(Failure.AWAY, "out of order"),
}


class AppriseService:
    """One service by its URL."""

    def __init__(self, access: Access) -> None:
        self.name = access.name
        self._access = access

    def send(self, message: Outgoing, to: str = "") -> None:
        """Send to whom the URL names."""
        self._access.no_address(to)
        with heard() as lines:
            plugin = plugin_of(self._access.key, self._access.settings.timeout_s)
            is_sent = plugin is not None and notify(self._access, plugin, message)
        if not is_sent:
            raise self._why(lines)

    def close(self) -> None:
        """Nothing stays open between messages."""

    def _why(self, lines: Sequence[str]) -> ChannelError:
        written = "\n".join(lines)
        if status := _STATUS.search(written):
            shown = status[1]
            unknown = Failure.AWAY if shown.startswith("5") else Failure.REFUSED
            fault = _FAULTS.get(shown, Fault(unknown, "the service did not take the message"))
            return self._access.fault(fault, f"HTTP {shown}")
        if _NO_ANSWER.search(written):
            return self._access.error(Failure.AWAY, "no answer")
        return self._access.error(
            Failure.REFUSED, "the service did not take the message, and no code says why"
        )


def plugin_of(
    url: str, timeout_s: float, targets: Sequence[str] | None = None
) -> NotifyBase | None:
    """The library's object for a URL, made anew for each message; None if the URL is none of its own.

    An object that is used twice would wait seconds between two messages. `targets` replace those of the URL.
    """
    parts = url_to_dict(url, secure_logging=True)  # type: ignore[no-untyped-call]  # theirs
    if parts is None:
        return None
    if targets is not None:
        parts["targets"] = list(targets)
    asset = AppriseAsset(app_id="lead-hub", app_desc="lead hub", http_redirects=False)
    plugin = Apprise.instantiate(parts, asset=asset)
    if plugin is not None:
        plugin.socket_connect_timeout = plugin.socket_read_timeout = timeout_s
    return plugin


def notify(access: Access, plugin: NotifyBase, message: Outgoing) -> bool:
    """Whether the library says that it was sent, as plain text.

    Raises:
        ChannelError: a service of the library broke.
    """
    lines = [one_line(line) for line in message.lines]
    text = cut_to_bytes("\n".join(lines), TEXT_BYTES)
    link = href(message.link)
    words = one_line(message.link_text)
    tail = (f"{words}: {link}" if words else link) if link else ""
    try:
        is_sent = plugin.notify(
            title=marked_title(message),
            body="\n\n".join(part for part in (text, tail) if part) or marked_title(message),
            notify_type=_TYPES.get(message.severity, NotifyType.INFO),
            body_format=NotifyFormat.TEXT,
        )
    except Exception as error:  # noqa: BLE001 -- code of 170 services; what it raises may hold the URL
        why = f"the notifying library failed ({type(error).__name__})"
        raise access.error(Failure.REFUSED, why) from None
    return bool(is_sent)


def check_service(url: str) -> None:
    """Look at the URL of a service without calling it.

    Raises:
        ConfigError: it is none, or one that has a sender here; says which. Never repeats the URL.
    """
    scheme = url.partition("://")[0].lower()
    if own := OWN_SENDERS.get(scheme):
        raise ConfigError(
            f"holds a URL of {scheme}://: use `kind: {own}`, which reads the answers"
        )
    with heard():
        plugin = plugin_of(url, 1.0)
    if plugin is None:
        raise ConfigError("holds no URL of a service that the notifying library knows")

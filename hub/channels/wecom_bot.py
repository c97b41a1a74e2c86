"""A group's bot of WeCom: markdown to a webhook whose key is its whole credential.

Confirmed by the vendor's pages: 4,096 bytes of markdown, 20 messages a minute, colours info, comment and warning,
`<@userid>` as a mention. The HTTP status is 200 whatever happens; the code in the body decides.
"""

from __future__ import annotations

from typing import Final

from hub.channels.access import Access
from hub.channels.base import Outgoing
from hub.channels.http import Http, json_bytes, require_code_0
from hub.channels.text import fitted, href, marked_title, without_markdown
from hub.channels.wecom_codes import BOT_CODES

BASE: Final = "https://qyapi.weixin.qq.com"
MARKDOWN_BYTES: Final = 4096
_COLOURS = {"critical": "warning", "warning": "warning", "info": "info"}


class WecomBot:
    """One bot of one group."""

    def __init__(self, access: Access) -> None:
        self.name = access.name
        self._access = access
        self._http = Http(access)

    def send(self, message: Outgoing, to: str = "") -> None:
        """Send to the group; `to` is the member who is mentioned in it."""
        content = _markdown(message, self._access.member(to))
        body = {"msgtype": "markdown", "markdown": {"content": content}}
        url = self._access.base(BASE) + "/cgi-bin/webhook/send"
        answer = self._http.post(url, json_bytes(body), params={"key": self._access.key})
        require_code_0(self._access, answer, BOT_CODES, "errcode")

    def close(self) -> None:
        """Let connections go."""
        self._http.close()


def _markdown(message: Outgoing, mentioned: str) -> str:
    colour = _COLOURS.get(message.severity, "info")
    head = f'**<font color="{colour}">{without_markdown(marked_title(message))}</font>**'
    link = f"[{without_markdown(message.link_text or message.link)}]({href(message.link)})"
    tail = [link if message.link else "", f"<@{mentioned}>" if mentioned else ""]
    lines = [without_markdown(line) for line in message.lines]
    return fitted(head, lines, "\n".join(filter(None, tail)), MARKDOWN_BYTES)

"""Messages as the platform takes them (notes §7): built and cut to size here, sent elsewhere. Pure.

Lengths are bytes of UTF-8. What is too long is cut between two characters and ends in an ellipsis.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hub.errors import ConfigError

TEXT_BYTES, MARKDOWN_BYTES = 2048, 4096
MAX_RECIPIENTS = 1000
MAX_DUPLICATE_S = 14_400
EVERYBODY = "@all"
_ELLIPSIS = "…"

Message = Mapping[str, Any]


def cut_to_bytes(text: str, limit: int) -> str:
    """`text` in at most `limit` bytes, cut between two characters."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return encoded.decode()
    kept = encoded[: limit - len(_ELLIPSIS.encode())].decode("utf-8", "ignore")
    return kept + _ELLIPSIS


def bot_text(
    content: str, *, mentioned: Sequence[str] = (), mentioned_mobiles: Sequence[str] = ()
) -> Message:
    """A text of a group bot; `mentioned` are userids or `@all`."""
    body: dict[str, Any] = {"content": cut_to_bytes(content, TEXT_BYTES)}
    if mentioned:
        body["mentioned_list"] = list(mentioned)
    if mentioned_mobiles:
        body["mentioned_mobile_list"] = list(mentioned_mobiles)
    return {"msgtype": "text", "text": body}


def bot_markdown(content: str) -> Message:
    """A markdown message of a group bot: bold, quotes, `<font color="info|comment|warning">`, `<@userid>`."""
    return {"msgtype": "markdown", "markdown": {"content": cut_to_bytes(content, MARKDOWN_BYTES)}}


def digest(titles: Sequence[str]) -> Message:
    """What was held back, as one message: each title once, with how often it came."""
    lines = [f"**另有 {len(titles)} 条消息合并发送**"]
    counts = Counter(titles)
    room = (
        MARKDOWN_BYTES - len(lines[0].encode()) - 64
    )  # for the line that says how many are left out
    shown = 0
    for title, count in counts.most_common():
        line = f"> {cut_to_bytes(title.replace(chr(10), ' '), 256)}" + (
            f" ×{count}" if count > 1 else ""
        )
        room -= len(line.encode()) + 1
        if room < 0:
            break
        lines.append(line)
        shown += 1
    if shown < len(counts):
        lines.append(f"> {_ELLIPSIS} 其余 {len(counts) - shown} 种未列出")
    return bot_markdown("\n".join(lines))


def app_text(
    agent_id: int, users: Sequence[str], content: str, *, duplicate_s: int = 1800
) -> Message:
    """A text of an application to members; the same text again within `duplicate_s` is dropped, 0: never.

    Raises:
        ConfigError: no recipient or too many, or `duplicate_s` is longer than the platform remembers.
    """
    if not 1 <= len(users) <= MAX_RECIPIENTS:
        raise ConfigError(f"1 to {MAX_RECIPIENTS} recipients a message, not {len(users)}")
    if not 0 <= duplicate_s <= MAX_DUPLICATE_S:
        raise ConfigError(f"duplicate_s: 0 to {MAX_DUPLICATE_S} seconds")
    message: dict[str, Any] = {
        "touser": "|".join(users),
        "msgtype": "text",
        "agentid": agent_id,
        "text": {"content": cut_to_bytes(content, TEXT_BYTES)},
        "enable_duplicate_check": int(duplicate_s > 0),
    }
    if duplicate_s:
        message["duplicate_check_interval"] = duplicate_s
    return message

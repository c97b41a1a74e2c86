"""Text as it goes out: one line is one line, what comes from outside formats nothing, and nothing is too long. Pure.

Lengths are bytes of UTF-8. What is too long is cut between two characters and ends in an ellipsis.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from hub.channels.base import Outgoing

TITLE_BYTES: Final = 240
_ELLIPSIS = "…"
_JOINER = "\u200d"  # holds an emoji together with the next; alone at the end it shows as a box
_MARKS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
_TURNING = (
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # they turn the order of letters
)
# Signs that begin a link, a mention, a colour, bold or code; none of these platforms documents an escape
# that all its clients honour. An underscore formats nothing there, so that names and commands stay exact.
_WIDE = str.maketrans({"<": "＜", ">": "＞", "[": "［", "]": "］", "*": "＊", "`": "'"})
_TAGS = str.maketrans({"<": "＜", ">": "＞"})


def one_line(text: str) -> str:
    """`text` without line breaks, control characters and half characters."""
    whole = text.encode("utf-8", "replace").decode()
    kept = (" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in whole)
    return "".join(c for c in kept if c not in _TURNING).strip()


def cut_to_bytes(text: str, limit: int) -> str:
    """`text` in at most `limit` bytes, cut between two characters."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= limit:
        return encoded.decode()
    kept = encoded[: max(0, limit - len(_ELLIPSIS.encode()))].decode("utf-8", "ignore")
    return kept.rstrip(_JOINER) + _ELLIPSIS


def marked_title(message: Outgoing) -> str:
    """The title in one line behind the mark of its severity."""
    title = cut_to_bytes(one_line(message.title), TITLE_BYTES)
    return f"{_MARKS.get(message.severity, _MARKS['info'])} {title}"


def without_markdown(text: str) -> str:
    """One line in which nothing is markdown: signs that would format are shown wide."""
    line = one_line(text).translate(_WIDE)
    return f"＃{line[1:]}" if line.startswith("#") else line


def without_tags(text: str) -> str:
    """One line without angle brackets, for texts in which `<a href>` is a link."""
    return one_line(text).translate(_TAGS)


def href(url: str) -> str:
    """An address that ends neither an attribute nor the parentheses of a markdown link."""
    return quote(one_line(url), safe="%:/?#@!$&'*+,;=~-._[]")


def fitted(head: str, lines: Sequence[str], tail: str, limit: int, *, between: str = "\n") -> str:
    """Head, lines and tail one below another in at most `limit` bytes; lines are cut first, then all."""
    around = len((head + between + (between + tail if tail else "")).encode())
    body = cut_to_bytes(between.join(lines), max(limit - around, 0)) if lines else ""
    return cut_to_bytes(between.join(part for part in (head, body, tail) if part), limit)

"""What a message about an alert says, in Chinese and English: pure. Times are those of Shanghai."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.escalation.model import SEVERITIES, Alert, Event, Language
from hub.escalation.phrases import PHRASES, Phrases
from hub.model.calendar import SHANGHAI

MOST_BYTES = 1_600  # a WeCom text takes 2,048: room for the link and a channel's own marks
_MOST_TITLE, _MOST_SUMMARY, _MOST_ACTION, _MOST_NAME = 120, 600, 300, 60
_MOST_IN_DIGEST, _MOST_ITEM = 10, 120


@dataclass(frozen=True, slots=True)
class Words:
    """A message in words; together at most `MOST_BYTES` of UTF-8, line ends included."""

    title: str
    lines: tuple[str, ...]


def words(
    alert: Alert,
    event: Event,
    *,
    title: str,
    language: Language,
    is_repeat: bool = False,
    step: int = 0,
) -> Words:
    """What one message says: what happened, since when, how often, whose, what to run, why one is told.

    `title` names the alert's kind. `is_repeat` marks a message that may have come before; `step` is
    that of the message (`Due.step`).
    """
    said = PHRASES[language]
    head = said.head(event, alert.severity) + clip(title, _MOST_TITLE)
    marked = said.resent + head if is_repeat else head
    lines = [
        said.what.format(clip(alert.summary, _MOST_SUMMARY)),
        said.since.format(_when(alert.first_at)),
        _how_often(alert, said),
        _whose(alert, said),
        said.run.format(clip(alert.action, _MOST_ACTION)) if alert.action.strip() else "",
        _why(alert, event, step, said),
    ]
    return Words(marked, tuple(line for line in lines if line))


def digest_words(
    items: Sequence[tuple[Alert, Event]], titles: Mapping[str, str], language: Language
) -> Words:
    """One message for many: open alerts first, the worst of them first, then the longest open.

    `titles` name kinds of alerts. What does not fit is counted in the last line.
    """
    said = PHRASES[language]
    critical = sum(one.severity == "critical" for one, _ in items)
    title = said.digest.format(len(items), critical)
    listed = sorted(items, key=_worst_first)[:_MOST_IN_DIGEST]
    lines = [_item(one, event, titles, said) for one, event in listed]
    rest = said.unlisted.format(len(items))  # the longest that this line can become
    while lines and _bytes(title, *lines, rest) > MOST_BYTES:
        lines.pop()
    unlisted = len(items) - len(lines)
    return Words(title, (*lines, *([said.unlisted.format(unlisted)] if unlisted else [])))


def clip(text: str, most_bytes: int) -> str:
    """A text as one line of at most so many bytes of UTF-8; what was cut short ends in `…`.

    Control characters, those that turn the direction of writing among them, are left out.
    """
    letters = (letter for letter in " ".join(text.split()) if letter.isprintable())
    line = "".join(letters)
    encoded = line.encode()
    if len(encoded) <= most_bytes:
        return line
    return encoded[: most_bytes - len("…".encode())].decode(errors="ignore") + "…"


def _when(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def _how_often(alert: Alert, said: Phrases) -> str:
    return said.count.format(alert.count, _when(alert.last_at)) if alert.count > 1 else ""


def _whose(alert: Alert, said: Phrases) -> str:
    named = ((said.merchant, alert.merchant), (said.owner, alert.owner))
    return said.comma.join(form.format(clip(name, _MOST_NAME)) for form, name in named if name)


def _why(alert: Alert, event: Event, step: int, said: Phrases) -> str:
    """Why the reader gets this message."""
    if event is Event.ACKNOWLEDGED and alert.acknowledged_at is not None:
        by = clip(alert.acknowledged_by or "", _MOST_NAME) or said.somebody
        return said.acknowledged.format(by, _when(alert.acknowledged_at))
    if event is Event.CLOSED and alert.closed_at is not None:
        return said.closed.format(_when(alert.closed_at))
    return said.why[event].format(step + 1 if event is Event.CLIMBED else step)


def _item(alert: Alert, event: Event, titles: Mapping[str, str], said: Phrases) -> str:
    title = clip(titles.get(alert.kind, alert.kind), _MOST_NAME)
    return said.head(event, alert.severity) + title + said.colon + clip(alert.summary, _MOST_ITEM)


def _worst_first(item: tuple[Alert, Event]) -> tuple[bool, int, datetime]:
    alert, event = item
    is_over = event in (Event.ACKNOWLEDGED, Event.CLOSED)
    return is_over, -SEVERITIES.index(alert.severity), alert.first_at


def _bytes(*lines: str) -> int:
    return sum(len(line.encode()) + 1 for line in lines)

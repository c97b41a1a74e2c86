"""An alert's kind and facts as sentences, in Chinese or English."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from hub.alerts.sentences import SENTENCES
from hub.alerts.words import WORDS_EN, WORDS_ZH
from hub.escalation.model import Alert, Language
from hub.model.calendar import SHANGHAI

CASE: Final = "case"
"""The fact that says which sentence of its kind an alert is told by; the one named "" if it is not there."""
_MOST_LISTED: Final = 6
_UNITS: Final = {"zh": (" 秒", " 分钟", " 小时"), "en": (" s", " min", " h")}
_SHANGHAI: Final = {"zh": "（北京时间）", "en": " Shanghai time"}
_COMMA: Final = {"zh": "、", "en": ", "}
_MORE: Final = {"zh": "等 {} 项", "en": " and {} more"}


@dataclass(frozen=True, slots=True)
class Said:
    """What happened, and what to run."""

    summary: str
    action: str


def say(kind: str, facts: Mapping[str, object], language: Language) -> Said:
    """The sentences of an alert.

    Raises:
        ValueError: this kind has no sentence for the case, or a fact is missing that the sentence names.
    """
    case = str(facts.get(CASE, ""))
    sentence = SENTENCES.get(kind, {}).get(case)
    if sentence is None:
        raise ValueError(f"alerts of kind {kind} have no sentence for the case {case!r}")
    fill = _Formatter(language)
    zh = language == "zh"
    try:
        return Said(
            fill.format(sentence.zh if zh else sentence.en, **facts),
            fill.format((zh and sentence.run_zh) or sentence.run, **facts),
        )
    except KeyError as error:
        raise ValueError(f"an alert of kind {kind} lacks the fact {error}") from error


def say_or_keep(kind: str, facts: Mapping[str, object], language: Language, stored: Said) -> Said:
    """As `say`; `stored` in English, and for alerts whose facts are not those of today's sentences."""
    if language == "en":
        return stored
    try:
        return say(kind, facts, language)
    except (ValueError, TypeError, LookupError, AttributeError):
        return stored


def in_language(alert: Alert, language: Language) -> Alert:
    """An alert with summary and action in a language."""
    stored = Said(alert.summary, alert.action)
    said = say_or_keep(alert.kind, alert.facts, language, stored)
    return replace(alert, summary=said.summary, action=said.action)


class _Formatter(string.Formatter):
    """Fills in facts. A field's specification is `span` (seconds), `at` (ISO text), `share` (0 to 1), or a table."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def format_field(self, value: object, format_spec: str) -> str:
        """A fact as text."""
        match format_spec:
            case "span":
                return self._span(float(str(value)))
            case "at":
                at = datetime.fromisoformat(str(value)).astimezone(SHANGHAI)
                return f"{at:%Y-%m-%d %H:%M}{_SHANGHAI[self._language]}"
            case "share":
                return f"{float(str(value)):.1%}"
            case "":
                return self._listed("", value) if isinstance(value, list | tuple) else str(value)
        return self._listed(format_spec, value if isinstance(value, list | tuple) else [value])

    def _span(self, seconds: float) -> str:
        size = 0 if seconds < 120 else 1 if seconds < 7200 else 2
        return f"{seconds / (1, 60, 3600)[size]:.0f}{_UNITS[self._language][size]}"

    def _listed(self, table: str, items: Sequence[object]) -> str:
        """Words, or pairs of a word and what goes with it; of many the first."""
        shown = _COMMA[self._language].join(
            self._item(table, item) for item in items[:_MOST_LISTED]
        )
        if len(items) <= _MOST_LISTED:
            return shown
        number = len(items) if self._language == "zh" else len(items) - _MOST_LISTED
        return shown + _MORE[self._language].format(number)

    def _item(self, table: str, item: object) -> str:
        key, *figures = item if isinstance(item, list | tuple) else (item,)
        words = WORDS_ZH if self._language == "zh" else WORDS_EN
        word = words.get(table, {}).get(str(key))
        if word is not None and "{}" in word:
            return word.format(*figures)
        return " ".join([word or str(key), *(str(one) for one in figures if one != "")])

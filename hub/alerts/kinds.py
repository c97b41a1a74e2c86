"""Every kind of alert there is: the first part of its key. `docs/runbook.md` has a section for each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AlertKind:
    """What alerts of one kind are called, in both languages."""

    title_zh: str
    title_en: str


KINDS: dict[str, AlertKind] = {}

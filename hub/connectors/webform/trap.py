"""Bot traps: a honeypot, and a start time that only the hub can sign. Signals, never refusals."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_SIGNED = ("t", "sig")


@dataclass(frozen=True, slots=True)
class TrapPolicy:
    """What a form counts as suspect. `secrets` are all valid ones; the first signs."""

    form_id: str
    secrets: Sequence[bytes]
    min_fill_s: float
    max_age_s: float
    require_token: bool = True


def start_token(policy: TrapPolicy, now: datetime) -> tuple[str, str]:
    """The text `form|unix seconds` and its HMAC-SHA256 in hex: proof of when a form was shown."""
    text = f"{policy.form_id}|{int(now.timestamp())}"
    return text, _sign(policy.secrets[0], text)


def suspicions(trap: Mapping[str, Any], policy: TrapPolicy, now: datetime) -> tuple[str, ...]:
    """Why a submission looks like a bot's, in a fixed order; () if nothing does.

    `honeypot` filled · `token_missing` · `token_forged` · `too_fast` after the form was shown ·
    `token_old`.
    """
    filled = any(value for name, value in trap.items() if name not in _SIGNED)
    signals = ("honeypot",) if filled else ()
    return (*signals, *_token_signals(trap, policy, now))


def _token_signals(trap: Mapping[str, Any], policy: TrapPolicy, now: datetime) -> tuple[str, ...]:
    text, signature = trap.get("t"), trap.get("sig")
    if not text and not signature:
        return ("token_missing",) if policy.require_token else ()
    shown_at = _shown_at(text, signature, policy)
    if shown_at is None:
        return ("token_forged",)
    age_s = now.timestamp() - shown_at
    if age_s < policy.min_fill_s:
        return ("too_fast",)
    return ("token_old",) if age_s > policy.max_age_s else ()


def _shown_at(text: object, signature: object, policy: TrapPolicy) -> int | None:
    """Unix seconds from a token of this form that we signed, else None."""
    if not isinstance(text, str) or not isinstance(signature, str):
        return None
    given = signature.encode()
    if not any(hmac.compare_digest(_sign(s, text).encode(), given) for s in policy.secrets):
        return None
    form_id, _, seconds = text.rpartition("|")
    return int(seconds) if form_id == policy.form_id and seconds.isdecimal() else None


def _sign(secret: bytes, text: str) -> str:
    return hmac.digest(secret, text.encode(), "sha256").hex()

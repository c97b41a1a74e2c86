"""What the demo knows of one source: settings, secrets, how its leads come, what they must carry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hub.steps.demo.hub import secret_env
from hub.steps.demo.senders import Line

# Habits of a sender over a bad line.
_RETRY_S = (0.2, 1.0, 3.0)
BAD_LINE: Mapping[str, Any] = {
    "duplicate_share": 0.05,
    "lost_ack_share": 0.02,
    "reorder_within": 5,
    "at_once": 8,
    "retry_after_s": _RETRY_S,
}
PULL = {"every_s": 300, "page_size": 50}
# What 来客 lists is ten minutes old at least.
_BEGAN, _LASTED = timedelta(hours=7), timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class DemoSource:
    """One source: `settings` as they stand in `hub.yaml`, `send` what makes and sends `share` of 100 leads.

    `listed` are the platform's ids of what its lists show, pulled after everything was sent. `carries` are
    fields that every lead must have. `is_direct`: nothing but the hub stands between sending and the lead.
    """

    key: str
    settings: Mapping[str, Any]
    share: int
    send: Callable[[Line, int], Awaitable[None]]
    secrets: Mapping[str, str] = field(default_factory=dict)
    listed: Callable[[Line], Sequence[str]] | None = None
    carries: tuple[str, ...] = ()
    is_direct: bool = True

    @property
    def source_key(self) -> str:
        """The key of its source: forms have one of their own."""
        return f"form-{self.key}" if self.is_form else self.key

    @property
    def is_form(self) -> bool:
        """Whether it stands under `forms:`."""
        return "token_secret_env" in self.settings

    @property
    def path(self) -> str:
        """The path of the address that its leads are sent to, without the secret part."""
        return f"/forms/{self.key}" if self.is_form else f"/hooks/{self.key}"

    @property
    def has_secret_path(self) -> bool:
        """Whether the address ends in its secret."""
        return bool(self.settings.get("signature", {}).get("scheme") == "static_path")

    def lead_count(self, leads: int) -> int:
        """How many of all leads are its own, two at least."""
        return max(2, leads * self.share // 100)


def guarded(key: str) -> dict[str, Any]:
    """The signature of a source that only a secret path guards."""
    return {"scheme": "static_path", "secret_env": secret_env(key)}


def times(count: int) -> tuple[datetime, float]:
    """The platform's day so far: when the first of `count` leads came, and the seconds between two."""
    return datetime.now(UTC) - _BEGAN, _LASTED.total_seconds() / (count + 1)

"""`alerts:` of `hub.yaml`: channels, who is reached over which, and how an alert climbs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

ChannelKind = Literal["wecom_bot", "wecom_app", "dingtalk", "feishu", "mail", "webhook", "apprise"]
Severity = Literal["info", "warning", "critical"]


class Strict(BaseModel):
    """A key that nobody knows is a mistake, never passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ChannelSettings(Strict):
    """One way out of the house. Secrets are named by environment variable, never written here.

    `key_env` names the credential: the bot's key (WeCom), access token (DingTalk), hook token
    (Feishu), secret of the application (WeCom), URL (webhook, mail as `mailtos://…`, apprise).
    """

    kind: ChannelKind
    key_env: str
    secret_env: str = Field(default="", description="signing secret: DingTalk, Feishu, webhook")
    per_minute: int = Field(default=15, ge=1, description="messages; what is over is folded")
    api_base: str = Field(default="", description="another address of the platform, none: its own")
    corp_id: str = Field(default="", description="WeCom application")
    agent_id: int = Field(default=0, description="WeCom application")
    timeout_s: float = Field(default=10.0, gt=0, le=60)


class ReachSettings(Strict):
    """One way to reach a recipient: over which channel, and to which address on it."""

    via: str
    to: str = Field(default="", description="member id or e-mail address; none for a group's bot")


class RecipientSettings(Strict):
    """A group or a person: ways in order of preference; the next is taken when one fails."""

    name: str = ""
    reach: tuple[ReachSettings, ...] = Field(min_length=1)


class StepSettings(Strict):
    """Who is told next, when nobody has acknowledged for `after_s`.

    `to` is a recipient, or a role: `group`, `owner`, `manager`, `duty`.
    """

    to: str
    after_s: int = Field(default=0, ge=0)


def _unfold(value: object) -> object:
    """YAML reads 22:30 without quotes as a number to the base of 60; take it for what it looks like."""
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    hours, minutes = divmod(value, 60)
    if not 1 <= hours <= 23:
        raise ValueError('write the hour like "22:30", from "00:00" to "23:59"')
    return time(hours, minutes)


def _local(value: time) -> time:
    if value.tzinfo is not None:
        raise ValueError('write the hour of Shanghai without a zone, like "22:30"')
    return value


Hour = Annotated[time, BeforeValidator(_unfold), AfterValidator(_local)]


class DutySettings(Strict):
    """Who is on duty when; the first line that fits counts. Days are those of the Chinese calendar."""

    who: str
    days: Literal["all", "workdays", "days_off"] = Field(
        default="all", description="of the day on which the duty starts"
    )
    start: Hour = time(0)
    end: Hour = Field(
        default=time(0), description="equal to start: 24 hours from then; may be past midnight"
    )


class QuietSettings(Strict):
    """When only what is critical goes out; the rest waits until it ends. `start` = `end`: no hours."""

    start: Hour
    end: Hour
    days_off: bool = Field(default=False, description="quiet all day on days off, too")


_CLIMB = (
    StepSettings(to="group"),
    StepSettings(to="owner", after_s=300),
    StepSettings(to="manager", after_s=900),
)


def _escalation() -> Mapping[Severity, tuple[StepSettings, ...]]:
    return {"critical": _CLIMB, "warning": (StepSettings(to="group"),), "info": ()}


class AlertSettings(Strict):
    """How alerts reach people. Without channels they stay rows: `hub alerts list`."""

    language: Literal["zh", "en"] = "zh"
    channels: Mapping[str, ChannelSettings] = Field(default_factory=dict)
    recipients: Mapping[str, RecipientSettings] = Field(default_factory=dict)
    roles: Mapping[str, str] = Field(
        default_factory=dict,
        description="recipient of `group`, `owner`, `manager`; merchant's own as `group@merchant`",
    )
    duty: tuple[DutySettings, ...] = ()
    quiet: QuietSettings | None = None
    escalation: Mapping[Severity, tuple[StepSettings, ...]] = Field(
        default_factory=_escalation,
        description="a severity that is left out keeps its default; [] tells nobody",
    )
    repeat_s: int = Field(
        default=1800, ge=60, description="the last step again, until acknowledged"
    )
    settle_s: int = Field(
        default=600,
        ge=0,
        description="what opens again so soon after it closed is not told as new",
    )


class WatchSettings(Strict):
    """When the watchdog speaks up. Of a disk, what is reached first counts: the share or the megabytes
    (on a small disk, twice the share at most)."""

    latency_p95_ms: int = Field(default=2000, ge=1, description="of the last five minutes")
    queue_age_s: int = Field(default=60, ge=1, description="of what waits longest for a loader")
    disk_warning_percent: float = Field(default=10.0, ge=0, le=100, description="free")
    disk_warning_mb: int = Field(default=2048, ge=0, description="free")
    disk_critical_percent: float = Field(default=3.0, ge=0, le=100, description="free")
    disk_critical_mb: int = Field(default=500, ge=0, description="free")

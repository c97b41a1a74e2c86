"""The phrases of messages, in Chinese and English. Both say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.escalation.model import Event, Language, Severity


@dataclass(frozen=True, slots=True)
class Phrases:
    """The phrases of one language; `{}` are filled in order."""

    mark: str  # a word of the title
    severities: Mapping[Severity, str]
    events: Mapping[Event, str]
    why: Mapping[Event, str]  # {}: the rung from 1, or which repeat
    resent: str
    what: str
    since: str
    count: str
    merchant: str
    owner: str
    run: str
    acknowledged: str
    somebody: str
    closed: str
    digest: str
    unlisted: str
    comma: str
    colon: str

    def head(self, event: Event, severity: Severity) -> str:
        """The beginning of a title: what is new about the alert, and how bad it is."""
        marks = (self.events.get(event, ""), self.severities[severity])
        return "".join(self.mark.format(one) for one in marks if one)


PHRASES: Mapping[Language, Phrases] = {
    "zh": Phrases(
        mark="【{}】",
        severities={"info": "提示", "warning": "警告", "critical": "严重"},
        events={
            Event.WORSENED: "加重",
            Event.CLIMBED: "升级",
            Event.REPEATED: "仍未确认",
            Event.ACKNOWLEDGED: "已确认",
            Event.CLOSED: "已结束",
        },
        why={
            Event.OPENED: "请处理并确认。",
            Event.WORSENED: "比之前通知的更严重，请重新确认。",
            Event.CLIMBED: "升级：第 {} 级。此前无人确认，请处理并确认。",
            Event.REPEATED: "第 {} 次提醒：一直无人确认，确认之前会继续提醒。",
            Event.ACKNOWLEDGED: "已有人确认，不再升级。",
            Event.CLOSED: "已结束，无需再处理。",
        },
        resent="【重发】",
        what="发生：{}",
        since="开始：{}（北京时间）",
        count="次数：{:,}，最近一次 {}",
        merchant="商家：{}",
        owner="负责人：{}",
        run="处理：{}",
        acknowledged="{} 已于 {} 确认，不再升级。",
        somebody="有人",
        closed="已于 {} 结束，无需再处理。",
        digest="【汇总】{} 条告警消息，其中严重 {} 条",
        unlisted="另有 {} 条未列出，查看：hub alerts list",
        comma="，",
        colon="：",
    ),
    "en": Phrases(
        mark="[{}] ",
        severities={"info": "info", "warning": "warning", "critical": "critical"},
        events={
            Event.WORSENED: "worse",
            Event.CLIMBED: "escalated",
            Event.REPEATED: "still open",
            Event.ACKNOWLEDGED: "acknowledged",
            Event.CLOSED: "over",
        },
        why={
            Event.OPENED: "Please see to it and acknowledge it.",
            Event.WORSENED: "Worse than you were told; please acknowledge it anew.",
            Event.CLIMBED: "Step {}: nobody has acknowledged it so far. Please see to it and acknowledge it.",
            Event.REPEATED: "Reminder {}: nobody has acknowledged it; reminders go on until somebody does.",
            Event.ACKNOWLEDGED: "Somebody has acknowledged it; it climbs no more.",
            Event.CLOSED: "It is over; nothing is left to do.",
        },
        resent="[repeated] ",
        what="What: {}",
        since="Since: {} (Shanghai time)",
        count="Times: {:,}, last at {}",
        merchant="merchant {}",
        owner="owner {}",
        run="Run: {}",
        acknowledged="{} acknowledged it at {}; it climbs no more.",
        somebody="Somebody",
        closed="It was over at {}; nothing is left to do.",
        digest="[digest] {} alert messages, {} of them critical",
        unlisted="{} more are not listed here: hub alerts list",
        comma=", ",
        colon=": ",
    ),
}

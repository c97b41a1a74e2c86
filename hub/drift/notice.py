"""The change notice for operators, 《字段变更须知》: what changed, since when, what they see, whom to ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from hub.drift.kinds import Kind
from hub.drift.places import path_of

_SHANGHAI: Final = timezone(timedelta(hours=8), "UTC+8")
KIND_WORDS: Final[Mapping[str, str]] = {
    Kind.FIELD_ADDED: "新增字段",
    Kind.FIELD_ADDED_REQUIRED: "新增字段（平台必填）",
    Kind.FIELD_MISSING: "字段缺失",
    Kind.FIELD_MOVED: "字段改名或移动",
    Kind.TYPE_CHANGED: "数据类型变化",
    Kind.FORMAT_CHANGED: "数据格式变化",
    Kind.ENUM_UNKNOWN: "出现新的取值",
    Kind.MEANING_SHIFTED: "字段含义疑似变化",
    Kind.SILENCE: "长时间没有线索",
    Kind.SURGE: "线索量突增",
}
"""What people say."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One change as a finding has it: kind, pointer, the field's Chinese label, and when it was first seen."""

    kind: str
    pointer: str
    label: str
    since: datetime
    to: str = ""


@dataclass(frozen=True, slots=True)
class NoticeFacts:
    """What the notice says; nothing of it is about a person."""

    platform: str
    title: str
    entity: str
    changes: Sequence[Changed]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    labels: Mapping[str, str]
    replaying: int
    owner: str
    published_by: str
    published_at: datetime
    vendor_spec: str = ""


def change_notice(facts: NoticeFacts) -> tuple[str, str]:
    """Title and body (Markdown, Chinese)."""
    title = f"《字段变更须知》{facts.title or facts.platform + '/' + facts.entity}"
    since = min((change.since for change in facts.changes), default=facts.published_at)
    spec = f"，依据 {facts.vendor_spec}" if facts.vendor_spec else ""
    body = [
        f"# {title}",
        "",
        f"**自何时**：{_time(since)} 起，平台推送的内容发生变化；新规则于 {_time(facts.published_at)} 生效{spec}。",
        "",
        "## 什么变了",
        "",
        *[_change_line(change) for change in facts.changes],
        "",
        "## 您会看到什么",
        "",
        *(_seen_lines(facts) or ["- 线索页面没有变化。"]),
        "",
        "## 正在重新处理",
        "",
        f"- {facts.replaying} 条线索正按新规则自动重新处理，不会重复派发，也不会丢失；通常数秒到数分钟完成。",
        "",
        "## 有问题找谁",
        "",
        f"- 负责人：{facts.owner}；发布人：{facts.published_by}",
        f"- 版本：{facts.before['mapping']} → {facts.after['mapping']}",
    ]
    return title, "\n".join(body) + "\n"


def _time(instant: datetime) -> str:
    return instant.astimezone(_SHANGHAI).strftime("%Y-%m-%d %H:%M（北京时间）")


def _change_line(change: Changed) -> str:
    name = path_of(change.pointer) if change.pointer else "整个来源"
    label = f"{change.label}（`{name}`）" if change.label and change.label != name else f"`{name}`"
    to = f" → `{path_of(change.to)}`" if change.to else ""
    return f"- {KIND_WORDS.get(change.kind, change.kind)}：{label}{to}，{_time(change.since)} 首次出现"


def _seen_lines(facts: NoticeFacts) -> list[str]:
    lines = []
    known: Mapping[str, Any] = facts.before.get("extensions") or {}
    for name, rule in (facts.after.get("extensions") or {}).items():
        if name not in known:
            lines.append(f"- 新字段 **{rule.get('label', name)}**（`ext.{name}`）")
    old: Mapping[str, Any] = facts.before.get("fields") or {}
    for name, rule in (facts.after.get("fields") or {}).items():
        label = facts.labels.get(name.partition(".")[0], name)
        shown = label if "." not in name else f"{label} {name.partition('.')[2]}"
        if name not in old:
            lines.append(f"- **{shown}**（`{name}`）开始有值，来自 `{_source(rule)}`")
        elif old[name] != rule:
            lines.append(
                f"- **{shown}**（`{name}`）改为来自 `{_source(rule)}`，原来来自 `{_source(old[name])}`"
            )
    was = {rule.get("name"): rule for rule in facts.before.get("spread") or ()}
    for rule in facts.after.get("spread") or ():
        if was.get(rule.get("name")) != rule:
            lines.append(f"- 规则 `{rule.get('name')}` 改为来自 `{_source(rule)}`")
    return lines


def _source(rule: Any) -> str:  # noqa: ANN401 -- a rule in any of its forms
    given = rule.get("from", rule) if isinstance(rule, Mapping) else rule
    listed = given if isinstance(given, list) else [given]
    return ", ".join(_one(source) for source in listed)


def _one(source: Any) -> str:  # noqa: ANN401
    if isinstance(source, Mapping):
        ((kind, value),) = list(source.items())[:1] or [("", "")]
        if kind == "all" and isinstance(value, list):
            return " + ".join(map(_one, value))
        return f"{kind}:{value}"
    return str(source)

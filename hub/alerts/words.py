"""Chinese and English for the facts of alerts that are words of closed sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hub.drift.notice import KIND_WORDS
from hub.model.outcome import HeldReason
from hub.reconciliation.gate import UNKNOWN_WORDS
from hub.reconciliation.kinds import BREAK_WORDS

WORDS_ZH: Final[Mapping[str, Mapping[str, str]]] = {
    "change": KIND_WORDS,
    "break": {kind.value: word for kind, word in BREAK_WORDS.items()},
    "unknown": {reason.value: word for reason, word in UNKNOWN_WORDS.items()},
    "reason": {
        HeldReason.UNREADABLE: "无法解析",
        HeldReason.UNKNOWN_ACCOUNT: "账户未登记",
        HeldReason.NO_MAPPING: "没有映射",
        HeldReason.CONTRACT: "不符合契约",
        HeldReason.MISSING: "缺少必填内容",
        HeldReason.INVALID_VALUE: "取值无效",
        HeldReason.SUSPECTED_BOT: "疑似机器提交",
        HeldReason.RECORD_ONLY: "只留底的来源",
        HeldReason.CRASHES_LOADER: "使加载进程退出",
        HeldReason.LOADER_BUG: "加载程序出错",
        HeldReason.STORE_REFUSED: "数据库拒收",
        HeldReason.UNRESOLVED: "平台未给出内容",
    },
    # What a check says when it fails.
    "check": {
        "alerts_delivered": "告警消息积压，或已放弃发送",
        "campaigns_known": "线索带有未登记的活动",
        "conservation_deliveries": "有已确认的推送不知去向",
        "conservation_records": "有记录没有结局，或结局不止一个",
        "everything_is_well": "有检查未通过",
        "drift": "来源字段或数据有变化",
        "duplicate_rate": "重复客户占比过高",
        "field_health": "核心字段填充率或格式不达标",
        "fresh": "超过时限没有新记录",
        "gate": "数据闸门关闭",
        "latency": "入库延迟过高",
        "nothing_held": "有记录被扣留",
        "nothing_waiting": "有记录等待平台答复过久",
        "platform_count": "与平台计数不符",
        "reconciliation": "有对账差异未处理",
        "silence": "长时间没有线索",
        "volume": "线索量突增",
    },
    "disk": {
        "HUB_HOME": "HUB_HOME 所在磁盘",
        "the spools": "本地缓存所在磁盘",
        "the embedded database": "内置数据库所在磁盘",
    },
    "count": {
        "stated": "平台报 {} 条",
        "arrived": "成为线索 {} 条",
        "held": "扣留 {} 条",
        "set_aside": "不是线索 {} 条",
        "not_pushed": "推送遗漏后补入 {} 条",
        "missing": "缺少 {} 条",
    },
}
"""Table → key → Chinese; `{}` takes the figure that goes with it."""

WORDS_EN: Final[Mapping[str, Mapping[str, str]]] = {
    "count": {
        "stated": "the platform says {}",
        "arrived": "{} are leads",
        "held": "{} held",
        "set_aside": "{} no leads",
        "not_pushed": "{} were lost by the push and loaded otherwise",
        "missing": "{} are missing",
    },
}
"""The same in English, where the key is not the word."""

"""What the platform says of acquisition links that a person must know: an empty balance stops leads in silence."""

from __future__ import annotations

from collections.abc import Mapping

from hub.connectors.base import Notice

_CONSOLE = "buy or renew at work.weixin.qq.com: 客户联系 > 获客助手"
_CONSOLE_ZH = "在 work.weixin.qq.com 购买或续期：客户联系 > 获客助手"
NOTICES: Mapping[str, Notice] = {
    "balance_low": Notice(
        severity="warning",
        text="fewer than 20 acquisitions are left",
        text_zh="获客助手剩余次数不足 20",
        action=_CONSOLE,
        action_zh=_CONSOLE_ZH,
    ),
    "balance_exhausted": Notice(
        severity="critical",
        text="no acquisitions are left: its links bring no more leads",
        text_zh="获客助手次数已用完：链接不再带来线索",
        action=_CONSOLE,
        action_zh=_CONSOLE_ZH,
    ),
    "balance_increased": Notice(
        severity="info",
        text="acquisitions were bought",
        text_zh="获客助手已充值",
        action="none",
        action_zh="无需处理",
        ends=("balance_low", "balance_exhausted"),
    ),
    "quota_expire_soon": Notice(
        severity="warning",
        text="acquisitions that were bought expire soon",
        text_zh="已购买的获客助手次数即将过期",
        action=_CONSOLE,
        action_zh=_CONSOLE_ZH,
    ),
    "link_unavailable": Notice(
        severity="critical",
        text="an acquisition link no longer works",
        text_zh="有一个获客链接已不可用",
        action="see which link: work.weixin.qq.com",
        action_zh="查看是哪一个链接：work.weixin.qq.com",
    ),
    "delete_link": Notice(
        severity="warning",
        text="an acquisition link was deleted",
        text_zh="有一个获客链接已被删除",
        action="see where it is still printed or posted",
        action_zh="查看哪里还在印制或张贴这个链接",
    ),
}

"""What the platform says of acquisition links that a person must know: an empty balance stops leads in silence."""

from __future__ import annotations

from collections.abc import Mapping

from hub.connectors.base import Notice

_CONSOLE = "buy or renew at work.weixin.qq.com: 客户联系 > 获客助手"
NOTICES: Mapping[str, Notice] = {
    "balance_low": Notice("warning", "fewer than 20 acquisitions are left", _CONSOLE),
    "balance_exhausted": Notice(
        "critical", "no acquisitions are left: its links bring no more leads", _CONSOLE
    ),
    "balance_increased": Notice(
        "info", "acquisitions were bought", "none", ends=("balance_low", "balance_exhausted")
    ),
    "quota_expire_soon": Notice("warning", "acquisitions that were bought expire soon", _CONSOLE),
    "link_unavailable": Notice(
        "critical", "an acquisition link no longer works", "see which link: work.weixin.qq.com"
    ),
    "delete_link": Notice(
        "warning", "an acquisition link was deleted", "see where it is still printed or posted"
    ),
}

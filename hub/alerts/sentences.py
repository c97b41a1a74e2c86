"""What alerts of each kind say: a sentence and the command that mends it, in Chinese and English.

`{name}` is a fact; after a colon stands how it is written (`hub.alerts.saying`). Both languages say the same. A
command needs no translation; words around one do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hub.alerts.kinds import Sentence
from hub.alerts.machine_sentences import OF_MACHINES

_OF_LEADS: Final[Mapping[str, Mapping[str, Sentence]]] = {
    "drift": {
        "": Sentence(
            "{where} 有变化：{changes:change}；始于 {since:at}，已扣留 {held} 条记录",
            "{where}: {changes:change} since {since:at}; {held} records held so far",
            "{command}",
        )
    },
    "held": {
        "": Sentence(
            "来源 {source} 有 {records} 条记录被扣留，未入库：{reasons:reason}",
            "source {source}: {records} records are held: {reasons:reason}",
            "hub held list --source {source}",
        )
    },
    "waiting": {
        "": Sentence(
            "来源 {source} 有 {records} 条记录在等平台答复，最早的已等 {oldest:span}",
            "source {source}: {records} records wait for the platform's answer, the oldest for {oldest:span}",
            "hub source check {source}",
        )
    },
    "signature": {
        "": Sentence(
            "推送到来源 {source} 的请求验签失败，已暂存",
            "pushes to source {source} fail their signature",
            "put {variable} right, then: hub held replay --signature {source}",
            "改正 {variable}，再运行：hub held replay --signature {source}",
        ),
        "full": Sentence(
            "推送到来源 {source} 的请求验签失败；暂存已满，之后的不再保留",
            "pushes to source {source} fail their signature; the holding table is full and later ones are not kept",
            "put {variable} right, then: hub held replay --signature {source}",
            "改正 {variable}，再运行：hub held replay --signature {source}",
        ),
    },
    "notice": {
        "": Sentence("来源 {source}：{text_zh}", "source {source}: {text}", "{mend}", "{mend_zh}")
    },
    "change-notice": {"": Sentence("{title}", "{title}", "hub drift show {finding}")},
    "platform-count": {
        "": Sentence(
            "来源 {source}，{day}：{figures:count}",
            "source {source}, {day}: {figures:count}",
            "{command}",
        )
    },
    "platform-count-push": {
        "": Sentence(
            "来源 {source}，{day}：{figures:count}",
            "source {source}, {day}: {figures:count}",
            "{command}",
        )
    },
    "campaigns": {
        "": Sentence(
            "商家 {merchant} 最近 {days} 天有 {leads} 条线索带有 {campaigns} 个未登记的活动",
            "{leads} leads of the last {days} days name {campaigns} campaign(s) that nobody registered",
            "hub campaign check --merchant {merchant}",
        )
    },
}

_OF_PLATFORMS: Final[Mapping[str, Mapping[str, Sentence]]] = {
    "grant-lost": {
        "": Sentence(
            "来源 {source}：平台不再接受我们的授权",
            "source {source}: the platform no longer accepts our grant",
            "{command}",
        ),
        "early": Sentence(
            "来源 {source}：平台不再接受我们的授权，而授权本应到 {until:at}才结束：已被收回，"
            "或被另一家服务商接管绑定，请询问账户负责人",
            "source {source}: the platform no longer accepts our grant, although it was to last until {until:at}:"
            " it was withdrawn, or another vendor has taken over the binding; ask the account's owner",
            "{command}",
        ),
    },
    "grant-expires": {
        "": Sentence(
            "来源 {source} 的授权将于 {ends:at}到期",
            "source {source}: its grant ends at {ends:at}",
            "hub pull {source} (renews it), or hub source authorize {source}",
            "hub pull {source}（会续期），或 hub source authorize {source}",
        )
    },
    "grant-refreshes": {
        "": Sentence(
            "来源 {source} 的授权只能再续期 {left} 次",
            "source {source}: the platform renews its grant {left} time(s) more",
            "hub source authorize {source}",
        )
    },
    "grant-accounts": {
        "": Sentence(
            "来源 {source} 的授权不再覆盖账户 {accounts}；这些账户的线索会中断",
            "source {source}: the grant no longer covers account(s) {accounts}; their leads stop",
            "hub source authorize {source} (tick every account)",
            "hub source authorize {source}（勾选全部账户）",
        )
    },
    "pull-refused": {
        "": Sentence(
            "平台拒绝拉取来源 {source} 的 {stream}，错误码 {code}",
            "source {source}, {stream}: {error}",
            "hub source check {source}",
        )
    },
    "resolve-refused": {
        "": Sentence(
            "平台拒绝来源 {source} 的查询，错误码 {code}；有关记录先等着",
            "source {source}: {error}; its records wait",
            "hub source check {source}",
        ),
        "settings": Sentence(
            "来源 {source} 的配置有误，无法向平台查询；有关记录先等着",
            "source {source}: {error}; its records wait",
            "hub source check {source}",
        ),
    },
    "quota": {
        "": Sentence(
            "来源 {source} 今天的 {limit} 次查询额度已用完；之后的线索先以脱敏值入库，或等到零点",
            "source {source}: its {limit} answers of today are used up;"
            " what is asked now is loaded masked, or waits until midnight",
            "hub source show {source}; then raise the quota with the platform and in hub.yaml",
            "hub source show {source}，然后向平台申请提高额度，并改 hub.yaml",
        )
    },
}

_OF_FIGURES: Final[Mapping[str, Mapping[str, Sentence]]] = {
    "check": {"": Sentence("检查 {check} 未通过：{name:check}", "{check}: {note}", "{command}")},
    "run": {
        "": Sentence(
            "Dagster 任务 {job} 运行失败",
            "A Dagster run of {job} failed.",
            "Look at the run in the Dagster UI: /runs/{run}",
            "在 Dagster 界面查看这次运行：/runs/{run}",
        )
    },
    "reconciliation": {
        "": Sentence(
            "{merchant} 有 {breaks} 笔对账差异待处理：{kinds:break}",
            "{merchant}: {breaks} breaks wait for somebody: {kinds:break}",
            "hub reconcile breaks --merchant {merchant}",
        )
    },
    "gate": {
        "": Sentence(
            "未对平：{merchant} {period} 的残差占财务账 {residual}，始于 {since:at}；对外导出已停止",
            "未对平: {merchant} {period}, the residual is {residual} of finance's record since {since:at};"
            " exports that leave the house stop",
            "hub export bridge --merchant {merchant} --month {period}",
        )
    },
    "gate-unknown": {
        "": Sentence(
            "{merchant} {period} 的闸门没有读数：{unknown:unknown}（{detail}）",
            "{merchant} {period}: the gate has no reading: {unknown:unknown} ({detail})",
            "hub gate status --merchant {merchant}",
        )
    },
}

_OF_ALERTS: Final[Mapping[str, Mapping[str, Sentence]]] = {
    "channel": {
        "credentials": Sentence(
            "告警通道 alerts.channels.{channel} 不可用：密钥不对，或机器人已被移除",
            "{error}",
            "hub alerts test {channel}",
        ),
        "away": Sentence(
            "告警通道 alerts.channels.{channel} 多次没有应答，消息改走其他通道或稍后再发",
            "{error}",
            "hub alerts test {channel}",
        ),
        "address": Sentence(
            "接收人 alerts.recipients.{recipient} 的地址在通道 {channel} 上无效，收不到告警",
            "alerts.recipients.{recipient}: {error}",
            "hub alerts test {channel}",
        ),
    },
    "watchdog": {
        "": Sentence(
            "巡检项 {watch} 无法执行：{error}",
            "watch {watch} cannot look: {error}",
            "hub doctor; the notifier's log names the error",
            "hub doctor；hub notify 的日志中有错误名",
        )
    },
}

SENTENCES: Final[Mapping[str, Mapping[str, Sentence]]] = {
    **_OF_LEADS,
    **_OF_PLATFORMS,
    **OF_MACHINES,
    **_OF_FIGURES,
    **_OF_ALERTS,
}
"""Kind of alert → case → sentence. The case is a fact, "" unless the alert says another."""

"""Every kind of alert there is: the first part of its key. `docs/runbook.md` has a section for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class AlertKind:
    """What alerts of one kind are called, in both languages.

    `closes_after`: one that was not raised again for so long is closed; a critical one only after
    somebody has acknowledged it. None: its source closes it.
    """

    title_zh: str
    title_en: str
    closes_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """What alerts of one kind say in one case (`hub.alerts.sentences`).

    `run_zh` stands where `run` is more than a command.
    """

    zh: str
    en: str
    run: str
    run_zh: str = ""


_DAY, _WEEK = timedelta(days=1), timedelta(days=7)

KINDS: dict[str, AlertKind] = {
    # What comes, or does not.
    "drift": AlertKind("来源字段或数据有变化", "A source has changed"),
    "held": AlertKind("有记录被扣留，未入库", "Records are held"),
    "waiting": AlertKind("记录等待平台答复过久", "Records wait for the platform"),
    "signature": AlertKind("推送验签失败", "Pushes fail their signature", _DAY),
    "notice": AlertKind("平台通知", "A platform says something", _WEEK),
    "change-notice": AlertKind("字段变更须知已生成", "A change notice was written", _WEEK),
    "platform-count": AlertKind("与平台计数不符，有线索缺失", "Leads are missing", _WEEK),
    "platform-count-push": AlertKind(
        "推送有遗漏，已由拉取补齐", "The push lost leads that the pull found", _WEEK
    ),
    "campaigns": AlertKind("线索带有未登记的活动", "Leads name unknown campaigns"),
    # What the platforms allow.
    "grant-lost": AlertKind("平台授权失效", "A grant is lost"),
    "grant-expires": AlertKind("平台授权即将到期", "A grant is about to end"),
    "grant-refreshes": AlertKind("授权可续期次数将尽", "A grant can be renewed only a few times"),
    "grant-accounts": AlertKind("授权不再覆盖某些账户", "A grant no longer covers an account"),
    "pull-refused": AlertKind("平台拒绝拉取", "The platform refuses a pull"),
    "resolve-refused": AlertKind("平台拒绝查询", "The platform refuses to be asked"),
    "quota": AlertKind("平台当日额度用尽", "A platform's daily quota is used up", _DAY),
    # What the hub runs on.
    "database-away": AlertKind("数据库不可用或只读", "The database is away or read-only"),
    "loader": AlertKind("没有加载进程在运行", "No loader lives"),
    "receiver": AlertKind("没有接收进程在运行", "No receiver lives"),
    "dagster": AlertKind("Dagster 守护进程没有运行", "Dagster's daemon does not run"),
    "notifier": AlertKind("告警发送进程没有运行", "The notifier does not run"),
    "process": AlertKind("进程反复退出", "A process dies again and again"),
    "queue-age": AlertKind("队列积压，线索迟迟未入库", "The queue is old"),
    "latency": AlertKind("入库延迟过高", "Leads are loaded late"),
    "spool-used": AlertKind("接收端正在使用本地缓存", "Receivers spool"),
    "spool-refused": AlertKind("数据库拒收已确认的推送", "The database refuses deliveries"),
    "spool-damaged": AlertKind("本地缓存文件损坏", "A spool file is damaged", _WEEK),
    "disk": AlertKind("磁盘空间不足", "A disk is nearly full"),
    "clock": AlertKind("时钟不一致", "Clocks differ"),
    "connections": AlertKind("数据库连接数将满", "Connections run out"),
    "old-transaction": AlertKind("数据库有过久的事务", "A transaction is open for too long"),
    # What the figures say.
    "check": AlertKind("检查未通过", "A check fails"),
    "run": AlertKind("Dagster 任务失败", "A Dagster run failed"),
    "reconciliation": AlertKind("对账差异待处理", "Breaks wait for somebody"),
    "gate": AlertKind("数据闸门关闭，未对平", "The gate is shut"),
    "gate-unknown": AlertKind("数据闸门没有读数", "The gate has no reading"),
    # What tells of all this.
    "channel": AlertKind("告警通道不可用", "A channel does not work"),
    "watchdog": AlertKind("巡检本身出错", "A watch fails"),
}


def kind_of(dedupe_key: str) -> str:
    """The kind of an alert: the first part of its key.

    Raises:
        ValueError: there is no such kind; add it to `KINDS` and to docs/runbook.md.
    """
    kind = dedupe_key.partition(":")[0]
    if kind not in KINDS:
        raise ValueError(f"no kind of alert: {kind}")
    return kind

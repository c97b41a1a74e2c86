"""What alerts about what the hub runs on say; see `hub.alerts.sentences`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hub.alerts.kinds import Sentence

OF_MACHINES: Final[Mapping[str, Mapping[str, Sentence]]] = {
    "database-away": {
        "": Sentence(
            "数据库连不上：新线索先存入接收端本地缓存，不会丢失，但暂不入库；恢复前读不到其他告警",
            "the database does not answer: receivers spool, nothing is loaded;"
            " no other alert can be read until it is back",
            "hub doctor",
        ),
        "read-only": Sentence(
            "数据库只读：写不进任何数据，新线索先存入接收端本地缓存；恢复前发不出其他告警",
            "the database is read-only: nothing can be written, receivers spool;"
            " no other alert can be told until it takes writes again",
            "hub doctor",
        ),
    },
    "loader": {
        "": Sentence(
            "没有加载进程在运行，有记录等待入库；最后一次见到是 {seen:span}前",
            "no loader lives and records wait; the last was seen {seen:span} ago",
            "hub work",
        ),
        "never": Sentence(
            "没有加载进程在运行，有记录等待入库；从未见到过",
            "no loader lives and records wait; none was ever seen",
            "hub work",
        ),
        "idle": Sentence(
            "没有加载进程在运行；最后一次见到是 {seen:span}前",
            "no loader lives; the last was seen {seen:span} ago",
            "hub work",
        ),
    },
    "receiver": {
        "": Sentence(
            "没有接收进程在运行：推送和表单正在丢失；最后一次见到是 {seen:span}前",
            "no receiver lives: pushes and forms are lost; the last was seen {seen:span} ago",
            "hub receive",
        )
    },
    "dagster": {
        "": Sentence(
            "Dagster 守护进程上次运行传感器是 {seen:span}前：不拉取、不检查、不对账",
            "Dagster's daemon ran its sensor last {seen:span} ago: no pulls, no checks, no reconciliation",
            "start dagster-daemon (docs/deployment.md), then: hub doctor",
            "启动 dagster-daemon（见 docs/deployment.md），再运行：hub doctor",
        )
    },
    "notifier": {
        "": Sentence(
            "告警发送进程已有 {silent:span}没有运行：没有人会收到告警",
            "the notifier has not run for {silent:span}: nobody is told of alerts",
            "hub notify",
        )
    },
    "process": {
        "": Sentence(
            "{process} 反复自行退出；每次都会重新启动",
            "{process} ends by itself again and again; it is started each time",
            "read {log}; hub doctor",
            "查看 {log}；hub doctor",
        ),
        "journal": Sentence(
            "{process} 反复自行退出；每次都会重新启动",
            "{process} ends by itself again and again; it is started each time",
            "read the journal of {process}; hub doctor",
            "查看 {process} 的系统日志；hub doctor",
        ),
    },
    "queue-age": {
        "": Sentence(
            "队列中最早的线索已等待 {age:span}",
            "the oldest lead in the queue has waited for {age:span}",
            "hub doctor; if loaders live, start one more: hub work",
            "hub doctor；若加载进程都在，再启动一个：hub work",
        )
    },
    "latency": {
        "": Sentence(
            "来源 {source}：最近 5 分钟 95 % 的线索入库用时在 {p95_ms} ms 以内，上限 {limit_ms} ms",
            "source {source}: 95 of 100 leads of the last 5 minutes took up to {p95_ms} ms to load;"
            " the limit is {limit_ms} ms",
            "hub source show {source}",
        ),
        "over": Sentence(
            "来源 {source}：最近 5 分钟的线索入库用时超过一小时，上限 {limit_ms} ms",
            "source {source}: 95 of 100 leads of the last 5 minutes took over an hour to load;"
            " the limit is {limit_ms} ms",
            "hub source show {source}",
        ),
    },
    "spool-used": {
        "": Sentence(
            "已确认的线索在本地缓存中，尚未进数据库：运行中的接收端有 {waiting} 条，最满的缓存已用 {fullest:share}",
            "acknowledged leads lie in spools and not in the database: {waiting} of living receivers,"
            " the fullest spool is {fullest:share} full",
            "hub doctor; a running hub receive drains them once it reaches the database",
            "hub doctor；数据库恢复后，运行中的 hub receive 会自动写入",
        )
    },
    "spool-refused": {
        "": Sentence(
            "数据库拒收 {refused} 条已确认的推送；仍留在本地缓存",
            "{refused} acknowledged deliveries are refused by the database; kept in the spool",
            "hub doctor; they are tried again when a receiver starts",
            "hub doctor；接收端启动时会再试",
        ),
    },
    "spool-damaged": {
        "": Sentence(
            "一个本地缓存文件有 {ranges} 处记录残缺或损坏；原始字节已保留",
            "{ranges} torn or damaged records in a spool file; the bytes are kept",
            "compare with the platform's own list for that time; see spool/damaged under HUB_HOME",
            "与平台后台同一时段的列表比对；原始字节在 HUB_HOME 的 spool/damaged",
        )
    },
    "disk": {
        "": Sentence(
            "{disk:disk}只剩 {free_mb} MB，占 {free:share}",
            "{disk:disk}: {free_mb} MB are free, {free:share} of the disk",
            "make room or grow the disk; hub doctor shows what the hub needs",
            "清理或扩容磁盘；hub doctor 会列出所需空间",
        ),
        "receiver": Sentence(
            "{host} 上接收端缓存所在磁盘只剩 {free_mb} MB，占 {free:share}",
            "the spool's disk on {host}: {free_mb} MB are free, {free:share} of the disk",
            "make room or grow the disk; hub doctor shows what the hub needs",
            "清理或扩容磁盘；hub doctor 会列出所需空间",
        ),
    },
    "clock": {
        "": Sentence(
            "数据库时钟比告警发送机器快 {apart:span}",
            "the database's clock is {apart:span} ahead of that of the notifier's machine",
            "timedatectl status (on both machines; one of them does not keep time), then: hub doctor",
            "在两台机器上运行 timedatectl status（其中一台没有对时），再运行：hub doctor",
        ),
        "behind": Sentence(
            "数据库时钟比告警发送机器慢 {apart:span}",
            "the database's clock is {apart:span} behind that of the notifier's machine",
            "timedatectl status (on both machines; one of them does not keep time), then: hub doctor",
            "在两台机器上运行 timedatectl status（其中一台没有对时），再运行：hub doctor",
        ),
    },
    "connections": {
        "": Sentence(
            "数据库的 {most} 个连接已用 {used} 个",
            "{used} of the database's {most} connections are taken",
            "hub doctor; then end what idles, or raise max_connections",
            "hub doctor，然后结束空闲连接，或调高 max_connections",
        )
    },
    "old-transaction": {
        "": Sentence(
            "有一个事务已打开 {age:span}，其后的失效行无法清理",
            "a transaction has been open for {age:span}; dead rows pile up behind it",
            "hub doctor; then end it: SELECT pg_terminate_backend(pid)",
            "hub doctor，然后结束该事务：SELECT pg_terminate_backend(pid)",
        )
    },
}

"""A morning of three channels: simulated platforms push to a real hub, and one of them loses an hour."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import yaml

import hub.connectors.meituan
from hub.alerts.reading import open_alerts
from hub.connectors.douyin import simulator as douyin
from hub.connectors.meituan import simulator as meituan
from hub.connectors.push_sender import BasePushSender, Habits
from hub.connectors.xiaohongshu import simulator as xiaohongshu
from hub.inbox import counts
from hub.model.ids import lead_id
from hub.settings import load_settings
from hub.steps.check_results import canonical_asset
from hub.steps.checks import evaluate
from hub.steps.sources.platform_count import ZONE
from tests.e2e.hub_processes import HubProcesses, wait_until

EXAMPLE = Path(hub.connectors.meituan.__file__).with_name("example.yaml")
LEADS = {"meituan": 140, "douyin": 180, "xiaohongshu": 140}
MORNING, HOURS = time(8, 0, tzinfo=ZONE), 4
LOST_FROM, LOST_UNTIL = time(9, 30, tzinfo=ZONE), time(10, 30, tzinfo=ZONE)
HOOK_SECRET = "path-secret-of-the-morning"
HABITS: Mapping[str, Any] = {
    "duplicate_share": 0.05,
    "lost_ack_share": 0.02,
    "reorder_within": 5,
    "at_once": 8,
    "retry_after_s": (0.1, 0.5, 1.0),
}


@dataclass
class MorningProcesses(HubProcesses):
    """The hub's processes with the secrets of the three platforms."""

    secrets: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> Mapping[str, str]:
        return {**super().environment, **self.secrets}


class Morning:
    """One hub, three platforms, the leads of yesterday's morning; `day` is the platforms' day."""

    def __init__(self, folder: Path, database_url: str, keys: str, engine: sa.Engine) -> None:
        self.folder, self.engine = folder, engine
        self.day: date = datetime.now(ZONE).date() - timedelta(days=1)
        self.began_at = datetime.combine(self.day, MORNING).astimezone(UTC)
        self.douyin = douyin.Simulator(1).start()
        self.meituan = meituan.Simulator(1)
        self.xiaohongshu = xiaohongshu.Simulator(1, clock=lambda: self.began_at)
        home = folder / "hub-home"
        home.mkdir()
        (home / "hub.yaml").write_text(yaml.safe_dump({"sources": self._sources()}), "utf-8")
        self.hub = MorningProcesses(
            home,
            database_url,
            keys,
            secrets={
                "HUB_TEST_HOOK": HOOK_SECRET,
                "HUB_TEST_APP": self.douyin.world.app_secret,
                "HUB_TEST_MEITUAN": self.meituan.world.app_secret,
                "HUB_TEST_XHS": self.xiaohongshu.world.app_secret,
            },
        )
        self.leads = self._leads()

    def _sources(self) -> dict[str, Any]:
        def signed(scheme: str, name: str, **more: str) -> dict[str, str]:
            return {"scheme": scheme, "secret_env": name, **more}

        options = self.douyin.options("HUB_TEST_APP")
        return {
            "douyin": {
                "platform": "douyin",
                "push": "clue_push",
                "pulls": ["clue"],
                "pull": {"page_size": 50},
                "signature": signed("static_path", "HUB_TEST_HOOK"),
                "options": {**options, "account_qps": 100, "developer_qps": 100},
            },
            "meituan": {
                "platform": "meituan",
                "push": "message_push",
                "signature": signed("sorted_sha1", "HUB_TEST_MEITUAN", field="sign"),
            },
            "xiaohongshu": {
                "platform": "xiaohongshu",
                "push": "form_push",
                "signature": signed(
                    "hmac_sha1", "HUB_TEST_XHS", header="X-Red-Signature", prefix="sha1="
                ),
            },
        }

    def _leads(self) -> dict[str, Sequence[Any]]:
        def every_s(channel: str) -> float:
            return HOURS * 3600 / LEADS[channel]

        at = self.began_at
        return {
            "douyin": self.douyin.world.add_clues(
                LEADS["douyin"], created_at=at, every_s=every_s("douyin")
            ),
            "meituan": self.meituan.world.add_clues(
                LEADS["meituan"], created_at=at, every_s=every_s("meituan")
            ),
            "xiaohongshu": self.xiaohongshu.world.add_clues(
                LEADS["xiaohongshu"], every_s=every_s("xiaohongshu")
            ),
        }

    # ---- the morning

    def begin(self) -> None:
        """Everything up, 美团's mapping published, 抖音 authorised."""
        self.hub.start("receiver")
        self.hub.start("loader-1")
        wait_until("the receiver", self.hub.is_ready)
        self.run("mapping", "publish", str(EXAMPLE), "--reason", "first contact")
        self.run("source", "authorize", "douyin", "--code", self.douyin.world.new_code())

    def lost_hour(self, channel: str) -> list[Any]:
        """The leads of a channel in the hour whose push is lost."""
        start, end = (datetime.combine(self.day, each) for each in (LOST_FROM, LOST_UNTIL))
        return [lead for lead in self.leads[channel] if start <= lead.created_at < end]

    def push(self, losing: str) -> None:
        """Every channel pushes, side by side; what `losing` sends between half past nine and half past ten is lost."""
        lost = {lead.key for lead in self.lost_hour(losing)}

        async def whole() -> list[Any]:
            sends = []
            for channel, sender in self._senders().items():
                gone = lost if channel == losing else set()
                wanted = [lead for lead in self.leads[channel] if lead.key not in gone]
                sends.append(sender.send(wanted, rate=80.0))
            return await asyncio.gather(*sends)

        for report in asyncio.run(whole()):
            assert report.given_up == []
        self.settle()

    def _senders(self) -> dict[str, BasePushSender[Any]]:
        hooks = f"{self.hub.url}/hooks"
        return {
            "douyin": douyin.PushSender(
                self.douyin.world, f"{hooks}/douyin/{HOOK_SECRET}", habits=Habits(**HABITS)
            ),
            "meituan": meituan.PushSender(
                self.meituan.world, f"{hooks}/meituan", habits=Habits(**HABITS)
            ),
            "xiaohongshu": xiaohongshu.PushSender(
                self.xiaohongshu.world,
                f"{hooks}/xiaohongshu",
                habits=xiaohongshu.Habits(**HABITS),
            ),
        }

    def settle(self) -> None:
        """Wait until the loader has nothing left to do."""
        wait_until("the queue to empty", self._is_idle)

    def _is_idle(self) -> bool:
        with self.engine.begin() as conn:
            return not counts.is_queue_filled(conn)

    def run(self, *arguments: str, expect: int = 0) -> str:
        """A command as a person types it; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "hub.cli.main", *arguments],
            env=dict(self.hub.environment), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == expect, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def count(self, channel: str, *more: str, expect: int = 0) -> dict[str, Any]:
        """`hub source count` of the day."""
        words = ("source", "count", channel, "--day", self.day.isoformat(), *more, "--json")
        found: dict[str, Any] = json.loads(self.run(*words, expect=expect))
        return found

    def export(self, channel: str) -> Path:
        """The console's export of the day: GBK, with the platform's lead ids, times of Beijing."""
        assert channel == "xiaohongshu"
        lines = ["线索ID,提交时间,姓名,手机号,意向项目,推广计划"]
        for lead in self.xiaohongshu.clues:
            at = lead.created_at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")
            wishes = "、".join(lead.wishes)
            lines.append(f"{lead.leads_id},{at},{lead.name},{lead.mobile},{wishes},演示计划")
        path = self.folder / "聚光线索.csv"
        path.write_bytes("\r\n".join([*lines, ""]).encode("gbk"))
        return path

    # ---- looking at it

    def expected(self) -> set[UUID]:
        """The leads that the three platforms say they have."""
        ids = {
            "douyin": [lead.clue_id for lead in self.leads["douyin"]],
            "meituan": [lead.lead_id for lead in self.leads["meituan"]],
            "xiaohongshu": [lead.leads_id for lead in self.leads["xiaohongshu"]],
        }
        return {
            lead_id("default", channel, "lead", external, 0)
            for channel, each in ids.items()
            for external in each
        }

    def stored(self) -> list[UUID]:
        """Every lead in the CRM."""
        with self.engine.begin() as conn:
            return list(conn.scalars(sa.text("SELECT id FROM crm.lead")))

    def alerts(self) -> dict[str, str]:
        """Open alerts about counts: key → severity."""
        with self.engine.begin() as conn:
            return {
                row["dedupe_key"]: row["severity"] for row in open_alerts(conn, "platform-count")
            }

    def check_passes(self, channel: str) -> bool:
        """The check `platform_count` of a source, as Dagster shows it."""
        settings = load_settings(self.hub.config)
        results = evaluate(self.engine, settings, datetime.now(UTC))
        asset = canonical_asset(channel)
        return next(
            one.passed for one in results if (one.asset, one.name) == (asset, "platform_count")
        )

    def verify(self) -> dict[str, Any]:
        """`hub verify --deep`."""
        found: dict[str, Any] = json.loads(self.run("verify", "--deep", "--json"))
        return found

    def close(self) -> None:
        """End everything."""
        self.hub.stop()
        self.douyin.stop()

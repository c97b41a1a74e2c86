"""The founding story with real processes: 星图 leads are pushed, overnight the payload changes, a person answers.

Everything is looked at from outside: a sender with its own list, a watcher on a connection of its own,
commands as a person types them.
"""

from __future__ import annotations

import copy
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import sqlalchemy as sa

from hub.crm.tables import lead
from hub.database.embedded import EmbeddedServer
from hub.database.migrate import upgrade
from hub.inbox.tables import held, queue
from hub.model.ids import lead_id, uuid7_floor
from hub.privacy.keyring import KeyRing, new_keys
from hub.registry.files import SchemaFiles
from hub.registry.tables import finding, mapping_publication
from hub.steps.publish import check_document, publish_checked
from hub.steps.verify import Verification, verify
from tests.e2e.hub_processes import SECRET, HubProcesses, wait_until

ROOT = Path(__file__).parents[2]
SOURCE, MERCHANT = "douyin_star", "agency"
CONFIG = f"""
merchants:
  - {{id: {MERCHANT}, name: 演示代运营}}
sources:
  {SOURCE}:
    platform: douyin
    merchant: {MERCHANT}
    owner: growth
    push: star_push
    signature: {{scheme: static_path, secret_env: HUB_TEST_PUSH_SECRET}}
"""
TAGS = (
    "fan_level", "interact_count", "follow_days", "spend_level",
    "interest_tags", "active_level", "device_type", "source_video",
)  # fmt: skip
DRIFT = "douyin-id-required"
RATE = 200.0
_LOOK_EVERY_S = 0.02
_LOOK_BACK_S = 2.0
_REVISIONS = "SELECT lead_id FROM crm.lead_revision WHERE record_id >= %s"
_MAPPED_ANEW = "SELECT count(*) FROM crm.lead WHERE id = ANY(%s) AND mapping_version = %s"
_PUBLISHED = (
    "SELECT EXISTS (SELECT 1 FROM registry.mapping_publication WHERE published_by = 'tester')"
)
_ALERT = "SELECT EXISTS (SELECT 1 FROM alerts.alert WHERE dedupe_key LIKE 'drift:%')"


@dataclass(frozen=True)
class Length:
    """How long a story is, in leads: where the payload changes, when a person publishes, how many at least."""

    change_at: int
    publish_at: int
    leads: int


def strict_documents() -> tuple[dict[str, Any], dict[str, Any]]:
    """Mapping and contract as the agency's CRM had them: nothing unknown is let in, the UID is the 抖音号."""
    files = SchemaFiles(ROOT / "schemas")
    contract = copy.deepcopy(dict(files.contract("raw/douyin/star_push/1-0-0")))
    contract["$id"] = "raw/douyin/star_push/2-0-0"
    contract["additionalProperties"] = False
    contract["required"] = [*contract["required"], "uid", "phone"]
    mapping = copy.deepcopy(files.mapping("douyin/star_push/1-0-0"))
    mapping |= {"mapping": "douyin/star_push/2-0-0", "from": contract["$id"]}
    mapping["off_contract"] = "hold"
    del mapping["fields"]["platform_state.uid"]
    mapping["fields"]["douyin_id"] = "uid"
    example = mapping["tests"][0]
    doc = example["expect"]["doc"]
    doc["douyin_id"] = doc["platform_state"].pop("uid")
    mapping["tests"] = [example]
    return mapping, contract


@dataclass(frozen=True)
class SentLead:
    """A lead that was acknowledged to the sender; instants are Unix seconds."""

    number: int
    id: UUID
    sent_at: float
    acknowledged_at: float


class Sent:
    """The platform's process, and its own list of what was acknowledged."""

    def __init__(self, url: str, change_at: int, keyring: KeyRing) -> None:
        self._command = [
            sys.executable, "-m", "tests.e2e.star_sender", url, str(RATE), DRIFT, str(change_at),
        ]  # fmt: skip
        self._keyring = keyring
        self._process: subprocess.Popen[str] | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self.leads: list[SentLead] = []
        self.given_up: list[str] | None = None

    def start(self) -> None:
        """Push at a steady rate until `stop`."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=dict(os.environ)
        )
        self._reader.start()

    def stop(self) -> None:
        """Send no new lead; wait until every one is acknowledged or given up."""
        if self._process is not None:
            self._process.terminate()
            self._reader.join(60)
            self._process.wait(10)
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            if "given_up" in told:
                self.given_up = told["given_up"]
                continue
            key = self._keyring.synthetic_id("douyin/star_clue", *told["identity"])
            lead_key = lead_id(MERCHANT, SOURCE, "lead", key, 0)
            self.leads.append(SentLead(told["number"], lead_key, *told["times"]))


class Watcher:
    """Looks at the store from outside: when leads, the first alert about drift, the publication were there."""

    def __init__(self, url: str) -> None:
        self.seen: dict[UUID, float] = {}
        self.alert_at: float | None = None
        self.live_at: float | None = None
        self._url = _plain(url)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Look fifty times a second until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as conn:
            while not self._stop.wait(_LOOK_EVERY_S):
                self._look(conn)

    def _look(self, conn: psycopg.Connection[Any]) -> None:
        since = uuid7_floor(datetime.fromtimestamp(time.time() - _LOOK_BACK_S, UTC))
        rows = conn.execute(_REVISIONS, (since,), prepare=True, binary=True).fetchall()
        now = time.time()
        for (found,) in rows:
            self.seen.setdefault(found, now)
        if self.alert_at is None:
            self.alert_at = now if _is_so(conn, _ALERT) else None
        elif self.live_at is None:
            self.live_at = now if _is_so(conn, _PUBLISHED) else None


@dataclass
class Story:
    """One hub and its story; `figures` are what was measured."""

    folder: Path
    length: Length
    strict: bool
    figures: dict[str, float] = field(default_factory=dict)
    held_before: int = 0
    published_at: float = 0.0
    replayed_at: float = 0.0

    def __post_init__(self) -> None:
        self.server = EmbeddedServer.start(self.folder / "pg-home")
        self.engine = sa.create_engine(self.server.url, poolclass=sa.NullPool)
        upgrade(self.engine)
        self.keys = new_keys()
        self.keyring = KeyRing.parse(self.keys)
        home = self.folder / "hub-home"
        home.mkdir()
        (home / "hub.yaml").write_text(CONFIG, "utf-8")
        self.hub = HubProcesses(home, self.server.url, json.dumps(self.keys))
        hook = f"{self.hub.url}/hooks/{SOURCE}/{SECRET}"
        self.sent = Sent(hook, self.length.change_at, self.keyring)
        self.watcher = Watcher(self.server.url)

    # ---- the story

    def begin(self) -> None:
        """A hub with two loaders; if it is strict, with a mapping of the merchant's own."""
        if self.strict:
            mapping, contract = strict_documents()
            checked = check_document(SchemaFiles(ROOT / "schemas"), mapping, contract)
            publish_checked(
                self.engine, checked, merchant=MERCHANT, published_by="agency", reason="own rules"
            )
        for role in ("receiver", "loader-1", "loader-2"):
            self.hub.start(role)
        wait_until("the receiver", self.hub.is_ready)
        self.watcher.start()
        self.sent.start()

    def wait_for_leads(self, count: int) -> None:
        """Go on when so many leads were acknowledged."""
        wait_until(f"{count} leads", lambda: len(self.sent.leads) >= count, seconds=120)

    def wait_for_alert(self) -> None:
        """Go on when an alert about drift is there."""
        wait_until("an alert about drift", lambda: self.watcher.alert_at is not None, seconds=60)

    def findings(self) -> list[sa.RowMapping]:
        """The open findings."""
        with self.engine.connect() as conn:
            query = sa.select(finding).where(finding.c.state == "open")
            return list(conn.execute(query.order_by(finding.c.pointer)).mappings())

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A `hub` command as a person types it."""
        done = subprocess.run(
            [sys.executable, "-m", "hub.cli.main", *command],
            env=dict(self.hub.environment), capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise AssertionError(f"hub {' '.join(command)}: {done.stdout}{done.stderr}")
        return done

    def publish(self, finding_id: str, *answers: str) -> None:
        """Answer the questions and publish; the instant is that of the row that makes it live."""
        self.held_before = self.held()
        given = [part for answer in answers for part in ("--answer", answer)]
        self.run(
            "drift", "publish", finding_id, "--by", "tester", "--reason", "用户抖音号", "--no-wait",
            *given,
        )  # fmt: skip
        with self.engine.connect() as conn:
            newest = sa.select(mapping_publication).order_by(mapping_publication.c.id.desc())
            row = conn.execute(newest.limit(1)).mappings().one()
        self.version = f"{row['platform']}/{row['entity']}/{row['version']}"
        self.published_at = row["published_at"].timestamp()

    def wait_for_replay(self) -> None:
        """Go on when all that came changed before the publication is in the CRM under the new version."""
        ids = [each.id for each in self.affected()]
        with psycopg.connect(_plain(self.server.url), autocommit=True) as conn:

            def is_done() -> bool:
                row = conn.execute(_MAPPED_ANEW, (ids, self.version), binary=True).fetchone()
                return row is not None and row[0] == len(ids)

            wait_until("the replay", is_done, seconds=120)
        self.replayed_at = time.time()
        self.figures["replayed_after_s"] = self.replayed_at - self.published_at

    def end(self) -> Verification:
        """Stop sending, let everything come to rest, verify all of it."""
        self.sent.stop()
        wait_until("the queue to empty", self._is_empty, seconds=120)
        self.watcher.stop()
        self._measure()
        return verify(self.engine, self.keyring, spool=self.hub.home / "spool", deep=True)

    def close(self) -> None:
        """End the processes and the server."""
        self.sent.stop()
        self.watcher.stop()
        self.hub.stop()
        self.engine.dispose()
        self.server.release()

    # ---- looking

    def changed(self) -> list[SentLead]:
        """Acknowledged leads in the new form."""
        return [each for each in self.sent.leads if each.number >= self.length.change_at]

    def affected(self) -> list[SentLead]:
        """Those of them that were acknowledged before the publication."""
        return [each for each in self.changed() if each.acknowledged_at < self.published_at]

    def held(self) -> int:
        """How many records are held."""
        return self._count(sa.select(sa.func.count()).select_from(held))

    def documents(self) -> dict[UUID, dict[str, Any]]:
        """Every lead of the CRM, opened."""
        with self.engine.connect() as conn:
            rows = conn.execute(sa.select(lead.c.id, lead.c.sealed)).all()
        return {
            row.id: msgspec.json.decode(self.keyring.unseal(row.sealed, row.id.bytes))
            for row in rows
        }

    def latency_ms(self, since: float, until: float) -> list[float]:
        """Sent → seen of the leads that were sent in [since, until)."""
        return [
            1000 * (self.watcher.seen.get(each.id, each.sent_at + 3600) - each.sent_at)
            for each in self.sent.leads
            if since <= each.sent_at < until
        ]

    def _measure(self) -> None:
        first = min(each.sent_at for each in self.changed())
        warm = sorted(each.sent_at for each in self.sent.leads)[self.length.change_at // 4]
        before = self.latency_ms(warm, first)
        # What was sent before the commit may have been taken by a batch of the old version.
        during = self.latency_ms(self.watcher.live_at or 0.0, self.replayed_at)
        self.figures |= {
            "alert_after_s": (self.watcher.alert_at or 0.0) - first,
            "leads": len(self.sent.leads),
            "affected": len(self.affected()),
            "held": self.held_before,
            "live_before": len(before),
            "live_during": len(during),
            "p99_before_ms": percentile_99(before),
            "p99_during_ms": percentile_99(during),
        }

    def _is_empty(self) -> bool:
        return not self._count(sa.select(sa.func.count()).select_from(queue))

    def _count(self, query: sa.Select[tuple[int]]) -> int:
        with self.engine.connect() as conn:
            return int(conn.execute(query).scalar_one())


def _is_so(conn: psycopg.Connection[Any], query: str) -> bool:
    row = conn.execute(query.encode()).fetchone()
    return row is not None and bool(row[0])


def _plain(url: str) -> str:
    """A URL as psycopg takes it."""
    return url.replace("postgresql+psycopg://", "postgresql://")


def percentile_99(values: list[float]) -> float:
    """The 99th percentile, the largest of fewer than a hundred, 0 of none."""
    if len(values) < 2:
        return max(values, default=0.0)
    return statistics.quantiles(values, n=100, method="inclusive")[98]

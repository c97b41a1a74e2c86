"""A hub with a morning behind it, as a data engineer finds it: one source drifted, one silent, the others well."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import yaml

from hub.connectors.douyin.simulator import Simulator
from hub.database.engine import driver
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.ops.tables import loader, window
from hub.ops.windows import BUCKETS, WINDOW, window_start
from hub.privacy.keyring import KeyRing
from hub.registry.live import publish
from hub.registry.tables import source
from hub.settings import HubSettings, load_settings
from hub.steps.sources.authorize import finish_authorization
from hub.steps.sources.grant import grant_of
from hub.steps.work import drain_queue
from tests.e2e.hub_processes import free_port, wait_until
from tests.store.drift_hub import a_new_star_push, a_star_push, strict_documents

ROOT = Path(__file__).parents[2]
CONFIG = """
sources:
  douyin-star:
    platform: douyin
    name: 抖音星图
    push: star_push
    owner: growth@example.com
  douyin-main:
    platform: douyin
    name: 抖音主账号
    account: "1001"
    push: clue_push
    pulls: [clue]
    owner: ops@example.com
    pull: {every_s: 86400}
  xhs-form:
    platform: xiaohongshu
    name: 小红书表单
    push: form_push
    owner: growth@example.com
forms:
  site:
    name: 官网表单
    owner: web@example.com
    origins: ["http://127.0.0.1"]
"""
OLD_PUSHES, NEW_PUSHES, DAILY_CLUES = 60, 37, 8
SECRET_ENV = "COCKPIT_APP_SECRET"


def _key(byte: int) -> str:
    return base64.b64encode(bytes([byte]) * 32).decode()


KEYS = {"active": 1, "sealing": {"1": _key(1)}, "index": _key(2), "id": _key(3)}


@dataclass(frozen=True)
class CockpitHub:
    """A hub's home under `folder`, on the database at `url`."""

    folder: Path
    url: str
    engine: sa.Engine
    simulator: Simulator

    @property
    def keyring(self) -> KeyRing:
        return KeyRing.parse(KEYS)

    @property
    def config(self) -> Path:
        return self.folder / "hub.yaml"

    @property
    def settings(self) -> HubSettings:
        return load_settings(self.config)

    @property
    def environment(self) -> dict[str, str]:
        """What its processes find."""
        return {
            **os.environ,
            "HUB_HOME": str(self.folder / "hub"),
            "HUB_CONFIG": str(self.config),
            "HUB_DATABASE_URL": self.url,
            "HUB_KEYS": json.dumps(KEYS),
            SECRET_ENV: self.simulator.world.app_secret,
        }

    def fill(self, now: datetime) -> None:
        """A morning of leads; then 星图 gains a required field, and the mapping in use lets nothing new in."""
        document = yaml.safe_load(CONFIG)
        document["sources"]["douyin-main"]["options"] = self.simulator.options(SECRET_ENV)
        self.config.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
        self.work_windows(now)
        self.load("douyin-star", "star_push", [])  # registers sources and shipped mappings
        mapping, contract = strict_documents()
        with self.engine.begin() as conn:
            conn.execute(sa.update(source).values(created_at=now - timedelta(days=9)))
            publish(
                conn, mapping, contract=contract, merchant="default",
                published_by="ops", reason="the agency's own",
            )  # fmt: skip
        old = [a_star_push(n) for n in range(OLD_PUSHES)]
        new = [a_new_star_push(n) for n in range(OLD_PUSHES, OLD_PUSHES + NEW_PUSHES)]
        self.load("douyin-star", "star_push", old)
        self.load("douyin-star", "star_push", new)
        self.authorize(now)

    def authorize(self, now: datetime) -> None:
        """Let the hub ask the simulated platform, which has leads of two days."""
        world = self.simulator.world
        for days in (1, 2):
            world.add_clues(DAILY_CLUES, created_at=now - timedelta(days=days), every_s=1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(SECRET_ENV, world.app_secret)
            grant = grant_of(self.engine, self.keyring, self.settings, "douyin-main")
            finish_authorization(grant, code=world.new_code(), now=now)

    def work_windows(self, now: datetime) -> None:
        """What loaders counted in the last minutes: a few leads of two sources in every window, one report long."""
        last = window_start(now) - 3 * WINDOW
        with self.engine.begin() as conn:
            number = conn.execute(
                sa.insert(loader).values(name="loader").returning(loader.c.id)
            ).scalar_one()
            rows = [
                self._row(source_key, version, last - place * WINDOW, number, place)
                for place in range(50)
                for source_key, version in (
                    ("douyin-main", "douyin/clue_push/1-0-0"),
                    ("form-site", "webform/form/1-0-3"),
                )
            ]
            conn.execute(sa.insert(window), rows)

    def _row(
        self, source_key: str, version: str, start: datetime, number: int, place: int
    ) -> dict[str, Any]:
        leads = 4 + (place * 7 + len(source_key)) % 11
        buckets = [0] * BUCKETS
        buckets[3 + place % 4] = leads - 1
        buckets[7 + place % 3] = 1
        return {
            "merchant": "default",
            "source_key": source_key,
            "window_start": start,
            "loader": number,
            "mapping_version": version,
            "loaded": leads,
            "revised": place % 3,
            "latency": buckets,
        }

    def load(self, source_key: str, shape: str, payloads: Sequence[Mapping[str, Any]]) -> None:
        """Payloads as a receiver stores them, taken by a loader."""
        self.store(source_key, shape, payloads)
        drain_queue(self.engine, self.keyring, self.settings, name="loader")

    def store(self, source_key: str, shape: str, payloads: Sequence[Mapping[str, Any]]) -> None:
        """Payloads as a receiver stores them, with nobody to take them."""
        source = self.settings.all_sources()[source_key]
        now = datetime.now(UTC)
        via = Via.FORM if shape == "form" else Via.PUSH
        deliveries = [
            seal_delivery(
                self.keyring, source_key, source,
                Envelope(shape=shape, body=json.dumps(body, ensure_ascii=False).encode(), **_form(shape)),
                Arrival(via, now + timedelta(microseconds=n), f"{now.isoformat()}-{n}"),
            )
            for n, body in enumerate(payloads)
        ]  # fmt: skip
        with self.engine.begin() as conn:
            store_deliveries(driver(conn), deliveries, receiver="test")


def _form(shape: str) -> dict[str, Any]:
    if shape != "form":
        return {}
    return {"content_type": "application/json", "context": {"form": "site"}}


@dataclass(frozen=True)
class Dagster:
    """A running Dagster at `url`."""

    url: str
    hub: CockpitHub

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a GraphQL answer."""
        answer = httpx.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=30
        ).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]


_LOCATION = """{ workspaceOrError { ... on Workspace { locationEntries {
  loadStatus locationOrLoadError { __typename ... on PythonError { message } } } } } }"""


@contextmanager
def running_dagster(hub: CockpitHub) -> Iterator[Dagster]:
    """Webserver and daemon on `hub`, ready; ended in good order afterwards."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "hub.definitions.serve", "--port", str(port)],
        cwd=ROOT,
        env=hub.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == f"dagster: http://127.0.0.1:{port}\n"
        found = Dagster(f"http://127.0.0.1:{port}", hub)
        wait_until("the code location", lambda: _is_loaded(found))
        yield found
    finally:
        server.terminate()
        server.communicate(timeout=60)
    assert server.returncode == 0


def _is_loaded(found: Dagster) -> bool:
    entry = found.ask(_LOCATION)["workspaceOrError"]["locationEntries"][0]
    if entry["loadStatus"] != "LOADED":
        return False
    located = entry["locationOrLoadError"]
    assert located["__typename"] == "RepositoryLocation", located.get("message")
    return True

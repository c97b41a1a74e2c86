"""A real Dagster on a populated hub, looked at in Chromium as a data engineer would."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect, sync_playwright

from hub.crm.tables import lead
from hub.database.engine import driver, make_engine
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.ops.tables import loader, window
from hub.ops.windows import BUCKETS
from hub.privacy.keyring import KeyRing
from hub.settings import load_settings

pytestmark = [pytest.mark.dagster, pytest.mark.browser, pytest.mark.postgres]

ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HUB_YAML = """
sources:
  douyin-main:
    platform: douyin
    name: 抖音主账号
    account: "1001"
    push: clue_push
    pulls: [clue]
    owner: ops@example.com
    pull: {every_s: 86400}
forms:
  site:
    name: 官网表单
    origins: ["http://127.0.0.1"]
"""
_LOCATION = """{ workspaceOrError { ... on Workspace { locationEntries {
  loadStatus locationOrLoadError { __typename ... on PythonError { message } } } } } }"""
_MATERIALIZED = """query ($keys: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $keys) { assetKey { path } assetMaterializations(limit: 1) { timestamp } }
}"""
SHOWN = [
    ["raw", "douyin-main"],
    ["canonical", "douyin-main"],
    ["raw", "form-site"],
    ["canonical", "form-site"],
    ["crm", "lead"],
    ["crm", "contact"],
    ["crm", "touchpoint"],
    ["ops", "loader_heartbeat"],
]


@dataclass(frozen=True)
class RunningDagster:
    """A Dagster that answers at `url`, on the hub whose store is `engine`."""

    url: str
    engine: sa.Engine
    config: Path

    def ask(self, query: str, **variables: Any) -> Any:
        answer = httpx.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=20
        )
        return answer.json()["data"]

    def load_location(self) -> None:
        """Wait for the code location; if it does not load, say why."""
        until(lambda: self._location()["loadStatus"] == "LOADED", within_s=60)
        found = self._location()["locationOrLoadError"]
        assert found["__typename"] == "RepositoryLocation", found["message"]

    def _location(self) -> Any:
        return self.ask(_LOCATION)["workspaceOrError"]["locationEntries"][0]

    def materialized(self, keys: list[list[str]]) -> bool:
        nodes = self.ask(_MATERIALIZED, keys=[{"path": key} for key in keys])["assetNodes"]
        return len(nodes) == len(keys) and all(node["assetMaterializations"] for node in nodes)


def until(condition: Callable[[], object], *, within_s: float) -> None:
    """Wait for another process; fails when it takes too long."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s"
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _key(byte: int) -> str:
    return base64.b64encode(bytes([byte]) * 32).decode()


KEYS = {"active": 1, "sealing": {"1": _key(1)}, "index": _key(2), "id": _key(3)}


def fill_windows(engine: sa.Engine) -> None:
    """What a loader left behind: five finished windows of two sources."""
    start = datetime.fromtimestamp(int(time.time()) // 30 * 30, UTC)
    with engine.begin() as conn:
        number = conn.execute(
            sa.insert(loader).values(name="loader").returning(loader.c.id)
        ).scalar_one()
        for place in range(2, 7):
            for source_key, version in (
                ("douyin-main", "douyin/clue_push/1-0-0"),
                ("form-site", "webform/form/1-0-0"),
            ):
                conn.execute(
                    sa.insert(window).values(
                        merchant="default",
                        source_key=source_key,
                        window_start=start - timedelta(seconds=30 * place),
                        loader=number,
                        mapping_version=version,
                        loaded=10 + place,
                        revised=1,
                        latency=[0, 11 + place, *([0] * (BUCKETS - 2))],
                    )
                )


def submit_form(running: RunningDagster) -> None:
    """A form as the receiver stores it, with no loader that would take it."""
    submission = {"submission_id": "s-1", "fields": {"name": "测试一", "mobile": "19900001001"}}
    envelope = Envelope(
        shape="form",
        body=json.dumps(submission).encode(),
        content_type="application/json",
        context={"form": "site"},
    )
    source = load_settings(running.config).all_sources()["form-site"]
    delivery = seal_delivery(
        KeyRing.parse(KEYS), "form-site", source, envelope, Arrival(Via.FORM, datetime.now(UTC))
    )
    with running.engine.begin() as conn:
        store_deliveries(driver(conn), [delivery], receiver="test")


@pytest.fixture(scope="module")
def dagster(
    test_server: Any, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningDagster]:
    folder = tmp_path_factory.mktemp("dagster")
    (folder / "hub.yaml").write_text(HUB_YAML, "utf-8")
    database = test_server.create(template_database)
    engine = make_engine(test_server.url_of(database))
    fill_windows(engine)
    port = free_port()
    environment = {
        **os.environ,
        "HUB_HOME": str(folder / "hub"),
        "HUB_CONFIG": str(folder / "hub.yaml"),
        "HUB_DATABASE_URL": test_server.url_of(database),
        "HUB_KEYS": json.dumps(KEYS),
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "hub.definitions.serve", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == f"dagster: http://127.0.0.1:{port}\n"
        running = RunningDagster(f"http://127.0.0.1:{port}", engine, folder / "hub.yaml")
        running.load_location()
        yield running
    finally:
        server.terminate()
        server.communicate(timeout=30)
        engine.dispose()
        test_server.drop(database)
    assert server.returncode == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        reason = "chromium is not installed: `make browser` installs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def page(
    browser: Browser, dagster: RunningDagster, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1600, "height": 1000}, base_url=dagster.url)
    yield opened
    opened.screenshot(path=tmp_path / f"{request.node.name}.png")
    opened.close()


def test_the_asset_graph_shows_what_the_loader_did(dagster, page, tmp_path):
    """Nothing was clicked and no run was started: the sensor alone reported it."""
    until(lambda: dagster.materialized(SHOWN), within_s=90)
    page.goto("/asset-groups")
    for group in ("raw", "canonical", "crm", "ops"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible(timeout=30_000)

    page.screenshot(path=tmp_path / "groups.png")
    page.goto("/locations/lead-hub/asset-groups/crm/lineage")
    for name in ("lead", "contact", "touchpoint"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Materialized").first).to_be_visible(timeout=30_000)


def test_an_asset_page_shows_numbers_columns_and_freshness(dagster, page):
    until(lambda: dagster.materialized(SHOWN), within_s=90)
    page.goto("/assets/canonical/douyin-main")

    for text in (
        "mapping_version",
        "douyin/clue_push/1-0-0",
        "loader window",
        "p99_ms",
        "手机号 ← telephone",
    ):
        expect(page.get_by_text(text).first).to_be_visible(timeout=30_000)


def test_a_click_loads_what_is_queued_when_no_loader_runs(dagster, page):
    submit_form(dagster)
    page.goto("/assets/crm/lead")
    page.get_by_role("button", name="Materialize").first.click()

    def is_loaded() -> object:
        with dagster.engine.begin() as conn:
            return conn.execute(sa.select(sa.func.count()).select_from(lead)).scalar_one() == 1

    until(is_loaded, within_s=90)

"""What a newcomer finds in Dagster within a minute, looked at in Chromium; HUB_WRITE_PICTURES=1 keeps the pictures."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from hub.connectors.douyin.simulator import Simulator
from hub.database.engine import make_engine
from hub.ops.platform_counts import read_counts
from hub.steps.finance.metrics import ZONE
from tests.e2e import test_dagster_ui
from tests.e2e.cockpit_hub import DAILY_CLUES, NEW_PUSHES, CockpitHub, Dagster, running_dagster
from tests.e2e.hub_processes import wait_until

pytestmark = [pytest.mark.dagster, pytest.mark.browser, pytest.mark.postgres]
browser = test_dagster_ui.browser

# Read when the module is: each test finds no HUB_* of its caller.
WRITE = os.environ.get("HUB_WRITE_PICTURES") == "1"
PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
START = "/assets/0_start_here/sources"
STAR = "/assets/canonical/douyin-star"
SHOWN_MS = 30_000
_FRESH = """query ($keys: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $keys) { freshnessStatusInfo { freshnessStatus } } }"""
_BACKFILL = """mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_STATUS = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status numPartitions } } }"""
_RUNS = """query ($id: String!) { runsOrError(filter: {tags: [{key: "dagster/backfill", value: $id}]}) {
  ... on Runs { results { status tags { key value } eventConnection { events {
    ... on ExecutionStepFailureEvent { error { message } failureMetadata { description } } } } } } } }"""


@pytest.fixture(scope="module")
def dagster(
    test_server: Any, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dagster]:
    database = test_server.create(template_database)
    url = test_server.url_of(database)
    engine = make_engine(url)
    try:
        with Simulator(seed=5) as simulator:
            hub = CockpitHub(tmp_path_factory.mktemp("cockpit"), url, engine, simulator)
            with ThreadPoolExecutor(1) as beside:  # the browser's event loop runs in this thread
                beside.submit(hub.fill, datetime.now(UTC)).result()
            with running_dagster(hub) as running:
                keys = [["0_start_here", "sources"], ["canonical", "douyin-star"]]
                wait_until("the sensor's events", lambda: is_shown(running, keys), seconds=120)
                yield running
    finally:
        engine.dispose()
        test_server.drop(database)


@pytest.fixture
def page(browser: Browser, dagster: Dagster) -> Iterator[Page]:
    opened = browser.new_page(
        viewport={"width": 1500, "height": 950},
        base_url=dagster.url,
        timezone_id=ZONE.key,
    )
    yield opened
    opened.close()


def is_shown(dagster: Dagster, keys: list[list[str]]) -> bool:
    """Whether the sensor reported them and the daemon judged them since: an open page does not ask again."""
    nodes = dagster.ask(_FRESH, keys=[{"path": key} for key in keys])["assetNodes"]
    found = [node["freshnessStatusInfo"] for node in nodes]
    return [one and one["freshnessStatus"] for one in found] == ["HEALTHY"] * len(keys)


def shows(page: Page, *texts: str | re.Pattern[str]) -> None:
    for text in texts:
        expect(page.get_by_text(text).first).to_be_visible(timeout=SHOWN_MS)


def is_loaded(page: Page) -> None:
    expect(page.get_by_text("Loading...")).to_have_count(0, timeout=SHOWN_MS)


def keep(page: Page, name: str) -> None:
    """Wait for all of the navigation; write the page into the documents, if that was asked for."""
    expect(page.get_by_text("Jobs", exact=True).first).to_be_visible(timeout=2 * SHOWN_MS)
    if WRITE:
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


def test_the_catalog_begins_with_where_to_look(page):
    page.goto("/assets")
    shows(page, re.compile("Start here: every source"), "Materialized")
    is_loaded(page)
    names = page.locator("a[href*='/assets/']").all_inner_texts()

    assert "sources" in next(name for name in names if name.strip())
    keep(page, "assets")


def test_the_first_page_says_who_is_unwell_since_when_why_and_what_to_run(page):
    page.set_viewport_size({"width": 1500, "height": 1150})
    page.goto(START)
    shows(
        page,
        "Start here: every source on one page",
        re.compile(rf"{NEW_PUSHES} held: contract; field_added_required ×9"),
        re.compile("hub drift show d"),
        "nothing ever came",
        "hub source check xhs-form",
    )
    expect(page.get_by_text("Passing").first).to_be_visible(timeout=2 * SHOWN_MS)
    keep(page, "overview")


def test_everything_that_fails_stands_in_one_table(page):
    page.goto(f"{START}?view=checks&checkDetail=everything_is_well")

    shows(page, "everything_is_well", "canonical/douyin-star", "No record has ever arrived.")


def test_the_page_of_a_source_leads_to_its_owner_and_its_failing_checks(page):
    page.goto(STAR)
    shows(page, "Latest check results", "growth@example.com", "source: douyin_star")
    shows(page, re.compile("Unwell\\? Open the tab Checks"), "手机号 ← phone")
    expect(page.get_by_text("Passing").first).to_be_visible(timeout=2 * SHOWN_MS)
    keep(page, "source")


def test_numbers_of_every_window_are_plotted(page):
    page.goto("/assets/canonical/douyin-main?view=events")
    shows(page, "loaded", "p95_ms")
    page.goto("/assets/canonical/douyin-main")
    page.get_by_text("Plots").first.scroll_into_view_if_needed(timeout=SHOWN_MS)
    page.get_by_text("Plots").first.click()
    expect(page.locator("canvas").first).to_be_visible(timeout=SHOWN_MS)
    page.get_by_text("p95_ms", exact=True).last.scroll_into_view_if_needed(timeout=SHOWN_MS)
    keep(page, "plots")


def test_a_failing_check_shows_what_changed_with_a_command_for_each(page):
    page.goto(f"{STAR}?view=checks&checkDetail=drift")
    shows(
        page,
        re.compile(
            rf"9 change\(s\) since .*; {NEW_PUSHES} record\(s\) held\. Run: hub drift show"
        ),
        "/douyin_id",
        "field_added_required",
    )
    keep(page, "failing-check")


def test_the_lineage_goes_from_what_was_sent_to_the_customer(page):
    page.goto("/assets/canonical/douyin-star?view=lineage&lineageScope=neighbors")
    for name in ("douyin-star", "lead", "contact"):
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=SHOWN_MS)
    is_loaded(page)
    keep(page, "lineage")


def backfilled(dagster: Dagster, asset: list[str], days: list[date]) -> tuple[str, list[Any]]:
    """A backfill launched as the UI does and taken up by the daemon, done: its id and its runs."""
    asked = {"assetSelection": [{"path": asset}], "partitionNames": [str(day) for day in days]}
    launched = dagster.ask(_BACKFILL, params=asked)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    backfill = str(launched["backfillId"])

    def status() -> Any:
        return dagster.ask(_STATUS, id=backfill)["partitionBackfillOrError"]

    wait_until("the backfill's end", lambda: status()["status"] != "REQUESTED", seconds=240)
    runs = dagster.ask(_RUNS, id=backfill)["runsOrError"]["results"]
    failures = [event for run in runs for event in run["eventConnection"]["events"] if event]
    assert {run["status"] for run in runs} == {"SUCCESS"}, failures
    assert status() == {"status": "COMPLETED_SUCCESS", "numPartitions": len(days)}
    return backfill, runs


def test_three_days_are_replayed_by_a_backfill_in_one_run(dagster, page):
    today = datetime.now(ZONE).date()
    days = [today - timedelta(days=back) for back in (2, 1, 0)]
    backfill, [run] = backfilled(dagster, ["replay", "douyin-star"], days)
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}

    assert tags["source"] == "douyin-star"
    assert tags["mapping_version"] == "douyin/star_push/1-0-7"
    page.goto(f"/runs/b/{backfill}")
    shows(page, "replay / douyin-star", "100% completed")
    keep(page, "backfill")


@pytest.mark.chaos
def test_two_days_are_counted_at_the_platform_by_a_backfill_of_a_run_each(dagster):
    """Leads of these days were never pushed: the count pulls them, and says so."""
    today = datetime.now(ZONE).date()
    days = [today - timedelta(days=back) for back in (2, 1)]
    _, runs = backfilled(dagster, ["platform_count", "douyin-main"], days)
    with dagster.hub.engine.begin() as conn:
        counts = read_counts(conn, since=days[0], source_key="douyin-main")

    assert len(runs) == 2
    assert sum(one.stated for one in counts) == 2 * DAILY_CLUES
    assert all(one.missing == 0 for one in counts)


@pytest.mark.parametrize("job", ["pull", "replay", "reconcile", "export", "retention"])
def test_the_launch_pad_proposes_a_configuration(page, job):
    page.goto(f"/locations/lead-hub/jobs/{job}/playground")

    shows(page, "Launch run", "ops:")

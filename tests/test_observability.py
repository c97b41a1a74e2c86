"""The dashboard, the alert rules and the page about metrics speak of metrics that exist, and of all of them."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from hub.cli.main import GROUPS, SINGLES
from hub.model.delivery import Lane
from hub.privacy.keyring import KeyRing
from hub.receiver.access import Answer
from hub.receiver.app import ReceiverSetup, create_app
from hub.receiver.metrics import ReceiverMetrics
from hub.settings import HubSettings, SourceSettings
from hub.steps.load import BatchResult
from hub.steps.running.loader_metrics import LoaderMetrics
from hub.steps.running.store_metrics import registry_of
from tests.store.test_store_metrics import ROWS

pytestmark = pytest.mark.postgres
ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "observability.md").read_text("utf-8")
DASHBOARD = json.loads((ROOT / "deploy/grafana/lead-hub.json").read_text("utf-8"))
RULES = yaml.safe_load((ROOT / "deploy/prometheus/rules.yaml").read_text("utf-8"))
SCRAPED = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yaml").read_text("utf-8"))
SETTINGS = HubSettings(sources={"ads": SourceSettings(platform="douyin", pulls=("clue",))})

# Of Prometheus and its client library; all others must be ours.
OUTSIDE = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
NAME = re.compile(r"\b(?:hub|process)_[a-z0-9_]+|\bup\b")
GROUPED = re.compile(r"\bby \(([^)]*)\)")
MATCHED = re.compile(r"\{([^}]*)\}")
OF_SCRAPES = {"job", "instance", "le"}


def receiver_text(keyring: KeyRing, folder: Path) -> str:
    setup = ReceiverSetup(SETTINGS, keyring, "postgresql+psycopg://x@127.0.0.1:1/x", folder, "r-1")

    async def scrape() -> str:
        transport = httpx.ASGITransport(app=create_app(setup))
        async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
            return (await client.get("/metrics")).text

    return asyncio.run(scrape())


def one_of_each_text() -> str:
    """What the receiver shows only once something has happened."""
    receiver = ReceiverMetrics(["ads"])
    receiver.answered("/hooks/{source}", "ads", 200, 0.01)
    receiver.rejected("ads", kept=True)
    loader = LoaderMetrics(["ads"])
    loader.note(
        BatchResult(
            1, {"loaded": 1}, {("ads", "loaded"): 1}, [("ads", datetime.now(UTC))], Lane.LIVE, 0.1
        )
    )
    return receiver.text().decode() + generate_latest(loader.registry).decode()


def series_of(text: str) -> dict[str, set[str]]:
    """Metric name as queries write it → its labels."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        suffixes = {
            "histogram": ("_bucket", "_sum", "_count"),
            "counter": ("_total",),
        }.get(family.type, ("",))
        for suffix in suffixes:
            labels = found.setdefault(family.name + suffix, set())
            for sample in family.samples:
                labels |= set(sample.labels)
    return {name: labels for name, labels in found.items() if name.startswith("hub_")}


@pytest.fixture
def real(engine: sa.Engine, keyring: KeyRing, tmp_path: Path) -> dict[str, set[str]]:
    """Every metric that a receiver, a loader and a notifier show once something happened, with its labels."""
    with engine.begin() as conn:
        conn.exec_driver_sql(ROWS)
    found: dict[str, set[str]] = {}
    for text in (
        receiver_text(keyring, tmp_path / "spool"),
        one_of_each_text(),
        generate_latest(registry_of(engine, SETTINGS)).decode(),
    ):
        for name, labels in series_of(text).items():
            found.setdefault(name, set()).update(labels)
    return found


def dashboard_expressions() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def rules() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def expressions() -> list[tuple[str, str]]:
    return [*dashboard_expressions(), *((rule["alert"], rule["expr"]) for rule in rules())]


def stem(name: str) -> str:
    """A metric's name without what a histogram's or counter's series add."""
    return re.sub(r"_(bucket|sum|count|total)$", "", name)


def names_in(expression: str) -> set[str]:
    """Metrics of an expression; what stands in quotes or braces is a label's value."""
    return set(NAME.findall(MATCHED.sub("", expression)))


def test_every_expression_asks_for_metrics_that_exist(real: dict[str, set[str]]) -> None:
    made_up = {
        (where, name)
        for where, expression in expressions()
        for name in names_in(expression)
        if name not in real and name not in OUTSIDE
    }

    assert made_up == set()


def test_every_label_that_is_asked_for_exists(real: dict[str, set[str]]) -> None:
    """`by (sources)` is no error to Prometheus: it answers with one line for all."""
    unlabelled = {name for name in real if not real[name]}
    wrong = set()
    for where, expression in expressions():
        names = names_in(expression) - OUTSIDE
        asked = {
            label.strip() for part in GROUPED.findall(expression) for label in part.split(",")
        }
        asked |= {
            label
            for part in MATCHED.findall(expression)
            for label in re.findall(r"(\w+)\s*(?:=~|!=|=)", part)
        }
        known = OF_SCRAPES.union(*(real[name] for name in names)) if names else OF_SCRAPES
        wrong |= {(where, label) for label in asked - known}

    assert unlabelled
    assert wrong == set()


def test_every_metric_is_described_and_none_that_is_not_there(real: dict[str, set[str]]) -> None:
    stems = {stem(name) for name in real}
    described = {stem(name) for name in re.findall(r"`(hub_[a-z0-9_]+)`", PAGE)}

    assert stems - described == set()
    assert described - stems == set()


def test_every_metric_is_shown_or_said_not_to_be(real: dict[str, set[str]]) -> None:
    shown = {stem(name) for _, expression in expressions() for name in names_in(expression)}
    apart = PAGE.partition("## Not on the dashboard")[2].partition("\n## ")[0]
    unshown = {stem(name) for name in re.findall(r"`(hub_[a-z0-9_]+)`", apart)}

    assert {stem(name) for name in real} - shown == unshown


def test_every_rule_is_complete_and_names_commands_that_exist() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["labels"]["severity"] in ("none", "warning", "critical")
        assert rule["annotations"]["summary"]
        commands = re.findall(r"\bhub ([a-z]+)", rule["annotations"]["action"])
        assert set(commands) <= {*GROUPS, *SINGLES, "notify", "alerts"}, rule["alert"]
        assert f"`{rule['alert']}`" in PAGE


def test_the_dead_mans_rule_needs_nothing_of_the_hub() -> None:
    [switch] = [rule for rule in rules() if rule["alert"] == "HubDeadMansSwitch"]
    assert names_in(switch["expr"]) == set()

    [silent] = [rule for rule in rules() if rule["alert"] == "HubNotifierSilent"]
    assert silent["expr"].startswith("absent(up{")


def test_jobs_of_rules_and_dashboard_are_those_that_are_scraped() -> None:
    jobs = {one["job_name"] for one in SCRAPED["scrape_configs"]}
    asked = {
        job for _, expression in expressions() for job in re.findall(r'job="([^"]+)"', expression)
    }

    assert asked <= jobs
    assert all(job.startswith("hub-") for job in jobs)


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_the_number_of_series_is_bounded(
    engine: sa.Engine, keyring: KeyRing, tmp_path: Path
) -> None:
    """Names that strangers make up (paths, sources, channels) never become series."""
    receiver = ReceiverMetrics(["ads"])
    for number in range(200):
        receiver.answered(
            Answer("POST", "/hooks/{source}", None, 404).route, f"made-up-{number}", 404, 0.01
        )
    with engine.begin() as conn:
        conn.exec_driver_sql(
            "INSERT INTO inbox.held (record_id, merchant, source_key, entity, reason, path, detail, held_at)"
            " SELECT gen_random_uuid(), 'default', 'gone-' || n, 'clue', 'unreadable', '', '', now()"
            " FROM generate_series(1, 200) n"
        )
    texts = {
        "receiver": receiver_text(keyring, tmp_path / "spool") + receiver.text().decode(),
        "notifier": generate_latest(registry_of(engine, SETTINGS)).decode(),
    }
    for text in texts.values():
        assert len([line for line in text.splitlines() if line.startswith("hub_")]) < 100
        assert "made-up" not in text
        assert "gone-" not in text

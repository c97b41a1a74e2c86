"""Sensor, checks and assets run in this process on a real database, as a click in the UI would."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from hub.definitions.location import build_definitions
from hub.definitions.store import HubStore
from hub.ops.tables import loader, window
from hub.ops.windows import BUCKETS
from hub.settings import load_settings

pytestmark = pytest.mark.postgres

_HUB_YAML = """
forms:
  site:
    name: 官网表单
"""


def _key(byte: int) -> str:
    return base64.b64encode(bytes([byte]) * 32).decode()


@pytest.fixture
def defs(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    """The definitions of a hub with one form, whose environment names the test's database."""
    config = tmp_path / "hub.yaml"
    config.write_text(_HUB_YAML, "utf-8")
    keys = {"active": 1, "sealing": {"1": _key(1)}, "index": _key(2), "id": _key(3)}
    monkeypatch.setenv("HUB_CONFIG", str(config))
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_KEYS", json.dumps(keys))
    return build_definitions(load_settings())


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def a_finished_window(engine: sa.Engine, *, seconds_ago: int = 120, loaded: int = 3) -> None:
    start = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    with engine.begin() as conn:
        number = conn.execute(
            sa.insert(loader).values(name="work").returning(loader.c.id)
        ).scalar_one()
        conn.execute(
            sa.insert(window).values(
                merchant="default",
                source_key="form-site",
                window_start=start,
                loader=number,
                mapping_version="webform/form/1-0-0",
                loaded=loaded,
                latency=[loaded, *([0] * (BUCKETS - 1))],
            )
        )


def tick(
    defs: dg.Definitions, instance: dg.DagsterInstance, cursor: str | None = None
) -> dg.SensorResult:
    """One tick of the report sensor, as the daemon makes it."""
    repository = defs.get_repository_def()
    context = dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        repository_def=repository,
        resources={"hub": HubStore()},
    )
    result = repository.get_sensor_def("report_loader")(context)
    assert isinstance(result, dg.SensorResult)
    return result


def materialized(result: dg.SensorResult) -> list[str]:
    return [
        event.asset_key.to_user_string()
        for event in result.asset_events
        if isinstance(event, dg.AssetMaterialization)
    ]


def test_a_tick_shows_a_window_once_it_is_confirmed(defs, engine, instance):
    a_finished_window(engine)
    first = tick(defs, instance)
    second = tick(defs, instance, first.cursor)

    assert materialized(first) == [
        "raw/form-site",
        "canonical/form-site",
        "crm/lead",
        "crm/contact",
        "crm/touchpoint",
        "ops/loader_heartbeat",
    ]
    assert materialized(second) == []


def test_a_tick_evaluates_every_declared_check(defs, engine, instance):
    found = tick(defs, instance).asset_events
    checks = {
        (event.asset_key, event.check_name)
        for event in found
        if isinstance(event, dg.AssetCheckEvaluation)
    }

    assert checks == {
        (key.asset_key, key.name) for key in defs.resolve_asset_graph().asset_check_keys
    }


def test_events_of_a_tick_can_be_recorded_and_read_again(defs, engine, instance):
    """What the daemon does with them: metadata must survive the event log."""
    a_finished_window(engine)
    for event in tick(defs, instance).asset_events:
        instance.report_runless_asset_event(event)
    key = dg.AssetKey(["canonical", "form-site"])
    latest = instance.get_latest_materialization_event(key)

    assert latest is not None
    assert latest.asset_materialization is not None
    assert latest.asset_materialization.metadata["loaded"].value == 3


def test_checks_can_be_run_by_hand(defs, engine, instance):
    job = defs.resolve_job_def("check_everything")
    result = job.execute_in_process(instance=instance)
    evaluations = result.get_asset_check_evaluations()

    assert len(evaluations) == 6
    assert {e.check_name: e.passed for e in evaluations}["conservation_records"]


def test_loading_an_empty_queue_says_that_there_was_nothing(defs, engine, instance):
    result = defs.resolve_job_def("load_queue").execute_in_process(instance=instance)
    metadata = result.asset_materializations_for_node("load_crm")[0].metadata

    assert metadata["records"].value == 0
    assert metadata["producer"].value == "run"
    assert metadata["note"].value == "The queue was empty: nothing has arrived."

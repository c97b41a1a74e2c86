"""Sensor, checks and assets run in this process on a real database, as a click in the UI would."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import sqlalchemy as sa

from hub.crm.tables import lead, touchpoint
from hub.database.engine import driver
from hub.definitions.location import build_definitions
from hub.definitions.store import HubStore
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Envelope, Via
from hub.ops.tables import loader, window
from hub.ops.windows import BUCKETS
from hub.privacy.keyring import KeyRing
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


def submit_form(engine: sa.Engine, keyring: KeyRing, number: int = 1) -> None:
    """A form as the receiver stores it, with no loader that would take it."""
    submission = {
        "submission_id": f"s-{number}",
        "submitted_at": "2026-02-17T12:00:00Z",
        "fields": {"name": "测试一", "mobile": f"1990000100{number}"},
    }
    envelope = Envelope(
        shape="form",
        body=json.dumps(submission).encode(),
        content_type="application/json",
        context={"form": "site"},
    )
    source = load_settings().all_sources()["form-site"]
    arrival = Arrival(Via.FORM, datetime.now(UTC))
    delivery = seal_delivery(keyring, "form-site", source, envelope, arrival)
    with engine.begin() as conn:
        store_deliveries(driver(conn), [delivery], receiver="test")


def count(engine: sa.Engine, table: sa.Table) -> int:
    with engine.begin() as conn:
        return int(conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


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
        "0_start_here/sources",
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

    assert len(evaluations) == len(list(defs.resolve_asset_graph().asset_check_keys))
    assert {e.check_name: e.passed for e in evaluations}["conservation_records"]


def test_materialising_the_crm_loads_what_is_queued(defs, engine, instance, keyring):
    """So someone with nothing but Dagster gets their leads."""
    submit_form(engine, keyring, 1)
    submit_form(engine, keyring, 2)
    result = defs.resolve_job_def("load_queue").execute_in_process(instance=instance)
    events = {e.asset_key: e for e in result.asset_materializations_for_node("load_crm")}
    metadata = events[dg.AssetKey(["crm", "lead"])].metadata

    assert len(events) == 3
    assert metadata["records"].value == metadata["loaded"].value == 2
    assert metadata["producer"].value == "run"
    assert count(engine, lead) == 2
    assert count(engine, touchpoint) >= 2


def test_one_table_of_the_crm_can_be_clicked_alone(defs, engine, instance, keyring):
    submit_form(engine, keyring)
    asset = dg.AssetKey(["crm", "contact"])
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, asset_selection=[asset])

    assert [e.asset_key for e in result.asset_materializations_for_node("load_crm")] == [asset]
    assert count(engine, lead) == 1


def test_a_click_on_one_source_loads_too_and_knows_its_columns(defs, engine, instance, keyring):
    submit_form(engine, keyring)
    asset = dg.AssetKey(["canonical", "form-site"])
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, asset_selection=[asset])
    [event] = result.asset_materializations_for_node("canonical_form_site")
    lineage = event.metadata["dagster/column_lineage"].value

    assert event.metadata["loaded"].value == 1
    assert lineage.deps_by_column["name"][0].asset_key == dg.AssetKey(["raw", "form-site"])
    assert count(engine, lead) == 1


def test_what_a_run_loaded_is_told_from_a_loaders_window(defs, engine, instance, keyring):
    submit_form(engine, keyring)
    defs.resolve_job_def("load_queue").execute_in_process(instance=instance)
    with engine.begin() as conn:
        past = window.c.window_start - timedelta(minutes=5)
        conn.execute(sa.update(window).values(window_start=past))
    events = tick(defs, instance).asset_events

    assert {
        event.metadata["producer"].value
        for event in events
        if isinstance(event, dg.AssetMaterialization) and "producer" in event.metadata
    } == {"run"}


def test_days_of_the_archive_are_replayed_in_one_run(defs, engine, instance, keyring):
    submit_form(engine, keyring)
    defs.resolve_job_def("load_queue").execute_in_process(instance=instance)
    today = datetime.now(ZoneInfo("Asia/Shanghai"))
    days = {
        "dagster/asset_partition_range_start": f"{today - timedelta(days=2):%Y-%m-%d}",
        "dagster/asset_partition_range_end": f"{today:%Y-%m-%d}",
    }
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(["replay", "form-site"])],
        tags=days,
    )
    events = result.asset_materializations_for_node("replay_form_site")

    assert {event.metadata["records"].value for event in events} == {1}
    assert {event.metadata["mapping_version"].value for event in events} == {"webform/form/1-0-3"}
    assert len(events) == 3
    assert count(engine, lead) == 1


def test_a_bug_on_a_page_never_shows_the_text_of_its_error(defs, instance, monkeypatch):
    """What Dagster stores stays, and a driver's text repeats values."""

    def broken(*_: object) -> None:
        raise ValueError("13800000000")

    monkeypatch.setattr("hub.definitions.crm.drain", broken)
    job = defs.resolve_job_def("load_queue")
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    failure = result.filter_events(lambda event: event.is_step_failure)[0].step_failure_data

    assert not result.success
    assert "ValueError" in str(failure.user_failure_data)
    assert "13800000000" not in str(failure)


def test_loading_an_empty_queue_says_that_there_was_nothing(defs, engine, instance):
    result = defs.resolve_job_def("load_queue").execute_in_process(instance=instance)
    metadata = result.asset_materializations_for_node("load_crm")[0].metadata

    assert metadata["records"].value == 0
    assert metadata["producer"].value == "run"
    assert metadata["note"].value == "The queue was empty: nothing has arrived."

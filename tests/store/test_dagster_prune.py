"""Dagster's own history, pruned on both storages: what goes, and that the UI's newest of everything stays."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
import sqlalchemy as sa
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorageTable,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceLoadTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from sqlalchemy.engine import make_url

from hub.definitions import prune_events as events
from hub.definitions import prune_runs as runs
from hub.definitions.instance import DATABASE_VARIABLE, write_instance
from hub.definitions.location import build_definitions
from hub.definitions.prune_events import prune_events, shrink, storage_of
from hub.definitions.prune_runs import prune_runs
from hub.ops.tables import window
from hub.settings import load_settings
from tests.store import test_dagster_assets
from tests.store.test_dagster_assets import a_finished_window, tick

pytestmark = [pytest.mark.postgres, pytest.mark.dagster]
defs = test_dagster_assets.defs
A, B = dg.AssetKey(["raw", "a"]), dg.AssetKey(["raw", "b"])
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgres"])
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """An instance as `hub up` sets it up, on files or on an empty database."""
    home, settings = tmp_path / "dagster", None
    if request.param == "postgres":
        url = make_url(request.getfixturevalue("empty_database_url"))
        socket = url.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False)
        monkeypatch.setenv(DATABASE_VARIABLE, socket)
        settings = "postgresql://host/name"  # the file names the variable only
    write_instance(home, postgres_url=settings)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.from_config(str(home)) as made:
        yield made


def is_sqlite(instance: dg.DagsterInstance) -> bool:
    return storage_of(instance).is_run_sharded


def rows(instance: dg.DagsterInstance, table: sa.Table) -> int:
    with storage_of(instance).index_connection() as conn:
        return int(conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def report(instance: dg.DagsterInstance, *found: Any) -> None:
    for event in found:
        instance.report_runless_asset_event(event)


def made(asset: dg.AssetKey, partition: str | None = None, **metadata: int) -> Any:
    return dg.AssetMaterialization(asset, partition=partition, metadata=metadata)


def checked(name: str, *, passed: bool = True, partition: str | None = None) -> Any:
    return dg.AssetCheckEvaluation(
        asset_key=A, check_name=name, passed=passed, partition=partition
    )


def turned(state: FreshnessState, at: float, asset: dg.AssetKey = A) -> FreshnessStateChange:
    return FreshnessStateChange(
        key=asset,
        new_state=state,
        previous_state=FreshnessState.UNKNOWN,
        state_change_timestamp=at,
    )


def a_morning(instance: dg.DagsterInstance, *days: str) -> None:
    """Twenty-two events: all that a sensor and the freshness daemon report without a run.

    Dagster takes one result without a run of a check and partition (`days`), and no second one.
    """
    report(instance, *(made(A, n=n) for n in range(5)))
    report(instance, made(B, "2026-01-01"), made(B, "2026-01-01"), made(B, "2026-01-02"))
    report(instance, *(dg.AssetObservation(A, metadata={"n": n}) for n in range(3)))
    report(instance, checked("one"), checked("one"), checked("one"), checked("one", passed=False))
    report(instance, checked("two"), checked("two"))
    report(instance, *(checked("of", partition=day) for day in days or ("1", "2")))
    report(instance, turned(FreshnessState.PASS, 1.0), turned(FreshnessState.FAIL, 2.0))
    tagged = dg.AssetMaterialization(B, partition="2026-01-02", tags={"dagster/data_version": "7"})
    report(instance, tagged)


def newest_of(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What the pages of assets and checks show."""
    storage = storage_of(instance)
    keys = [dg.AssetCheckKey(A, name) for name in ("one", "two")]
    results = storage.get_latest_asset_check_execution_by_key(keys)
    partitions = storage.get_asset_check_partition_info([dg.AssetCheckKey(A, "of")])
    return {
        "records": [record.asset_entry for record in instance.get_asset_records([A, B])],
        "materialized": [instance.fetch_materializations(key, limit=1).records for key in (A, B)],
        "observed": instance.fetch_observations(A, limit=1).records,
        "partitions": instance.get_materialized_partitions(B),
        "checks": {key.name: (one.status, one.id) for key, one in results.items()},
        "checks of partitions": sorted(map(repr, partitions)),
        "freshness": storage.get_freshness_state_records([A]),
        "versions": storage.get_latest_tags_by_partition(
            B, dg.DagsterEventType.ASSET_MATERIALIZATION, ["dagster/data_version"]
        ),
    }


def test_the_newest_of_everything_stays(instance: dg.DagsterInstance) -> None:
    """As get, page and freshness daemon read it; the rest of the morning goes."""
    a_morning(instance)
    before = newest_of(instance)
    said = prune_events(instance, datetime.now(UTC), dry_run=True)
    assert newest_of(instance) == before
    found = prune_events(instance, datetime.now(UTC), dry_run=False)
    again = prune_events(instance, datetime.now(UTC), dry_run=False)

    # Stay: A made, observed, turned; B by partition; check one, two, of/1, of/2.
    assert found == said == {"check_results": 8 - 4, "events": 22 - 5 - 4}
    assert newest_of(instance) == before
    assert rows(instance, SqlEventLogStorageTable) == 9
    assert rows(instance, AssetCheckExecutionsTable) == 4
    assert rows(instance, AssetEventTagsTable) == 1
    assert again == {"check_results": 0, "events": 0}


def test_the_copy_of_sqlite_is_pruned_too(instance: dg.DagsterInstance) -> None:
    a_morning(instance)
    prune_events(instance, datetime.now(UTC), dry_run=False)
    with storage_of(instance).run_connection("") as conn:
        count = sa.select(sa.func.count()).select_from(SqlEventLogStorageTable)
        left = conn.execute(count).scalar_one()

    assert left == (5 if is_sqlite(instance) else 9)  # there results of checks are not looked for


def test_what_is_young_stays_whatever_it_is(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_AT_ONCE", 4)  # several transactions
    a_morning(instance)
    cut = datetime.now(UTC)
    a_morning(instance, "3", "4")
    found = prune_events(instance, cut, dry_run=False)

    assert found == {"check_results": 8 - 2, "events": 22 - 2}  # of/1, of/2
    assert rows(instance, SqlEventLogStorageTable) == 22 + 2
    assert len(instance.fetch_materializations(A, limit=100).records) == 5


def test_what_is_reported_afterwards_has_an_id_of_its_own(instance: dg.DagsterInstance) -> None:
    """SQLite gives the id of a deleted last row again: a cursor that stands there would miss it."""

    def last() -> int:
        query = sa.select(sa.func.max(SqlEventLogStorageTable.c.id))
        with storage_of(instance).run_connection("") as conn:
            return int(conn.execute(query).scalar_one())

    report(instance, made(A), checked("one"), checked("one"))
    before = last()
    prune_events(instance, datetime.now(UTC), dry_run=False)
    report(instance, made(A))

    assert last() > before


def test_what_is_stopped_goes_on_with_the_next_one(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_AT_ONCE", 4)
    a_morning(instance)
    before = newest_of(instance)
    dropped: list[str] = []
    drop = events._drop

    def stops(conn: sa.Connection, table: sa.Table, *given: Any, dry_run: bool) -> int:
        dropped.append(table.name)
        if dropped.count("event_logs") == 3:
            raise KeyboardInterrupt
        return drop(conn, table, *given, dry_run=dry_run)

    monkeypatch.setattr(events, "_drop", stops)
    with pytest.raises(KeyboardInterrupt):
        prune_events(instance, datetime.now(UTC), dry_run=False)
    monkeypatch.setattr(events, "_drop", drop)
    halfway = rows(instance, SqlEventLogStorageTable)
    assert newest_of(instance) == before
    prune_events(instance, datetime.now(UTC), dry_run=False)

    assert 9 < halfway < 22
    assert rows(instance, SqlEventLogStorageTable) == 9
    assert newest_of(instance) == before


@dg.asset(key=A)
def asset_a() -> None:
    """Made by a run."""


@dg.asset(key=B, partitions_def=dg.StaticPartitionsDefinition(["1", "2"]))
def asset_b() -> None:
    """Made by a run a partition."""


@dg.asset_check(asset=A, name="ran")
def check_a() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.op
def breaks() -> None:
    raise dg.Failure(description="on purpose")


@dg.job
def breaking() -> None:
    breaks()


_JOBS = dg.Definitions(
    assets=[asset_a, asset_b],
    asset_checks=[check_a],
    jobs=[
        dg.define_asset_job("make_a", selection=[A]),
        dg.define_asset_job("make_b", selection=[B]),
        breaking,
    ],
)


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Runs that fail on purpose say so at length."""
    logging.getLogger("dagster").setLevel(logging.CRITICAL)


def run(instance: dg.DagsterInstance, job: str, partition: str | None = None) -> str:
    done = _JOBS.resolve_job_def(job).execute_in_process(
        instance=instance, partition_key=partition, raise_on_error=False
    )
    logs = Path(instance.storage_directory()) / done.run_id / "compute_logs"
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "step.err").write_text("said\n")
    return done.run_id


def test_old_runs_go_with_all_that_is_theirs(
    instance: dg.DagsterInstance, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But the last of each job, whatever made the newest of a partition, and failed ones for longer."""
    monkeypatch.setattr(runs, "_PAGE", 2)
    old = [run(instance, "make_a") for _ in range(2)] + [run(instance, "make_b", "1")]
    last_of_one = run(instance, "make_b", "1")
    failed = [run(instance, "breaking") for _ in range(2)]
    stays = [last_of_one, run(instance, "make_b", "2"), run(instance, "make_a"), *failed]
    cut = datetime.now(UTC)
    young = [run(instance, "make_b", "2"), run(instance, "make_b", "2")]
    said = prune_runs(instance, cut, LONG_AGO, dry_run=True)
    found = prune_runs(instance, cut, LONG_AGO, dry_run=False)
    left = {one.run_id for one in instance.get_runs()}

    # The first run of partition 2 is outdone by a young one.
    assert said == found == 4
    assert left == {*stays, *young} - {stays[1]}
    assert instance.get_materialized_partitions(B) == {"1", "2"}
    for run_id in old:
        assert not list(Path(instance.root_directory).rglob(f"*{run_id}*"))
    with storage_of(instance).index_connection() as conn:
        of_old = sa.select(SqlEventLogStorageTable.c.id).where(
            SqlEventLogStorageTable.c.run_id.in_(old)
        )
        assert conn.execute(of_old).all() == []
    assert list(Path(instance.root_directory).rglob(f"*{last_of_one}*"))


def test_failed_runs_go_when_their_own_time_is_over(
    instance: dg.DagsterInstance, quiet: None
) -> None:
    failed = [run(instance, "breaking") for _ in range(3)]
    found = prune_runs(instance, LONG_AGO, datetime.now(UTC), dry_run=False)

    assert found == 2
    assert [one.run_id for one in instance.get_runs()] == failed[-1:]


def test_results_of_a_check_whose_runs_are_gone_go_but_the_newest(
    instance: dg.DagsterInstance,
) -> None:
    """Deleting a run leaves the results of its checks behind for ever."""
    for _ in range(3):
        run(instance, "make_a")
    now = datetime.now(UTC)
    assert prune_runs(instance, now, LONG_AGO, dry_run=False) == 2
    assert rows(instance, AssetCheckExecutionsTable) == 3
    found = prune_events(instance, now, dry_run=False)
    key = dg.AssetCheckKey(A, "ran")
    [result] = storage_of(instance).get_latest_asset_check_execution_by_key([key]).values()

    assert found["check_results"] == 2
    assert result.status.value == "SUCCEEDED"
    assert result.run_id == instance.get_runs()[0].run_id


def test_a_file_that_is_mostly_free_is_written_anew(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_FREE_BYTES", 100_000)
    path = Path(instance.root_directory) / "history" / "runs" / "index.db"
    text = dg.MetadataValue.md("x" * 20_000)
    report(instance, *(dg.AssetMaterialization(A, metadata={"text": text}) for _ in range(60)))
    instance.event_log_storage.get_maximum_record_id()
    prune_events(instance, datetime.now(UTC), dry_run=False)
    given_back, again = shrink(instance), shrink(instance)

    assert again == 0
    if not is_sqlite(instance):
        assert given_back == 0
        return
    assert given_back > 1_000_000
    assert path.stat().st_size < 300_000
    assert instance.get_latest_materialization_event(A) is not None


@pytest.mark.parametrize("instance", ["sqlite"], indirect=True)
def test_a_file_that_is_in_use_is_not_waited_for_long(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_FREE_BYTES", 0)
    monkeypatch.setattr(events, "_FREE_SHARE", 0)
    monkeypatch.setattr(events, "_BUSY_FOR_S", 0.1)
    report(instance, made(A))
    path = Path(instance.root_directory) / "history" / "runs" / "index.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        assert shrink(instance) == 0


_SHOWN = """query ($keys: [AssetKeyInput!]!) { assetNodes(assetKeys: $keys) {
  assetKey { path }
  assetMaterializations(limit: 5) { timestamp metadataEntries { label } }
  freshnessStatusInfo { freshnessStatus }
  assetChecksOrError { ... on AssetChecks { checks { name
    executionForLatestMaterialization { status evaluation { success description } } } } }
} }"""


class OneFile(WorkspaceLoadTarget):
    """A code location in this process: a code server of its own would outlive the test."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create_origins(self) -> list[InProcessCodeLocationOrigin]:
        loadable = LoadableTargetOrigin(executable_path=sys.executable, python_file=str(self.path))
        return [InProcessCodeLocationOrigin(loadable, location_name="lead-hub")]


_CODE = """
from hub.definitions.location import build_definitions
from hub.settings import load_settings

defs = build_definitions(load_settings())
"""


@pytest.fixture
def ask(
    defs: dg.Definitions, instance: dg.DagsterInstance, tmp_path: Path
) -> Iterator[Callable[..., Any]]:
    """The webserver's GraphQL on the hub's definitions and this instance."""
    code = tmp_path / "code_of_hub.py"
    code.write_text(_CODE, "utf-8")
    with WorkspaceProcessContext(instance, OneFile(code)) as context:
        app = httpx.ASGITransport(create_app_from_workspace_process_context(context))

        async def post(body: dict[str, Any]) -> Any:
            async with httpx.AsyncClient(transport=app, base_url="http://dagster") as client:
                return (await client.post("/graphql", json=body)).json()

        def ask_it(query: str, **variables: Any) -> Any:
            answer = asyncio.run(post({"query": query, "variables": variables}))
            assert "errors" not in answer, answer["errors"]
            return answer["data"]

        yield ask_it


def shown(ask: Callable[..., Any]) -> list[Any]:
    """The newest of each asset and check, as the UI asks for it."""
    keys = [["raw", "form-site"], ["canonical", "form-site"], ["crm", "lead"]]
    keys += [["0_start_here", "sources"], ["ops", "loader_heartbeat"]]
    nodes = ask(_SHOWN, keys=[{"path": key} for key in keys])["assetNodes"]
    assert len(nodes) == len(keys)
    for node in nodes:
        assert node["assetMaterializations"], node["assetKey"]
        del node["assetMaterializations"][1:]
    return sorted(nodes, key=lambda node: node["assetKey"]["path"])


# Dagster reads its own deprecated property when a code location lives in this process.
@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`")
def test_the_ui_shows_the_same_after_the_job(
    defs: dg.Definitions,
    engine: sa.Engine,
    instance: dg.DagsterInstance,
    ask: Callable[..., Any],
) -> None:
    """The sensor's own events, the job as the schedule runs it, the UI's own question."""
    cursor = None
    for _ in range(3):
        a_finished_window(engine)
        with engine.begin() as conn:
            conn.execute(sa.update(window).values(reported_at=None))
        found = tick(defs, instance, cursor)
        report(instance, *found.asset_events)
    job = defs.resolve_job_def("check_everything")
    ran = [job.execute_in_process(instance=instance).run_id for _ in range(2)]
    crm = dg.AssetKey(["crm", "lead"])
    report(instance, turned(FreshnessState.FAIL, 1.0, crm), turned(FreshnessState.PASS, 2.0, crm))
    before, stood = shown(ask), rows(instance, SqlEventLogStorageTable)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    prune_runs(instance, tomorrow, tomorrow, dry_run=False)
    prune_events(instance, tomorrow, dry_run=False)

    assert shown(ask) == before
    assert rows(instance, SqlEventLogStorageTable) < stood / 2
    assert [one.run_id for one in instance.get_runs()] == ran[1:]


def test_the_job_only_counts_until_it_is_told_and_the_schedule_drops(
    defs: dg.Definitions, instance: dg.DagsterInstance, engine: sa.Engine, tmp_path: Path
) -> None:
    a_morning(instance)
    backdate(instance, datetime.now(UTC) - timedelta(days=8))
    job = defs.resolve_job_def("prune")
    proposed = job.execute_in_process(instance=instance)
    left = rows(instance, AssetCheckExecutionsTable)
    schedule = defs.resolve_schedule_def("prune_nightly")
    context = dg.build_schedule_context(scheduled_execution_time=datetime.now(UTC))
    [request] = schedule.evaluate_tick(context).run_requests  # type: ignore[misc]
    done = job.execute_in_process(instance=instance, run_config=request.run_config)

    assert proposed.success
    assert done.success
    assert left == 8
    assert rows(instance, AssetCheckExecutionsTable) == 4
    assert said_by(proposed)["events"] == said_by(done)["events"] == 13
    assert {"ops_window", "alerts_alert"} <= set(said_by(done, "prune_store"))


def test_the_days_of_hub_yaml_are_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "hub.yaml"
    config.write_text("prune: {events_days: 3, runs_days: 5}\n", "utf-8")
    monkeypatch.setenv("HUB_CONFIG", str(config))
    job = build_definitions(load_settings()).resolve_job_def("prune")

    assert job.run_config is not None
    assert job.run_config["ops"]["prune_dagster"]["config"] == {
        "dry_run": True,
        "events_days": 3,
        "runs_days": 5,
        "failed_runs_days": 60,
    }


def backdate(instance: dg.DagsterInstance, at: datetime) -> None:
    """Make all that was reported so far as old as that."""
    then = at.replace(tzinfo=None)
    storage = storage_of(instance)
    with storage.index_connection() as conn:
        conn.execute(sa.update(SqlEventLogStorageTable).values(timestamp=then))
        conn.execute(sa.update(AssetCheckExecutionsTable).values(evaluation_event_timestamp=then))


def said_by(result: dg.ExecuteInProcessResult, op: str = "prune_dagster") -> dict[str, Any]:
    [event] = [e for e in result.all_events if e.is_successful_output and e.step_key == op]
    return {name: entry.value for name, entry in event.step_output_data.metadata.items()}

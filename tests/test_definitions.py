"""The Dagster code location: loads with nothing, has the graph of the design, never holds a secret."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy

from hub.definitions.jobs import ReplayConfig, RetentionConfig, instant
from hub.definitions.location import build_definitions
from hub.errors import ConfigError
from hub.settings import FormSettings, HubSettings, PullSettings, SourceSettings
from hub.steps.checks import declared_checks

ROOT = Path(__file__).parents[1]
SETTINGS = HubSettings(
    sources={
        "douyin-main": SourceSettings(
            platform="douyin",
            push="clue_push",
            pulls=("clue",),
            owner="ops@example.com",
            pull=PullSettings(every_s=300),
        ),
        "官网": SourceSettings(platform="webform", push="form", owner="市场部"),
    },
    forms={"site": FormSettings()},
)
_LOAD_WITH_NOTHING = """
import os, socket, sys

def refuse(*_):
    raise AssertionError("loading opened a connection")

socket.socket.connect = socket.socket.connect_ex = refuse
assert not [name for name in os.environ if name.startswith("HUB_")]
import hub.definitions

assert "dagster" not in sys.modules, "the package is light until somebody asks for `defs`"
defs = hub.definitions.defs
print(sorted(key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()))
"""


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_definitions(SETTINGS)


@pytest.fixture(scope="module")
def graph(defs):
    return defs.resolve_asset_graph()


def test_it_loads_without_environment_database_or_settings(tmp_path):
    """A folder without hub.yaml, no HUB_ variable, sockets shut: the graph is valid."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HUB_")}
    done = subprocess.run(
        [sys.executable, "-c", _LOAD_WITH_NOTHING],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(
        [
            "0_start_here/sources",
            "crm/contact",
            "crm/lead",
            "crm/touchpoint",
            "finance/document",
            "ops/loader_heartbeat",
            "ops/notifier_heartbeat",
            "ops/receiver_heartbeat",
            "recon/breaks",
            "recon/finance_of_locked",
            "recon/gate",
            "recon/order_revenue",
            "recon/received",
            "recon/settlement_revenue",
            "recon/signed_agreed",
            "recon/signed_crm",
            "recon/signed_finance",
            "recon/signed_sales",
            "report/attribution",
            "report/breaks",
            "report/bridge",
            "report/field_quality",
            "report/roi",
            "report/signed",
            "report/whitepaper",
        ]
    )
    assert list(tmp_path.iterdir()) == []


def test_workspace_names_the_code_location():
    document = yaml.safe_load((ROOT / "workspace.yaml").read_text("utf-8"))

    assert document["load_from"][0]["python_module"]["module_name"] == "hub.definitions"
    assert document["load_from"][0]["python_module"]["working_directory"] == "."


def test_dagster_finds_the_definitions_by_module_name(monkeypatch):
    from dagster._core.workspace.autodiscovery import loadable_targets_from_python_module

    monkeypatch.chdir(ROOT)
    targets = loadable_targets_from_python_module("hub.definitions", str(ROOT))

    assert [target.attribute for target in targets] == ["defs"]


def test_definitions_can_be_loaded_by_dagster(defs):
    dg.Definitions.validate_loadable(defs)


def test_leads_flow_from_source_to_crm(graph):
    canonical = dg.AssetKey(["canonical", "douyin-main"])

    assert graph.get(canonical).parent_keys == {dg.AssetKey(["raw", "douyin-main"])}
    assert canonical in graph.get(dg.AssetKey(["crm", "lead"])).parent_keys
    assert len(graph.get(dg.AssetKey(["crm", "contact"])).parent_keys) == 3


def test_a_pulled_source_can_be_materialised_and_a_pushed_one_cannot(graph):
    assert graph.get(dg.AssetKey(["raw", "douyin-main"])).is_executable
    assert not graph.get(dg.AssetKey(["raw", "form-site"])).is_executable


def test_every_asset_says_what_it_is(graph):
    for key in graph.get_all_asset_keys():
        node = graph.get(key)

        assert node.description, key
        assert node.owners, key
        assert node.group_name != "default", key
        assert node.kinds, key


def test_columns_say_what_they_are_made_of(graph):
    """As lineage for programs, and in the description, since the open-source UI shows only that."""
    metadata = graph.get(dg.AssetKey(["canonical", "douyin-main"])).metadata
    lineage = metadata["dagster/column_lineage"].value.deps_by_column
    columns = {c.name: c for c in metadata["dagster/column_schema"].columns}

    assert (
        dg.TableColumnDep(dg.AssetKey(["raw", "douyin-main"]), "telephone")
        in (lineage["mobile_e164"])
    )
    assert columns["mobile_e164"].description.startswith("手机号 ← telephone")
    assert columns["mobile_e164"].tags == {"pii": "phone"}


def test_a_lead_is_made_of_every_source_that_has_the_field(graph):
    metadata = graph.get(dg.AssetKey(["crm", "lead"])).metadata
    deps = metadata["dagster/column_lineage"].value.deps_by_column["name"]

    assert {dep.asset_key.path[-1] for dep in deps} >= {"douyin-main", "form-site"}


def test_owners_are_set(graph):
    assert graph.get(dg.AssetKey(["raw", "douyin-main"])).owners == ["ops@example.com"]


def test_every_check_of_the_steps_is_declared(graph):
    declared = {(tuple(k.asset_key.path), k.name) for k in graph.asset_check_keys}

    assert len(declared) == len(declared_checks(SETTINGS))
    assert (("crm", "lead"), "conservation_records") in declared


def test_a_silent_loader_shows_within_minutes(graph):
    policy = graph.get(dg.AssetKey(["ops", "loader_heartbeat"])).freshness_policy

    assert policy.fail_window.to_timedelta().total_seconds() <= 300


def test_pulls_are_scheduled_one_at_a_time_per_platform(defs):
    repository = defs.get_repository_def()
    schedule = repository.get_schedule_def("pull_douyin_main_schedule")
    job = repository.get_job("pull_douyin_main")

    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert job.executor_def.name == "in_process"
    assert {node.pool for node in job.all_node_defs if isinstance(node, dg.OpDefinition)} == {
        "api_douyin"
    }


def test_a_pull_under_way_is_not_started_again(defs):
    schedule = defs.get_repository_def().get_schedule_def("pull_douyin_main_schedule")
    with dg.instance_for_test() as instance:
        context = dg.build_schedule_context(instance=instance)
        assert schedule.evaluate_tick(context).run_requests

        instance.create_run_for_job(
            defs.resolve_job_def("pull_douyin_main"), status=dg.DagsterRunStatus.STARTED
        )
        assert "under way" in str(schedule.evaluate_tick(context).skip_message)


def test_sensors_run_from_the_start(defs):
    for sensor in defs.get_repository_def().sensor_defs:
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_last_months_report_is_made_when_the_month_is_over_in_china(defs):
    """20:10 UTC on 31 January is the first of February in Shanghai."""
    repository = defs.get_repository_def()
    schedule = repository.get_schedule_def("report_field_quality_monthly")
    with dg.instance_for_test() as instance:
        context = dg.build_schedule_context(
            instance=instance,
            repository_def=repository,
            scheduled_execution_time=datetime(2026, 1, 31, 20, 10, tzinfo=UTC),
        )
        [request] = schedule.evaluate_tick(context).run_requests

    assert request.partition_key == "2026-01-01"


def test_what_the_checks_on_quality_read_is_counted_each_hour(defs):
    schedule = defs.get_repository_def().get_schedule_def("count_quality_hourly")

    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.cron_schedule == "11 * * * *"


def test_the_first_group_says_where_to_look(graph):
    """Groups and assets are listed by name: a newcomer meets this one first."""
    first = min(graph.get_all_asset_keys(), key=lambda key: key.path)
    node = graph.get(first)

    assert first == dg.AssetKey(["0_start_here", "sources"])
    assert min(graph.get(key).group_name for key in graph.get_all_asset_keys()) == node.group_name
    assert node.description.startswith("Start here: ")


@pytest.mark.parametrize("process", ["loader", "receiver", "notifier"])
def test_each_kind_of_process_has_a_heartbeat_with_its_command(graph, process):
    node = graph.get(dg.AssetKey(["ops", f"{process}_heartbeat"]))
    window = node.freshness_policy.fail_window.to_timedelta()

    assert window.total_seconds() <= 300
    assert "`hub " in node.description


def test_a_source_is_fresh_for_as_long_as_its_settings_say():
    quiet = SourceSettings(platform="douyin", push="clue_push", fresh_within_s=7200)
    made = build_definitions(HubSettings(sources={"quiet": quiet})).resolve_asset_graph()

    for layer in ("raw", "canonical"):
        policy = made.get(dg.AssetKey([layer, "quiet"])).freshness_policy
        assert isinstance(policy, TimeWindowFreshnessPolicy)
        assert policy.fail_window.to_timedelta().total_seconds() == 7200


def test_assets_of_a_source_are_found_by_its_tag(graph):
    for key in (["raw", "douyin-main"], ["canonical", "douyin-main"], ["replay", "douyin-main"]):
        assert graph.get(dg.AssetKey(key)).tags["source"] == "douyin_main"


def test_only_reports_that_stay_in_the_house_are_made_by_themselves(graph):
    """A run costs five seconds: live leads never wait for one, and a report for others needs a person."""
    automatic = {
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if graph.get(key).automation_condition is not None
    }

    assert automatic == {"report/bridge", "report/breaks", "report/whitepaper"}


def test_what_discards_only_counts_until_it_is_told_otherwise(defs):
    schedule = defs.get_repository_def().get_schedule_def("retention_nightly")
    with dg.instance_for_test() as instance:
        context = dg.build_schedule_context(instance=instance)
        [request] = schedule.evaluate_tick(context).run_requests

    assert RetentionConfig().dry_run
    assert ReplayConfig().dry_run
    assert request.run_config["ops"]["drop_old_payloads"]["config"] == {"dry_run": False}


@pytest.mark.parametrize("job", ["pull", "replay", "reconcile", "export", "retention"])
def test_every_setting_of_a_job_says_what_it_is(defs, job):
    [node] = defs.resolve_job_def(job).all_node_defs
    fields = node.config_schema.config_type.fields

    assert fields
    assert all(field.description and not field.is_required for field in fields.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("2026-02-17", datetime(2026, 2, 16, 16, 0, tzinfo=UTC)),
        ("2026-02-17T08:00+00:00", datetime(2026, 2, 17, 8, 0, tzinfo=UTC)),
    ],
)
def test_times_are_those_of_shanghai_unless_they_say_otherwise(text, expected):
    assert instant(text) == expected


def test_a_time_that_is_none_is_told_in_words():
    with pytest.raises(ConfigError, match="2026-02-17"):
        instant("yesterday")

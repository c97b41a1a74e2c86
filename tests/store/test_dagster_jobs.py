"""The launch pad's jobs, run in this process on a real database with what the launch pad proposes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import dagster as dg
import pytest

from hub.crm.tables import lead
from hub.steps.finance.metrics import ZONE
from tests.store import test_dagster_assets
from tests.store.test_dagster_assets import count, submit_form

pytestmark = pytest.mark.postgres
defs, instance = test_dagster_assets.defs, test_dagster_assets.instance


def run(
    defs: dg.Definitions, instance: dg.DagsterInstance, job: str, **config: Any
) -> dg.ExecuteInProcessResult:
    """A run of a job; `config` is that of its one op, the proposed one if none is given."""
    made = defs.resolve_job_def(job)
    given = {"ops": {made.all_node_defs[0].name: {"config": config}}} if config else None
    return made.execute_in_process(run_config=given, instance=instance, raise_on_error=False)


def figures(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """What the op says of its output."""
    [event] = [event for event in result.all_events if event.is_successful_output]
    found = event.step_output_data.metadata
    return {name: entry.value for name, entry in found.items()}


@pytest.mark.parametrize(
    "job", ["pull", "replay", "reconcile", "export", "retention", "keep_grants", "load_queue"]
)
def test_a_job_runs_with_what_the_launch_pad_proposes(defs, engine, instance, job):
    assert run(defs, instance, job).success


def test_a_replay_counts_until_it_is_told_to_map_anew(defs, engine, instance, keyring):
    submit_form(engine, keyring)
    run(defs, instance, "load_queue")
    counted = run(defs, instance, "replay", source="form-site")
    done = run(defs, instance, "replay", source="form-site", dry_run=False)

    assert figures(counted) == {"form_site_would_replay": 1}
    assert figures(done) == {"form_site_loaded": 1}
    assert count(engine, lead) == 1


def test_a_run_carries_source_and_mapping_version_as_tags(defs, engine, instance):
    result = run(defs, instance, "replay", source="form-site")
    found = instance.get_run_by_id(result.run_id)

    assert found is not None
    assert found.tags["source"] == "form-site"
    assert found.tags["mapping_version"] == "webform/form/1-0-3"


@pytest.mark.parametrize("job", ["pull", "replay"])
def test_a_source_that_is_not_there_is_told_in_words(defs, engine, instance, job):
    result = run(defs, instance, job, source="form-sit")
    [failure] = [event for event in result.all_events if event.is_step_failure]

    assert not result.success
    assert "form-site" in str(failure.step_failure_data.user_failure_data)


def test_an_export_is_a_file_in_the_home_of_the_hub(defs, engine, instance, hub_home):
    result = run(defs, instance, "export", report="breaks", month="2026-01")

    assert figures(result) == {
        "default_file": str(hub_home / "exports" / "default" / "breaks-2026-01.html")
    }
    assert (hub_home / "exports" / "default" / "breaks-2026-01.xlsx").exists()


def test_retention_counts_until_it_is_told_to_drop(defs, engine, instance, monkeypatch):
    asked: list[bool] = []

    def retention(*_: object, dry_run: bool) -> dict[str, int]:
        asked.append(dry_run)
        return {"form-site": 7}

    monkeypatch.setattr("hub.definitions.jobs.run_retention", retention)
    counted = run(defs, instance, "retention")
    run(defs, instance, "retention", dry_run=False)

    assert figures(counted) == {"form-site": 7}
    assert asked == [True, False]


def test_a_day_of_a_replay_is_found_by_its_tags(defs, engine, instance, keyring):
    submit_form(engine, keyring)
    run(defs, instance, "load_queue")
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(["replay", "form-site"])],
        partition_key=f"{datetime.now(ZONE):%Y-%m-%d}",
    )
    found = instance.get_run_by_id(result.run_id)

    assert found is not None
    assert (found.tags["source"], found.tags["mapping_version"]) == (
        "form-site",
        "webform/form/1-0-3",
    )

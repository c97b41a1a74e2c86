"""`report/attribution` and the hourly job, run in this process on a real database."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml

from hub.definitions import names
from hub.definitions.attribution import RUN_JOB
from hub.definitions.location import build_definitions
from hub.privacy.keyring import KeyRing
from hub.settings import load_settings
from tests.store.deals import LIVE, PHONE, SETTINGS, Shop
from tests.store.test_campaigns import a_month

pytestmark = pytest.mark.postgres


def _key(byte: int) -> str:
    return base64.b64encode(bytes([byte]) * 32).decode()


@pytest.fixture
def shop(
    engine: sa.Engine,
    keyring: KeyRing,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Shop]:
    """A month of a shop whose settings and keys the environment names."""
    config = tmp_path / "hub.yaml"
    written = SETTINGS.model_dump(mode="json", include={"forms", "sources"}, exclude_unset=True)
    config.write_text(yaml.safe_dump(written), "utf-8")
    keys = {"active": 1, "sealing": {"1": _key(1)}, "index": _key(2), "id": _key(3)}
    monkeypatch.setenv("HUB_CONFIG", str(config))
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_KEYS", json.dumps(keys))
    made = Shop(engine, keyring)
    yield made
    made.close()


def test_the_report_of_a_month_has_numbers_to_plot_and_a_table_and_names_nobody(
    shop: Shop,
) -> None:
    a_month(shop)

    job = build_definitions(load_settings()).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            asset_selection=[names.ATTRIBUTION], partition_key="2026-02-01", instance=instance
        )

    [event] = result.asset_materializations_for_node("report__attribution")
    found = {name: entry.value for name, entry in event.metadata.items()}
    assert (found["signed_fen"], found["cost_fen"]) == (1_000_000, 957_700)
    assert (found["roi_permille"], found["weak_creatives"]) == (1044, 1)
    assert LIVE in str(found["report"])
    assert PHONE not in str(found)


def test_the_hourly_job_tells_deals_and_finds_campaigns_that_are_none(shop: Shop) -> None:
    shop.form("2026-02-10T02:00:00Z", last_touch={"utm_campaign": "unknown"})
    with dg.DagsterInstance.ephemeral() as instance:
        job = build_definitions(load_settings()).get_job_def(RUN_JOB)

        assert job.execute_in_process(instance=instance).success

    assert shop.rows("SELECT count(*) FROM finance.attribution_run")[0][0] == 1

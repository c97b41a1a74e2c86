"""The command line and Dagster obey the gate; both go by the real clock."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from hub.cli import export as export_command
from hub.cli.main import build
from hub.cli.output import CheckFailedError
from hub.definitions.location import build_definitions
from hub.finance.gate import GateName, keep_reading
from hub.privacy.keyring import KeyRing
from hub.reconciliation.gate import Reading
from hub.reconciliation.months import newest_due
from hub.settings import load_settings
from hub.steps.finance import gate
from hub.steps.finance.export_report import LEAVES_THE_HOUSE, REPORTS
from hub.steps.finance.metrics import business_day
from tests.store.figures_hub import FiguresHub, deal, invoice

pytestmark = pytest.mark.postgres
HOUR = timedelta(hours=1)


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[FiguresHub]:
    made = FiguresHub(engine, keyring)
    yield made
    made.loader.close()


def _key(byte: int) -> str:
    return base64.b64encode(bytes([byte]) * 32).decode()


@pytest.fixture
def environment(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub whose environment names the test's database."""
    config = tmp_path / "hub.yaml"
    config.write_text("sources: {}\n", "utf-8")
    keys = {"active": 1, "sealing": {"1": _key(1)}, "index": _key(2), "id": _key(3)}
    monkeypatch.setenv("HUB_CONFIG", str(config))
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_KEYS", json.dumps(keys))


def closed_now(hub: FiguresHub) -> str:
    """Books whose month is the newest due by the real clock, and two days of readings that disagreed; the month."""
    now = datetime.now(UTC)
    month = newest_due(business_day(now), 10)
    hub.post(
        *deal("HT-1", 1000, f"{month}-12"), invoice(1, "HT-1", 800, f"{month}-20"),
        at=now - 3 * HOUR,
    )  # fmt: skip
    name = GateName("default", gate.NUMERATOR, str(month))
    with hub.engine.begin() as conn:
        for ago in range(48, 0, -1):
            before = Reading(now - ago * HOUR, 100_000, 80_000, 20_000)
            keep_reading(conn, name, "1-0-0", before)
    gate.evaluate_gate(hub.engine, hub.settings, now)
    return str(month)


@pytest.mark.usefixtures("environment")
def test_the_command_refuses_with_one_line_and_exit_status_1(hub, capsys):
    month = closed_now(hub)

    with pytest.raises(CheckFailedError):
        export_command.export_command("signed", month=month)
    told = capsys.readouterr()
    assert told.err.startswith("hub: 未对平: the gate of default is closed")
    assert told.err.count("\n") == 1
    assert told.out == ""


@pytest.mark.usefixtures("environment")
def test_an_operator_sees_overrides_and_exports(hub, tmp_path):
    month = closed_now(hub)
    runner = CliRunner()

    status = runner.invoke(build("gate"), ["gate", "status", "--json"])
    [shut] = [one for one in json.loads(status.stdout) if one["month"] == month]
    assert (shut["gate"], shut["residual_bp"]) == ("closed", 2500)
    opened = runner.invoke(
        build("gate"),
        ["gate", "override", "--reason", "年终审计", "--until", "12h", "--as", "王五"],
    )
    assert opened.exit_code == 0
    assert opened.stdout.startswith(f"default {month} is open until")
    out = tmp_path / "signed.html"
    done = runner.invoke(
        build("export"), ["export", "signed", "--month", month, "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert "由 王五 放行" in out.read_text("utf-8")
    history = runner.invoke(build("gate"), ["gate", "history", "--month", month, "--json"])
    assert json.loads(history.stdout)[-1]["what"] == "override"


def made(result: dg.ExecuteInProcessResult) -> set[str]:
    return {
        event.asset_key.to_user_string()
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }


def materialize(defs: dg.Definitions, *keys: str) -> dg.ExecuteInProcessResult:
    job = defs.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(key.split("/")) for key in keys],
            raise_on_error=False,
        )


@pytest.mark.usefixtures("environment")
def test_a_closed_gate_blocks_the_report_in_dagster_and_the_bridge_is_made(hub):
    closed_now(hub)
    defs = build_definitions(load_settings())

    found = materialize(defs, "recon/gate", "report/signed", "report/bridge")
    assert not found.success
    assert made(found) == {"recon/gate", "report/bridge"}
    [verdict] = [one for one in found.get_asset_check_evaluations() if one.check_name == "gate"]
    assert not verdict.passed
    alone = materialize(defs, "report/signed")
    assert made(alone) == set()
    [failure] = [event for event in alone.all_events if event.is_step_failure]
    assert "未对平" in str(failure.step_failure_data.user_failure_data or failure.message)


@pytest.mark.usefixtures("environment")
def test_an_open_gate_lets_every_report_be_made(hub, hub_home):
    now = datetime.now(UTC)
    month = newest_due(business_day(now), 10)
    hub.post(
        *deal("HT-1", 1000, f"{month}-12"), invoice(1, "HT-1", 1000, f"{month}-20"),
        at=now - 3 * HOUR,
    )  # fmt: skip
    defs = build_definitions(load_settings())
    reports = [f"report/{name}" for name in REPORTS]

    found = materialize(defs, "recon/gate", "recon/signed_agreed", *reports)
    assert found.success
    assert made(found) == {"recon/gate", "recon/signed_agreed", *reports}
    written = {path.name for path in (hub_home / "reports" / "default").iterdir()}
    assert len(written) == 2 * len(REPORTS)


def test_what_leaves_the_house_is_known_by_name():
    assert set(REPORTS) >= LEAVES_THE_HOUSE


@pytest.mark.usefixtures("environment")
def test_a_run_in_dagster_reconciles_what_changed_and_counts_it(hub):
    now = datetime.now(UTC)
    hub.post(invoice(1, "HT-404", 500, "2026-01-20"), at=now - 3 * HOUR)

    found = materialize(build_definitions(load_settings()), "recon/breaks")

    [event] = found.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert (metadata["documents"].value, metadata["breaks"].value) == (1, 1)
    with hub.engine.begin() as conn:
        kinds = conn.execute(sa.text("SELECT kind FROM finance.break")).scalars().all()
    assert kinds == ["invoice_without_contract"]

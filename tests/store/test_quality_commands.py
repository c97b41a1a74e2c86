"""`hub dictionary` and `hub quality` as people call them: what they print, and with which status they end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from hub.cli.main import main
from hub.privacy.keyring import KeyRing
from hub.settings import FormSettings, HubSettings
from hub.steps.mappings import prepare_registry
from tests.store.test_quality import Hub

pytestmark = pytest.mark.postgres
Run = Callable[..., tuple[int, str, str]]
CONFIG = """
forms:
  site: {require_token: false, core: [name, mobile_e164, budget_min_fen]}
quality: {min_leads: 2}
"""
SETTINGS = HubSettings(forms={"site": FormSettings(require_token=False)})


@pytest.fixture
def hub(engine: sa.Engine, keyring: KeyRing) -> Iterator[Hub]:
    with engine.begin() as conn:
        prepare_registry(conn, SETTINGS)
    made = Hub(engine, keyring, SETTINGS)
    yield made
    for loader in made.loaders:
        loader.close()


@pytest.fixture
def run(
    database_url: str,
    keyring: KeyRing,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs `hub …` in this process, on the test's database and keys; status, output, errors."""
    (tmp_path / "hub.yaml").write_text(CONFIG, "utf-8")
    monkeypatch.setenv("HUB_DATABASE_URL", database_url)
    monkeypatch.setenv("HUB_CONFIG", str(tmp_path / "hub.yaml"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hub.cli.quality.open_keyring", lambda: keyring)

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["hub", *words])
        status = 0
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return command


def filled_in(hub: Hub, *budgets: str) -> None:
    for number, budget in enumerate(budgets):
        hub.form(f"1990000100{number}", at=datetime.now(UTC), 预算=budget)
    hub.load()


def test_the_dictionary_is_a_table_of_every_field(run: Run) -> None:
    status, table, _ = run("dictionary", "--core")

    assert status == 0
    assert len(table.strip().splitlines()) == 1 + 12
    assert "预算" in table


def test_one_field_can_be_asked_for_by_its_label(run: Run) -> None:
    status, text, _ = run("dictionary", "预算")

    assert status == 0
    assert "field: budget_min_fen" in text
    assert "看心情" in text
    assert "owner: 销售部" in text


def test_a_field_that_is_not_there_is_bad_use_and_the_nearest_is_named(run: Run) -> None:
    status, _, told = run("dictionary", "nmae")

    assert status == 2
    assert "name" in told


def test_the_dictionary_as_json_and_csv_says_the_same(run: Run, tmp_path: Path) -> None:
    fields = json.loads(run("dictionary", "--json")[1])
    lines = run("dictionary", "--csv")[1].strip().splitlines()
    status, _, _ = run("dictionary", "--out", "dictionary.csv")

    assert status == 0
    assert len(lines) == 1 + len(fields)
    assert (tmp_path / "dictionary.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_budgets_that_mean_nothing_are_flagged_and_end_with_one(hub: Hub, run: Run) -> None:
    filled_in(hub, "随便", "看心情", "3万")
    status, text, _ = run("quality", "fields", "--core")

    assert status == 1
    [line] = [one for one in text.splitlines() if "budget_min_fen" in one]
    assert "66.7 %" in line
    assert "随便×1" in line
    assert "anomalous" in line


def test_leads_that_are_filled_in_well_end_with_zero(hub: Hub, run: Run) -> None:
    filled_in(hub, "3万", "5万")
    status, text, _ = run("quality", "fields", "--json")
    found = json.loads(text)

    assert status == 0
    assert found["sources"] == [
        {"merchant": "default", "source": "form-site", "leads": 2, "duplicates": 0}
    ]
    [budget] = [one for one in found["fields"] if one["field"] == "budget_min_fen"]
    assert (budget["fill_rate"], budget["anomaly_rate"], budget["flags"]) == (1.0, 0.0, [])


@pytest.mark.parametrize(
    ("form", "start"), [("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK"), ("html", b"<!doctype html>")]
)
def test_a_report_is_written_in_the_form_of_its_name(
    hub: Hub, run: Run, tmp_path: Path, form: str, start: bytes
) -> None:
    filled_in(hub, "3万", "5万")
    status, text, _ = run("quality", "fields", "--out", f"report.{form}")

    assert status == 0
    assert f"report: report.{form}" in text
    assert (tmp_path / f"report.{form}").read_bytes().startswith(start)


@pytest.mark.parametrize(
    "words", [("--month", "2026-13"), ("--source", "nobody"), ("--out", "report.pdf")]
)
def test_what_cannot_be_meant_is_one_clear_line(run: Run, words: tuple[str, str]) -> None:
    status, text, told = run("quality", "fields", *words)

    assert (status, text) == (2, "")
    assert len(told.strip().splitlines()) == 1


def test_days_are_counted_by_hand_where_no_dagster_runs(hub: Hub, run: Run) -> None:
    filled_in(hub, "3万")
    status, text, _ = run("quality", "count")
    again = run("quality", "count")[1]

    assert status == 0
    assert text.count(",") == 6
    assert again == "counted: nothing was due\n"

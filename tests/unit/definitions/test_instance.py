from __future__ import annotations

import stat

import pytest
import yaml
from dagster import DagsterInstance, QueuedRunCoordinator

from hub.definitions.instance import DATABASE_VARIABLE, psycopg2_url, write_instance
from hub.errors import ConfigError

URL = "postgresql://dagster:p%40ss@db.example:5433/runs"


def test_dagster_reads_what_is_written_and_reports_to_nobody(tmp_path):
    write_instance(tmp_path / "home")
    with DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert not isinstance(instance.run_coordinator, QueuedRunCoordinator)


def test_a_real_hub_keeps_dagsters_runs_in_postgresql(tmp_path):
    text = write_instance(tmp_path, postgres_url=URL).read_text("utf-8")
    document = yaml.safe_load(text)

    assert document["storage"] == {"postgres": {"postgres_url": {"env": DATABASE_VARIABLE}}}
    assert "run_coordinator" not in document
    assert "p@ss" not in text
    assert "p%40ss" not in text


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_dagster_speaks_to_its_database_through_psycopg2(scheme):
    """Plain `postgresql` would be psycopg 3 under a newer SQLAlchemy, which Dagster's SQL does not suit."""
    url = psycopg2_url(URL.replace("postgresql", scheme))

    assert url == URL.replace("postgresql", "postgresql+psycopg2")


def test_the_file_is_for_its_owner_only(tmp_path):
    assert stat.S_IMODE(write_instance(tmp_path, postgres_url=URL).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "url", ["nonsense", "mysql://a@b/c", "postgresql:///no-host", "postgresql://h"]
)
def test_a_wrong_url_is_one_clear_error_without_the_password(tmp_path, url):
    with pytest.raises(ConfigError, match="Dagster database"):
        write_instance(tmp_path, postgres_url=url)

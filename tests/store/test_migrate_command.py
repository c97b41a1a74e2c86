"""`hub migrate` as a person or a deployment runs it."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from hub.cli import migrate
from hub.cli.output import CheckFailedError
from hub.database.migrate import HEAD

pytestmark = pytest.mark.postgres


@pytest.fixture
def app(empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setenv("HUB_DATABASE_URL", empty_database_url)
    made = typer.Typer()
    made.callback()(lambda: None)
    migrate.register(made)
    return made


def test_check_tells_what_is_to_do_and_changes_nothing(app: typer.Typer):
    for _ in range(2):
        result = CliRunner().invoke(app, ["migrate", "--check"])

        assert result.output == f"database: empty, this hub: {HEAD}\n"
        assert isinstance(result.exception, CheckFailedError)


def test_migrate_can_be_run_again(app: typer.Typer):
    first, second, check = (
        CliRunner().invoke(app, arguments)
        for arguments in (["migrate"], ["migrate"], ["migrate", "--check"])
    )

    assert first.output == f"migrated to revision {HEAD}\n"
    assert second.output == f"already at revision {HEAD}\n"
    assert check.exit_code == 0

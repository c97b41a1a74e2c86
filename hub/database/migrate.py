"""Brings a database to the schema of this release, once, however many processes start together."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from hub.database.engine import store_errors
from hub.errors import ConfigError

HEAD = "0013"
# Any number that nothing else locks; one per database.
_LOCK = 0x6875625F6D696772
_SCRIPTS = Path(__file__).with_name("migrations")


def current_revision(engine: sa.Engine) -> str | None:
    """The revision a database is at, `None` for one that was never migrated.

    Raises:
        StoreAwayError: The database is away.
    """
    with store_errors(), engine.connect() as connection:
        return _revision(connection)


def upgrade(engine: sa.Engine) -> bool:
    """Migrate to `HEAD`; `False` if there was nothing to do.

    All revisions run in one transaction; processes that come meanwhile wait for it.

    Raises:
        ConfigError: The database was migrated by a newer hub.
        StoreError: The role may not create schemas, or a revision failed; nothing has changed.
        StoreAwayError: The database is away.
    """
    with store_errors():
        if current_revision(engine) == HEAD:
            return False
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as guard:
            guard.execute(sa.text("SET lock_timeout = '10min'"))
            guard.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            try:
                return _upgrade_alone(engine)
            finally:
                guard.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
                guard.execute(sa.text("RESET lock_timeout"))


def _upgrade_alone(engine: sa.Engine) -> bool:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    with engine.begin() as connection:
        found = _revision(connection)
        if found == HEAD:
            return False
        config = Config()
        config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
        known = {
            script.revision for script in ScriptDirectory.from_config(config).walk_revisions()
        }
        if found is not None and found not in known:
            raise ConfigError(
                f"the database is at revision {found}, unknown to this hub: run the newer hub"
            )
        connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS ops"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True


def _revision(connection: sa.Connection) -> str | None:
    if connection.scalar(sa.text("SELECT to_regclass('ops.alembic_version')")) is None:
        return None
    found = connection.scalar(sa.text("SELECT version_num FROM ops.alembic_version"))
    return None if found is None else str(found)

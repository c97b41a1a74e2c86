"""Brings a database to the schema of this release, once, however many processes start together."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from hub.database.engine import store_errors
from hub.database.restoring import unfinished_restore
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


def is_known(revision: str) -> bool:
    """Whether this release has the revision; if not, a newer hub wrote what is at it."""
    return revision in _known()


def upgrade(engine: sa.Engine, *, restoring: bool = False) -> bool:
    """Migrate to `HEAD`; `False` if there was nothing to do.

    All revisions run in one transaction; processes that come meanwhile wait for it.

    Args:
        engine: The store.
        restoring: For the restore itself, which alone may touch a store that it has not finished.

    Raises:
        ConfigError: The database was migrated by a newer hub, or a restore into it was cut off.
        StoreError: The role may not create schemas, or a revision failed; nothing has changed.
        StoreAwayError: The database is away.
    """
    with store_errors():
        if not restoring:
            _refuse_unfinished(engine)
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

    with engine.begin() as connection:
        found = _revision(connection)
        if found == HEAD:
            return False
        config = Config()
        config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
        if found is not None and not is_known(found):
            raise ConfigError(
                f"the database is at revision {found}, unknown to this hub: run the newer hub"
            )
        connection.execute(sa.text("CREATE SCHEMA IF NOT EXISTS ops"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True


def _known() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory(str(_SCRIPTS)).walk_revisions()}


def _refuse_unfinished(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        backup = unfinished_restore(connection)
    if backup is not None:
        raise ConfigError(
            f"a restore of {backup} into this database was not finished: run `hub restore` again"
        )


def _revision(connection: sa.Connection) -> str | None:
    if connection.scalar(sa.text("SELECT to_regclass('ops.alembic_version')")) is None:
        return None
    found = connection.scalar(sa.text("SELECT version_num FROM ops.alembic_version"))
    return None if found is None else str(found)

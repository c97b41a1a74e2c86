"""The revisions give the schema that the rooms' tables describe, once, and only forwards."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

import hub
from hub.database.engine import make_engine
from hub.database.metadata import SCHEMAS, metadata
from hub.database.migrate import HEAD, current_revision, upgrade
from hub.errors import ConfigError

pytestmark = pytest.mark.postgres

HUB = Path(hub.__file__).parent
# Every fact of a schema as one line of text, so that a difference reads like one.
CATALOG = (
    """
    SELECT format('schema %s', nspname) FROM pg_namespace n WHERE nspname = ANY(:schemas)
    """,
    """
    SELECT format('table %s.%s kind %s persistence %s options %s',
                  nspname, relname, relkind, relpersistence, reloptions)
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = ANY(:schemas) AND relkind IN ('r', 'p', 'v', 'm')
    """,
    """
    SELECT format('column %s.%s.%s %s%s default %s identity %s generated %s options %s %s',
                  nspname, relname, attname, format_type(atttypid, atttypmod),
                  CASE WHEN attnotnull THEN ' NOT NULL' END, pg_get_expr(adbin, adrelid),
                  attidentity, attgenerated, attoptions, attstorage)
    FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
    JOIN pg_namespace n ON n.oid = relnamespace
    LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
    WHERE nspname = ANY(:schemas) AND relkind IN ('r', 'p', 'v', 'm')
      AND attnum > 0 AND NOT attisdropped
    """,
    """
    SELECT format('constraint %s.%s %s %s', nspname, conrelid::regclass, conname,
                  pg_get_constraintdef(k.oid))
    FROM pg_constraint k JOIN pg_namespace n ON n.oid = connamespace
    WHERE nspname = ANY(:schemas)
    """,
    """
    SELECT format('index %s', pg_get_indexdef(c.oid))
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = ANY(:schemas) AND relkind IN ('i', 'I')
    """,
    """
    SELECT format('trigger %s', pg_get_triggerdef(t.oid))
    FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname = ANY(:schemas) AND NOT tgisinternal
    """,
    """
    SELECT format('function %s', pg_get_functiondef(p.oid))
    FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = ANY(:schemas)
    """,
)


def described(engine: sa.Engine) -> set[str]:
    """What the catalogs say of the hub's schemas."""
    with engine.connect() as connection:
        lines = {
            line
            for query in CATALOG
            for line in connection.scalars(sa.text(query), {"schemas": list(SCHEMAS)})
        }
    return {line for line in lines if "alembic_version" not in line}


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[sa.Engine]:
    engine = make_engine(empty_database_url)
    yield engine
    engine.dispose()


def test_migrated_equals_freshly_created(engine: sa.Engine, empty: sa.Engine):
    for tables in HUB.glob("*/tables.py"):
        importlib.import_module(f"hub.{tables.parent.name}.tables")
    with empty.begin() as connection:
        for schema in SCHEMAS:
            connection.execute(sa.schema.CreateSchema(schema))
        metadata.create_all(connection)

    migrated, fresh = described(engine), described(empty)

    assert len(fresh) > len(metadata.tables)
    only_migrated = "\n  ".join(sorted(migrated - fresh)) or "-"
    only_tables = "\n  ".join(sorted(fresh - migrated)) or "-"
    assert migrated == fresh, (
        "the revisions and the tables.py files differ\n"
        f"only the revisions make:\n  {only_migrated}\n"
        f"only tables.py describes:\n  {only_tables}"
    )


def test_head_is_the_last_revision():
    """`HEAD` is written down so that a start-up needs no Alembic to see that nothing is to do."""
    scripts = ScriptDirectory(str(HUB / "database" / "migrations"))

    assert scripts.get_heads() == [HEAD]


def test_an_empty_database_becomes_head_and_stays(empty: sa.Engine):
    assert current_revision(empty) is None

    assert upgrade(empty) is True
    assert upgrade(empty) is False

    assert current_revision(empty) == HEAD


def test_processes_that_start_together_migrate_once(empty_database_url: str):
    engines = [make_engine(empty_database_url) for _ in range(4)]
    try:
        with ThreadPoolExecutor(len(engines)) as pool:
            changed = list(pool.map(upgrade, engines))
    finally:
        for engine in engines:
            engine.dispose()

    assert sorted(changed) == [False, False, False, True]


def test_the_database_of_a_newer_hub_is_refused(engine: sa.Engine):
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE ops.alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigError, match="9999"):
        upgrade(engine)


def test_the_hub_is_no_superuser(engine: sa.Engine):
    with engine.connect() as connection:
        rights = connection.execute(
            sa.text(
                "SELECT rolsuper, rolcreaterole, rolreplication FROM pg_roles"
                " WHERE rolname = current_user"
            )
        ).one()

    assert not any(rights)

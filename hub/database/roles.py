"""Roles of people in PostgreSQL: analysts see masked views by rule, support all that is not sealed (docs/roles.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import psycopg
import sqlalchemy as sa
from psycopg.sql import SQL, Identifier

from hub.database.engine import libpq_url, store_errors
from hub.errors import ConfigError

ANALYST, READONLY = "hub_analyst", "hub_readonly"
ROLES = (ANALYST, READONLY)


@dataclass(frozen=True, slots=True)
class RowRule:
    """What a role sees in the views: a merchant's rows, of one source or province only unless that is ""."""

    role: str
    merchant: str
    source_key: str = ""
    province_code: str = ""


def roles_sql() -> str:
    """The views and grants as SQL, for whoever wants to read or run it by hand."""
    return files("hub.database").joinpath("roles.sql").read_text("utf-8")


def create_roles(admin_url: str) -> list[str]:
    """Make the roles that are not there; those that were made. They cannot log in: grant them to people.

    Args:
        admin_url: A connection that may make roles.
    """
    made = []
    with store_errors(), psycopg.connect(libpq_url(admin_url), autocommit=True) as conn:
        for role in ROLES:
            known = conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
            if known is None:
                conn.execute(SQL("CREATE ROLE {} NOLOGIN").format(Identifier(role)))
                made.append(role)
    return made


def apply_roles(url: str) -> None:
    """Make the views and grants anew, as the owner of the tables.

    Raises:
        ConfigError: the roles are not there yet; the text says what to run.
    """
    with store_errors(), psycopg.connect(libpq_url(url), autocommit=True) as conn:
        rows = conn.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (list(ROLES),)
        ).fetchall()
        missing = sorted(set(ROLES) - {row[0] for row in rows})
        if missing:
            said = " ".join(f"CREATE ROLE {role} NOLOGIN;" for role in missing)
            raise ConfigError(f"somebody who may make roles has to run first: {said}")
        conn.execute(roles_sql().encode())


def add_rule(conn: sa.Connection, rule: RowRule) -> None:
    """Let a role see rows; a rule that is there stays as it is."""
    conn.execute(
        sa.text(
            "INSERT INTO ops.row_rule (role_name, merchant, source_key, province_code)"
            " VALUES (:role, :merchant, :source, :province) ON CONFLICT DO NOTHING"
        ),
        _values(rule),
    )


def remove_rule(conn: sa.Connection, rule: RowRule) -> bool:
    """Take a rule away; whether it was there."""
    return (
        conn.execute(
            sa.text(
                "DELETE FROM ops.row_rule WHERE role_name = :role AND merchant = :merchant"
                " AND source_key = :source AND province_code = :province"
            ),
            _values(rule),
        ).rowcount
        > 0
    )


def rules(conn: sa.Connection) -> Sequence[RowRule]:
    """Every rule, by role."""
    rows = conn.execute(
        sa.text(
            "SELECT role_name, merchant, source_key, province_code FROM ops.row_rule ORDER BY 1, 2, 3, 4"
        )
    )
    return [RowRule(*row) for row in rows]


def _values(rule: RowRule) -> dict[str, str]:
    return {
        "role": rule.role,
        "merchant": rule.merchant,
        "source": rule.source_key,
        "province": rule.province_code,
    }

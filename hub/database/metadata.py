"""The one MetaData that every room's tables hang on, and column shorthands."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Identity, MetaData, Text
from sqlalchemy.dialects.postgresql import BYTEA, TIMESTAMP, UUID

metadata = MetaData()

SCHEMAS = ("inbox", "registry", "crm", "finance", "alerts", "ops")


def text(name: str, **options: Any) -> Column[Any]:  # noqa: ANN401 -- SQLAlchemy's own options
    """A text column that must be filled, unless told otherwise."""
    return Column(name, Text, **{"nullable": False, **options})


def instant(name: str, **options: Any) -> Column[Any]:  # noqa: ANN401
    """An aware instant that must be filled, unless told otherwise."""
    return Column(name, TIMESTAMP(timezone=True), **{"nullable": False, **options})


def identifier(name: str, **options: Any) -> Column[Any]:  # noqa: ANN401
    """A UUID that must be filled, unless told otherwise."""
    return Column(name, UUID(as_uuid=True), **{"nullable": False, **options})


def sealed(name: str = "sealed", **options: Any) -> Column[Any]:  # noqa: ANN401
    """Sealed bytes; the key id is in their first two bytes."""
    return Column(name, BYTEA, **{"nullable": True, **options})


def serial(name: str, **options: Any) -> Column[Any]:  # noqa: ANN401
    """A number that the database gives, always rising."""
    return Column(name, BigInteger, Identity(always=True), **{"nullable": False, **options})

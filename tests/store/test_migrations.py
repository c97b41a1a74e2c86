"""The revisions give the schema that the rooms' tables describe."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hub.database.migrate import HEAD, current_revision, upgrade

pytestmark = pytest.mark.postgres


def test_a_fresh_database_is_at_head(engine: sa.Engine):
    assert current_revision(engine) == HEAD
    assert upgrade(engine) is False

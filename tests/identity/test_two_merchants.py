"""Promise 8: one phone at two merchants is two contacts, and no query and no index of the CRM joins them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import pytest
import sqlalchemy as sa

from tests.conftest import TestServer
from tests.identity.generator import Given
from tests.identity.store import AT, Hub, lead_of, partition

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "hub" / "crm").glob("*.py"))
# By what else than a key they look: the number of a decision; a generation of keys, whoever's, while it is rotated.
BY_OTHERS = frozenset(
    {
        "DELETE FROM crm.stopped_key WHERE decision_id = %s RETURNING blind",
        "SELECT count(*) FROM crm.stopped_key WHERE blind >= %s AND blind < %s",
    }
)
_KEYED = ("blind", ".keys &&", "keys && ", "= ANY(l.keys)")


def statements(path: Path) -> Iterator[str]:
    """Every SQL text of a module that speaks of keys; docstrings are not SQL."""
    tree = ast.parse(path.read_text("utf-8"))
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inside = {id(part) for node in joined for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = " ".join(part.value for part in node.values if _is_text(part))
        elif _is_text(node) and id(node) not in inside:
            text = node.value
        else:
            continue
        is_sql = any(word in text for word in ("SELECT ", "UPDATE ", "DELETE ", "JOIN "))
        if is_sql and any(word in text for word in _KEYED):
            yield " ".join(text.split())


def _is_text(node: ast.AST) -> TypeGuard[Any]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_statement_that_looks_by_key_names_the_merchant(path: Path) -> None:
    for statement in set(statements(path)) - BY_OTHERS:
        assert "merchant" in statement, f"{path.name}: {statement}"


def test_the_look_at_statements_sees_those_that_there_are() -> None:
    """Else the test above would hold for a store that looks by key in words that it does not know."""
    found = {path.name for path in SOURCES for _ in statements(path)}

    assert {"contacts.py", "clusters.py", "decisions.py", "counts.py"} <= found


@pytest.fixture
def hub(test_server: TestServer, template_database: str, tmp_path: Path) -> Iterator[Hub]:
    made = Hub(test_server, template_database, tmp_path)
    yield made
    made.close()


FIELDS = {
    "姓名": "张三",
    "手机": "19900001111",
    "身份证号": "110101199001010015",
    "邮箱": "a@example.com",
    "unionid": "u1",
    "openid": "o1",
    "appid": "wx1",
}


@pytest.mark.postgres
def test_one_phone_at_two_merchants_is_two_contacts(hub: Hub) -> None:
    """Nor are they joined by an ID number, a unionid, an openid or an e-mail address that both know."""
    world = [
        Given(n, merchant, n, None, AT, FIELDS) for n, merchant in enumerate(("m1", "m2", "m1"))
    ]
    found, together = hub.load(hub.filled(world), 1)
    first, other, again = map(lead_of, world)

    assert found.holds
    assert partition(together) == {frozenset({first, again}), frozenset({other})}
    engine = hub.last_engine()
    try:
        with engine.begin() as conn:
            shared = conn.execute(
                sa.text(
                    "SELECT count(*) FROM crm.contact_key a JOIN crm.contact_key b"
                    " ON a.blind = b.blind AND a.merchant <> b.merchant"
                )
            ).scalar_one()
    finally:
        engine.dispose()
    assert shared == 0  # even the blind keys differ: whoever joins the table gets nothing


@pytest.mark.postgres
def test_every_index_that_orders_keys_begins_with_the_merchant(engine: sa.Engine) -> None:
    statement = sa.text(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'crm' AND indexdef ~ 'btree.*(blind|keys)'"
    )
    with engine.begin() as conn:
        found = list(conn.execute(statement).scalars())

    assert found
    for definition in found:
        assert "(merchant" in definition, definition

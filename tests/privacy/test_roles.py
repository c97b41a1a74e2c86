"""What people may read in the database, tried with their own roles over their own connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from hub.crm.tables import lead, touchpoint
from hub.database.engine import libpq_url
from hub.database.metadata import SCHEMAS
from hub.database.roles import RowRule, add_rule, apply_roles, create_roles, remove_rule, rules
from hub.errors import ConfigError
from hub.finance.attribution_tables import share
from hub.finance.gate_tables import gate_reading, metric_value
from hub.finance.reconciliation_tables import break_, match
from hub.finance.tables import document
from hub.model.ids import uuid7
from tests.conftest import TestServer
from tests.privacy.erasing import MORNING

pytestmark = pytest.mark.postgres
PEOPLE = {
    "hub_test_anna": "hub_analyst",
    "hub_test_ben": "hub_analyst",
    "hub_test_eve": "hub_readonly",
}
LEADS = [("a", "shop-1", "440000"), ("a", "shop-2", "110000"), ("b", "shop-3", "440000")]


class Roles:
    """A store with three leads of two merchants, and people who log in to it."""

    def __init__(self, url: str, engine: sa.Engine) -> None:
        self.url, self.engine = url, engine

    def ask(self, who: str, query: str) -> list[tuple[Any, ...]]:
        url = make_url(libpq_url(self.url)).set(username=who).render_as_string(hide_password=False)
        with psycopg.connect(url) as conn:
            return conn.execute(query.encode()).fetchall()

    def refused(self, who: str, query: str) -> bool:
        try:
            self.ask(who, query)
        except psycopg.errors.InsufficientPrivilege:
            return True
        return False

    def allow(self, *rule: str) -> None:
        with self.engine.begin() as conn:
            add_rule(conn, RowRule(*rule))


@pytest.fixture
def roles(test_server: TestServer, database_url: str, engine: sa.Engine) -> Iterator[Roles]:
    create_roles(str(test_server.admin.url))
    apply_roles(database_url)
    with test_server.admin.connect() as conn:
        for name, group in PEOPLE.items():
            conn.exec_driver_sql(f"CREATE ROLE {name} LOGIN IN ROLE {group}")
    with engine.begin() as conn:
        for merchant, source, province in LEADS:
            _add_lead(conn, merchant, source, province)
            _add_books(conn, merchant, source)
        for merchant in ("a", "b"):
            _add_figures(conn, merchant)
    yield Roles(database_url, engine)
    with test_server.admin.connect() as conn:
        for name in PEOPLE:
            conn.exec_driver_sql(f"DROP ROLE {name}")


def _add_lead(conn: sa.Connection, merchant: str, source: str, province: str) -> None:
    own, record = uuid7(), uuid7()
    conn.execute(
        lead.insert().values(
            id=own, merchant=merchant, source_key=source, entity="lead", contact_id=uuid7(),
            first_record_id=record, received_at=MORNING, loaded_at=MORNING, mapping_version="m",
            province_code=province, utm_campaign="c", keys=[b"\5" + b"k" * 16], revisions=[record],
            content_hash=b"h", sealed=b"sealed",
        )
    )  # fmt: skip
    conn.execute(
        touchpoint.insert().values(
            record_id=record, ordinal=0, slot=0, merchant=merchant, lead_id=own, kind="lead",
            occurred_at=MORNING, sealed=b"sealed",
        )
    )  # fmt: skip


def _add_books(conn: sa.Connection, merchant: str, source: str) -> None:
    own, record = uuid7(), uuid7()
    facts = {
        "tax_fen": 6,
        "is_sealed": True,
        "due_on": "2026-03-01",
        "party_credit_code": "91110000",
    }
    conn.execute(
        document.insert().values(
            id=own, merchant=merchant, source_key=source, entity="invoice", number="1", amount_fen=100,
            party=[b"k" * 17], keys=[b"k" * 17], facts=facts, first_record_id=record,
            received_at=MORNING, loaded_at=MORNING, mapping_version="m", revisions=[record],
            content_hash=b"h", sealed=b"sealed",
        )
    )  # fmt: skip
    conn.execute(
        match.insert().values(
            document_id=own, ordinal=0, merchant=merchant, contract_number="HT-1", entity="invoice",
            amount_fen=100, rule="contract_number",
        )
    )  # fmt: skip
    conn.execute(
        break_.insert().values(
            id=f"{merchant}-{source}", merchant=merchant, kind="amount_differs", state="open",
            document_id=own, entity="invoice", source_key=source, amount_fen=1, facts_hash=b"h",
            detail={"found": "C-1"}, first_seen=MORNING, changed_at=MORNING,
        )
    )  # fmt: skip


def _add_figures(conn: sa.Connection, merchant: str) -> None:
    named = {"merchant": merchant, "metric": "signed", "period": "2026-02", "version": "1-0-0"}
    conn.execute(
        metric_value.insert().values(
            **named, digest="d", amount_fen=1, documents=1, apart={}, aside={}, computed_at=MORNING
        )
    )
    conn.execute(gate_reading.insert().values(**named, hour=MORNING, at=MORNING, detail="x"))
    conn.execute(
        share.insert().values(
            merchant=merchant, contract_number="HT-1", model="first", ordinal=0, channel="c",
            campaign="c", creative="c", fen=1, received_fen=1, parts=1, whole=1, why=[],
        )
    )  # fmt: skip


LEADS_VIEWS = ("lead", "contact", "touchpoint", "campaign")
BOOKS_VIEWS = ("document", "match", "break", "metric", "gate", "share")
VIEWS = (*LEADS_VIEWS, *BOOKS_VIEWS)


def test_who_has_no_rule_sees_nothing(roles: Roles) -> None:
    for view in VIEWS:
        assert roles.ask("hub_test_anna", f"TABLE analyst.{view}") == []


def test_an_analyst_sees_the_merchant_of_their_rule_and_no_other(roles: Roles) -> None:
    roles.allow("hub_test_anna", "a")

    for view in VIEWS:
        found = roles.ask("hub_test_anna", f"SELECT DISTINCT merchant FROM analyst.{view}")  # noqa: S608 -- names of this test
        assert found == [("a",)]
    assert roles.ask("hub_test_ben", "SELECT * FROM analyst.lead") == []


@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        (("hub_test_anna", "a", "shop-1"), ["shop-1"]),
        (("hub_test_anna", "a", "", "110000"), ["shop-2"]),
        (("hub_test_anna", "a", "shop-1", "110000"), []),
        (("hub_analyst", "b"), ["shop-3"]),
    ],
)
def test_rules_go_down_to_a_shop_or_a_province_and_up_to_a_group(
    roles: Roles, rule: tuple[str, ...], seen: list[str]
) -> None:
    roles.allow(*rule)

    for view in ("lead", "campaign"):
        found = roles.ask("hub_test_anna", f"SELECT source_key FROM analyst.{view}")  # noqa: S608 -- names of this test
        assert [row[0] for row in found] == seen
    assert len(roles.ask("hub_test_anna", "SELECT * FROM analyst.touchpoint")) == len(seen)


def test_a_rule_can_be_taken_away(roles: Roles) -> None:
    roles.allow("hub_test_anna", "a")
    with roles.engine.begin() as conn:
        assert remove_rule(conn, rules(conn)[0])
        assert not rules(conn)

    assert roles.ask("hub_test_anna", "SELECT * FROM analyst.lead") == []


def test_an_analyst_reads_views_and_nothing_else(roles: Roles) -> None:
    roles.allow("hub_test_anna", "a")
    with roles.engine.connect() as conn:
        tables = conn.execute(
            sa.text(
                "SELECT table_schema || '.' || table_name FROM information_schema.tables"
                " WHERE table_schema = ANY(:schemas)"
            ),
            {"schemas": list(SCHEMAS)},
        ).scalars().all()  # fmt: skip

    assert len(tables) > 30
    assert [t for t in tables if not roles.refused("hub_test_anna", f"TABLE {t}")] == []
    assert roles.refused(
        "hub_test_anna", "INSERT INTO analyst.lead (merchant) VALUES ('b') RETURNING 1"
    )
    assert roles.refused(
        "hub_test_anna", "INSERT INTO ops.row_rule VALUES ('hub_test_anna', 'b') RETURNING 1"
    )
    assert roles.refused("hub_test_anna", "SELECT set_config('role', 'hub_app', false)")


def test_no_view_has_a_sealed_value_or_a_key(roles: Roles) -> None:
    with roles.engine.connect() as conn:
        columns = conn.execute(
            sa.text(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'analyst'"
            )
        ).all()

    assert len(columns) > 40
    assert not [
        name for name, kind in columns if kind in ("bytea", "jsonb") or name in ("keys", "sealed")
    ]


@pytest.mark.parametrize(
    ("rule", "views"),
    [
        (("a", "shop-1"), {"document", "match", "break"}),
        (("a", "", "440000"), set()),
        (("a",), set(BOOKS_VIEWS)),
    ],
)
def test_the_books_follow_rules_and_a_merchants_figures_are_for_who_may_see_all_of_it(
    roles: Roles, rule: tuple[str, ...], views: set[str]
) -> None:
    roles.allow("hub_test_anna", *rule)

    seen = {view for view in BOOKS_VIEWS if roles.ask("hub_test_anna", f"TABLE analyst.{view}")}
    assert seen == views


def test_a_document_shows_its_facts_and_nothing_that_merchants_could_be_joined_by(
    roles: Roles,
) -> None:
    roles.allow("hub_test_anna", "a", "shop-1")
    query = "SELECT tax_fen, is_sealed, has_scan, due_on FROM analyst.document"

    assert roles.ask("hub_test_anna", query) == [(6, True, False, "2026-03-01")]
    shown = roles.ask(
        "hub_test_anna", "SELECT d::text, b::text FROM analyst.document d, analyst.break b"
    )
    assert "9111" not in str(shown)
    assert "C-1" not in str(shown)


def test_a_function_in_a_condition_sees_only_permitted_rows(roles: Roles) -> None:
    """Without security_barrier a cheap function would be asked before the rule."""
    roles.allow("hub_test_anna", "a")
    url = make_url(libpq_url(roles.url)).set(username="hub_test_anna")
    seen: list[str] = []
    with psycopg.connect(url.render_as_string(hide_password=False)) as conn:
        conn.add_notice_handler(lambda notice: seen.append(notice.message_primary or ""))
        conn.execute(
            "CREATE FUNCTION pg_temp.look(text) RETURNS bool LANGUAGE plpgsql COST 0.0000001"
            " AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"
        )
        conn.execute("SELECT * FROM analyst.lead WHERE pg_temp.look(source_key)")
        conn.rollback()  # a temporary function goes some time after its session, and keeps the role till then

    assert sorted(set(seen)) == ["shop-1", "shop-2"]


def test_support_reads_all_that_is_neither_sealed_nor_a_key(roles: Roles) -> None:
    assert len(roles.ask("hub_test_eve", "SELECT merchant, source_key FROM crm.lead")) == 3
    assert len(roles.ask("hub_test_eve", "SELECT number, amount_fen FROM finance.document")) == 3
    for what in (
        "sealed FROM crm.lead", "keys FROM crm.lead", "* FROM crm.lead", "content_hash FROM crm.lead",
        "sealed FROM inbox.record", "sealed FROM inbox.queue", "key FROM inbox.delivery_key",
        "blind FROM crm.contact_key", "blind FROM crm.tombstone", "body FROM crm.decision",
        "sealed FROM finance.document", "keys FROM finance.document", "party FROM finance.document",
        "links FROM finance.document", "sealed FROM finance.document_revision",
        "party FROM finance.change", "source_key FROM ops.token", "state FROM ops.authorization_state",
    ):  # fmt: skip
        assert roles.refused("hub_test_eve", "SELECT " + what), what
    assert roles.refused("hub_test_eve", "DELETE FROM crm.lead RETURNING 1")


def test_no_role_of_people_joins_merchants_by_a_key(roles: Roles) -> None:
    """One phone at two merchants is two contacts, also for whoever asks the database."""
    roles.allow("hub_test_anna", "a")
    roles.allow("hub_test_anna", "b")
    join = (
        "SELECT 1 FROM crm.lead x JOIN crm.lead y ON x.keys && y.keys AND x.merchant <> y.merchant"
    )

    assert roles.refused("hub_test_anna", join)
    assert roles.refused("hub_test_eve", join)
    shared = "SELECT contact_id FROM analyst.lead GROUP BY 1 HAVING count(DISTINCT merchant) > 1"
    assert roles.ask("hub_test_anna", shared) == []


def test_the_hub_itself_is_no_superuser(roles: Roles) -> None:
    found = roles.ask(
        "hub_app",
        "SELECT rolsuper, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = 'hub_app'",
    )

    assert found == [(False, False, False)]


def test_applying_twice_changes_nothing_and_without_roles_it_says_what_to_run(
    roles: Roles, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply_roles(database_url)
    roles.allow("hub_test_anna", "a")
    assert len(roles.ask("hub_test_anna", "SELECT * FROM analyst.lead")) == 2

    monkeypatch.setattr("hub.database.roles.ROLES", ("hub_analyst", "hub_nobody"))
    with pytest.raises(ConfigError, match="CREATE ROLE hub_nobody NOLOGIN"):
        apply_roles(database_url)

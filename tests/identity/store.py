"""The generated world on a real database: queued as forms post it, loaded by real `hub work` processes."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from hub.database.engine import driver, make_engine
from hub.identity.edges import Node, clusters
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.mapping.examples import example_id
from hub.model.delivery import Envelope, Via
from hub.model.ids import lead_id
from hub.model.lead import IdentityKey, KeyKind, RecordContext
from hub.privacy.keyring import KeyRing, new_keys
from hub.settings import FormSettings, HubSettings, MerchantSettings
from hub.steps.fold_leads import blind_key
from hub.steps.publish import check_document, publish_checked
from hub.steps.verify import Verification, verify
from tests.conftest import TestServer
from tests.identity.generator import MERCHANTS, Given
from tests.identity.mapping import FILES, compiled, document

AT = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
_AT_ONCE = 1000
SETTINGS = HubSettings(
    merchants=tuple(MerchantSettings(id=merchant) for merchant in MERCHANTS),
    forms={merchant: FormSettings(merchant=merchant) for merchant in MERCHANTS},
    detect_drift=False,
)


def lead_of(one: Given) -> UUID:
    """The id that the hub gives a generated lead."""
    return lead_id(one.merchant, f"form-{one.merchant}", "lead", f"g-{one.number}", 0)


class Truth:
    """The generated leads as identity sees them, and the partition that all of them at once give."""

    def __init__(self, world: Sequence[Given], ring: KeyRing) -> None:
        self.given = {lead_of(one): one for one in world}
        self.keys: dict[UUID, list[bytes]] = {}
        self.nodes: dict[str, list[Node]] = {merchant: [] for merchant in MERCHANTS}
        for lead, one in self.given.items():
            keys = [(key, blind_key(ring, one.merchant, key)) for key in _mapped_keys(one)]
            self.keys[lead] = [blind for key, blind in keys if key.kind is not KeyKind.NAME]
            at = int(one.at.timestamp())
            self.nodes[one.merchant].append(Node(lead, [blind for _, blind in keys], at))

    def clusters(self) -> dict[UUID, UUID]:
        """Lead → smallest lead of its cluster, merchant by merchant."""
        found: dict[UUID, UUID] = {}
        for nodes in self.nodes.values():
            found |= clusters(nodes)
        return found


def _mapped_keys(one: Given) -> tuple[IdentityKey, ...]:
    context = RecordContext(
        one.merchant,
        f"form-{one.merchant}",
        "webform",
        "form",
        "form",
        UUID(int=one.number),
        one.at,
    )
    [lead] = compiled().map(one.payload(), context, example_id).leads
    return lead.keys


class Hub:
    """A database with a world in its queue; every `load` takes a copy of it."""

    def __init__(self, server: TestServer, template: str, folder: Path) -> None:
        self.keys = new_keys()
        self.ring = KeyRing.parse(self.keys)
        self._server = server
        self._config = folder / "hub.yaml"
        self._config.write_text(SETTINGS.model_dump_json(), "utf-8")
        self._template = template
        self._made: list[str] = []

    def filled(self, world: Iterable[Given]) -> str:
        """The name of a database whose queue holds these leads in this order."""
        name = self._create(self._template)
        engine = make_engine(self.url(name))
        checked = check_document(FILES, document())
        publish_checked(engine, checked, merchant="", published_by="a test", reason="more labels")
        sources = SETTINGS.all_sources()
        rest = iter(world)
        for place in itertools.count():
            part = list(itertools.islice(rest, _AT_ONCE))
            if not part:
                break
            deliveries = [
                seal_delivery(
                    self.ring,
                    f"form-{one.merchant}",
                    sources[f"form-{one.merchant}"],
                    Envelope(
                        "form", json.dumps(one.payload()).encode(), context={"form": one.merchant}
                    ),
                    Arrival(Via.FORM, AT + timedelta(milliseconds=place), f"g-{one.number}"),
                )
                for one in part
            ]
            with engine.begin() as conn:
                store_deliveries(driver(conn), deliveries)
        engine.dispose()
        return name

    def load(
        self,
        filled: str,
        loaders: int,
        meanwhile: Callable[[sa.Engine, Callable[[], bool]], None] | None = None,
    ) -> tuple[Verification, dict[UUID, UUID]]:
        """Empty a copy's queue with so many processes; the deep verification, and lead → root contact.

        `meanwhile` is given the store and a function that tells whether a loader still runs.
        """
        name = self._create(filled)
        command = [sys.executable, "-m", "hub.cli.main", "work", "--quiet", "--until-empty"]
        running = [subprocess.Popen(command, env=self._environment(name)) for _ in range(loaders)]
        engine = make_engine(self.url(name))
        try:
            if meanwhile is not None:
                meanwhile(engine, lambda: any(process.poll() is None for process in running))
            assert [process.wait(1800) for process in running] == [0] * loaders
            return verify(engine, self.ring, deep=True, settings=SETTINGS), together(engine)
        finally:
            engine.dispose()

    def last_engine(self) -> sa.Engine:
        """An engine on the copy that was loaded last."""
        return make_engine(self.url(self._made[-1]))

    def url(self, name: str) -> str:
        """Where a database is."""
        return self._server.url_of(name)

    def close(self) -> None:
        """Drop every copy."""
        for name in self._made:
            self._server.drop(name)

    def _create(self, template: str) -> str:
        self._made.append(self._server.create(template))
        return self._made[-1]

    def _environment(self, name: str) -> dict[str, str]:
        return {
            **os.environ,
            "HUB_HOME": str(self._config.parent / f"home-{name}"),
            "HUB_CONFIG": str(self._config),
            "HUB_DATABASE_URL": self.url(name),
            "HUB_KEYS": json.dumps(self.keys),
        }


def together(engine: sa.Engine) -> dict[UUID, UUID]:
    """Lead → root contact, read from the store alone."""
    statement = (
        "WITH RECURSIVE up AS (SELECT id AS start, id, merged_into FROM crm.contact"
        " UNION ALL SELECT up.start, c.id, c.merged_into FROM up JOIN crm.contact c ON c.id = up.merged_into)"
        " SELECT l.id, up.id FROM crm.lead l JOIN up ON up.start = l.contact_id AND up.merged_into IS NULL"
    )
    with engine.begin() as conn:
        rows: list[Any] = list(conn.execute(sa.text(statement)))
    return {row[0]: row[1] for row in rows}


def partition(cluster_of: dict[UUID, UUID]) -> set[frozenset[UUID]]:
    """The same as sets of leads."""
    groups: dict[UUID, set[UUID]] = {}
    for lead, cluster in cluster_of.items():
        groups.setdefault(cluster, set()).add(lead)
    return {frozenset(group) for group in groups.values()}

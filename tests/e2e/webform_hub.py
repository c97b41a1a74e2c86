"""A real receiver on a real PostgreSQL for the browser tests, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
import uvicorn

from hub.connectors.webform import CONNECTOR
from hub.database.engine import make_engine
from hub.inbox.sealing import unseal_envelope
from hub.inbox.tables import queue
from hub.privacy.keyring import KeyRing
from hub.receiver.app import ReceiverSetup, create_app
from hub.settings import FormSettings, HubSettings


@dataclass(frozen=True)
class TakenForm:
    """What the loader will find: the record's payload, and why it is suspect."""

    payload: dict[str, Any]
    suspect: str


@dataclass(frozen=True)
class RunningHub:
    """A receiver while it runs."""

    url: str
    engine: sa.Engine
    keyring: KeyRing
    settings: HubSettings

    def records(self) -> list[TakenForm]:
        """Every record that was taken, oldest first; duplicates are none."""
        sources = self.settings.all_sources()
        found = []
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(queue).order_by(queue.c.seq)).all()
        for row in rows:
            envelope = unseal_envelope(self.keyring, row.sealed, row.item_id)
            (raw,) = CONNECTOR.split(envelope, sources[row.source_key])
            suspect = raw.headers.get("suspect", "")
            found.append(TakenForm(msgspec.json.decode(raw.payload), suspect))
        return found


def form_settings(origin: str) -> HubSettings:
    """Forms that differ in their traps: none to wait for, ten minutes to wait, no token asked."""
    return HubSettings(
        forms={
            "contact": FormSettings(origins=(origin,), min_fill_s=0),
            "patient": FormSettings(origins=(origin,), min_fill_s=600),
            "plain": FormSettings(origins=(origin,), require_token=False),
        }
    )


@contextmanager
def run_hub(
    origin: str, keyring: KeyRing, database_url: str, folder: Path
) -> Iterator[RunningHub]:
    """A receiver whose forms take posts of `origin`, until the block ends."""
    settings = form_settings(origin)
    setup = ReceiverSetup(
        settings,
        keyring,
        database_url,
        folder / "spool",
        "browser",
        connectors={"webform": CONNECTOR},
    )
    config = uvicorn.Config(create_app(setup), host="127.0.0.1", port=0, access_log=False)
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    listening.listen()  # who comes before the receiver is up waits, instead of being refused
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    engine = make_engine(database_url)
    try:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield RunningHub(url, engine, keyring, settings)
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
        engine.dispose()

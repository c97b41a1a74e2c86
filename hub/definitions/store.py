"""How runs, checks and sensors come to the store: opened for the work, closed after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import dagster as dg
import sqlalchemy as sa

from hub.errors import HubError
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, load_settings
from hub.steps.keys import open_keyring
from hub.steps.open_store import open_store


@dataclass(frozen=True)
class OpenHub:
    """An open hub: its engine and settings, and its keys when they are asked for."""

    engine: sa.Engine
    settings: HubSettings

    @cached_property
    def keyring(self) -> KeyRing:
        """The key ring; what only counts needs none."""
        return open_keyring()

    def spooled(self) -> dict[str, int]:
        """Deliveries in this machine's spools, by source key."""
        return {}


class HubStore(dg.ConfigurableResource[None]):
    """The store that `HUB_DATABASE_URL` or `HUB_HOME` names. Configured by the environment alone."""

    @contextmanager
    def open(self) -> Iterator[OpenHub]:
        """The hub, opened. The embedded server is let go afterwards, so that no process is left."""
        with open_store(pool_size=2, application="lead-hub-dagster") as store:
            yield OpenHub(store.engine, load_settings())


@contextmanager
def clear_errors() -> Iterator[None]:
    """An error of the hub as one line on the run's page; its text never carries personal data."""
    try:
        yield
    except HubError as error:
        raise dg.Failure(description=str(error)) from None

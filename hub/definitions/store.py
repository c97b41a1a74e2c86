"""How runs, checks and sensors come to the store: opened for the work, closed after it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from hub.errors import HubError
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings, home, load_settings
from hub.steps.keys.ring import open_keyring
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

    @property
    def spool(self) -> Path:
        """Where the receivers of this machine keep their spools."""
        return home() / "spool"


class HubStore:
    """The store that `HUB_DATABASE_URL` or `HUB_HOME` names. Configured by the environment alone."""

    @contextmanager
    def open(self) -> Iterator[OpenHub]:
        """The hub, opened. The embedded server is let go afterwards, so that no process is left."""
        with open_store(pool_size=2, application="lead-hub-dagster") as store:
            yield OpenHub(store.engine, load_settings())


@contextmanager
def clear_errors() -> Iterator[None]:
    """An error as one line on the run's page, and where it arose; never its text, if it is not ours.

    The text of any other error may repeat a payload, and what Dagster stores stays.
    """
    try:
        yield
    except dg.Failure:
        raise
    except HubError as error:
        raise dg.Failure(description=str(error)) from None
    except Exception as error:  # noqa: BLE001 -- whatever it is, its text must not be stored
        frames = traceback.extract_tb(error.__traceback__)
        where = "\n".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
        raise dg.Failure(
            description=f"{type(error).__name__}: a bug, or something the hub did not expect",
            metadata={"where": dg.MetadataValue.md(f"```\n{where}\n```")},
        ) from None

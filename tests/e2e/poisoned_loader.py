"""A loader whose connector kills the whole process on one record, as a broken native library would."""

from __future__ import annotations

import os
import signal
from typing import Any

from hub.connectors.base import connectors
from hub.database.engine import make_engine
from hub.model.delivery import Envelope, RawRecord
from hub.settings import SourceSettings, load_settings
from hub.steps.keys.ring import open_keyring
from hub.steps.load import Loader


class KillingConnector:
    """Douyin's connector, but a page with the word `poison` ends the process when its record is split or mapped."""

    def __init__(self) -> None:
        self._real = connectors()["douyin"]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        if os.environ["POISON_AT"] == "split" and b"poison" in envelope.body:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._real.split(envelope, source)


def main() -> None:
    """Load until the queue is empty."""
    engine = make_engine(os.environ["HUB_DATABASE_URL"])
    loader = Loader(engine, open_keyring(), load_settings(), found={"douyin": KillingConnector()})
    if os.environ["POISON_AT"] == "map":
        _poison_mapping(loader)
    loader.drain()
    loader.close()


def _poison_mapping(loader: Loader) -> None:
    prepare = loader._preparer
    real = type(prepare)._map

    def deadly(self: Any, work: Any, accounts: Any) -> None:
        if b"poison" in work.payload:
            os.kill(os.getpid(), signal.SIGKILL)
        real(self, work, accounts)

    type(prepare)._map = deadly  # type: ignore[method-assign]  # the point of this process


if __name__ == "__main__":
    main()

"""What simulated platforms share: drifts by name, and a simulator as a context manager."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self, TypeAlias

from hub.connectors.local_server import LocalServer
from hub.errors import ConfigError

Payload: TypeAlias = dict[str, Any]
Change: TypeAlias = Callable[[Payload], Payload]


def same(payload: Payload) -> Payload:
    """No change."""
    return payload


@dataclass(frozen=True, slots=True)
class Drift:
    """One change: what it is in a line, what it does to a payload, and to how many leads come.

    `rate` is a factor: 0 is silence. `before` shapes what is shown until the change comes.
    """

    line: str
    change: Change = same
    before: Change = same
    rate: float = 1.0


class DriftingWorld:
    """A platform's state that can change its payloads; `drifts` are those it knows."""

    drifts: ClassVar[Mapping[str, Drift]] = {}

    def __init__(self) -> None:
        self.drift: Drift | None = None
        self.drift_after = 0

    def use_drift(self, name: str | None, *, after: int = 0) -> None:
        """Payloads are changed so from lead number `after` on; None ends it.

        Raises:
            ConfigError: there is no drift of that name.
        """
        if name is not None and name not in self.drifts:
            raise ConfigError(f"no drift {name!r}; there are\n{described(self.drifts)}")
        self.drift = None if name is None else self.drifts[name]
        self.drift_after = after

    def drifted(self, payload: Payload, number: int) -> Payload:
        """What the drift in use, if there is one, makes of lead `number`."""
        if self.drift is None:
            return payload
        change = self.drift.before if number < self.drift_after else self.drift.change
        return change(payload)


def described(drifts: Mapping[str, Drift]) -> str:
    """Every drift with what it is, one a line."""
    if not drifts:
        return "  none: the shape of a real payload is not known"
    width = max(map(len, drifts))
    return "\n".join(f"  {name:<{width}}  {drift.line}" for name, drift in drifts.items())


class BaseSimulator:
    """A platform for `with`; without a server it only pushes, and its `url` is empty."""

    def __init__(self, server: LocalServer | None = None) -> None:
        self._server = server

    @property
    def url(self) -> str:
        """Where it answers, once started."""
        return self._server.url if self._server else ""

    def start(self) -> Self:
        """Bind the port and answer.

        Raises:
            ConfigError: the port is taken, or the server did not come up.
        """
        if self._server:
            self._server.start()
        return self

    def stop(self) -> None:
        """Stop answering and free the port; harmless if it does not run."""
        if self._server:
            self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

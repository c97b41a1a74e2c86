"""What vendors change without notice: one function a change, on what is about to be sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.errors import ConfigError

Payload = dict[str, Any]
_NUMBERS = ("Caller", "CallNo")
_SHOWN = 3, -4


@dataclass(frozen=True, slots=True)
class Drift:
    """One change; `rate` is by how much faster calls come with it."""

    name: str
    summary: str
    apply: Callable[[Payload], Payload]
    rate: float = 1.0


def _masked(payload: Payload) -> Payload:
    first, last = _SHOWN
    hidden = {n: f"{payload[n][:first]}****{payload[n][last:]}" for n in _NUMBERS if n in payload}
    return {**payload, **hidden}


def _unknown_state(payload: Payload) -> Payload:
    new = {"EndStatus": 901, "EndStatusString": "demoNewState", "State": "demoNewState"}
    return {**payload, **{name: value for name, value in new.items() if name in payload}}


def _renamed(payload: Payload) -> Payload:
    names = dict.fromkeys(_NUMBERS, "CallerNumber")
    return {names.get(name, name): value for name, value in payload.items()}


def _milliseconds(payload: Payload) -> Payload:
    return {n: v * 1000 if n.endswith("Timestamp") else v for n, v in payload.items()}


DRIFTS: Mapping[str, Drift] = {
    drift.name: drift
    for drift in (
        Drift("number-masked", "the caller's number comes as 199****0001", _masked),
        Drift("state-unknown", "a call ends in a state that is in no table", _unknown_state),
        Drift("number-renamed", "the caller's number comes as CallerNumber", _renamed),
        Drift("milliseconds", "TCCC's times come in milliseconds", _milliseconds),
    )
}


def drift_named(name: str) -> Drift:
    """The drift of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in DRIFTS:
        raise ConfigError(f"no drift {name!r}; there are {', '.join(DRIFTS)}")
    return DRIFTS[name]


def described() -> str:
    """Every drift, one a line."""
    width = max(map(len, DRIFTS))
    return "\n".join(f"  {drift.name:<{width}}  {drift.summary}" for drift in DRIFTS.values())

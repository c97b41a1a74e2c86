"""What vendors change without notice: one function a change, on what is about to be sent."""

from __future__ import annotations

from collections.abc import Mapping

from hub.connectors.simulation import Drift, Payload

_NUMBERS = ("Caller", "CallNo")
_SHOWN = 3, -4


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
    "number-masked": Drift("the caller's number comes as 199****0001", _masked),
    "state-unknown": Drift("a call ends in a state that is in no table", _unknown_state),
    "number-renamed": Drift("the caller's number comes as CallerNumber", _renamed),
    "milliseconds": Drift("TCCC's times come in milliseconds", _milliseconds),
}

"""Ways in which the simulated corp changes its events and its answers, by name; each is pure.

A change is told by what stands in a payload: an event has `ExternalUserID`, a customer `external_userid`,
a member who follows `add_way`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from hub.connectors.simulation import Drift, Payload

_TIMES = ("CreateTime", "createtime")


def _renamed(old: str, new: str) -> Callable[[Payload], Payload]:
    return lambda payload: {new if key == old else key: v for key, v in payload.items()}


def _without(name: str) -> Callable[[Payload], Payload]:
    return lambda payload: {key: value for key, value in payload.items() if key != name}


def _added(payload: Payload) -> Payload:
    return {**payload, "fan_level": "3"} if "ExternalUserID" in payload else payload


def _millis(payload: Payload) -> Payload:
    """Times thousandfold, each in the type that it had."""
    return {
        key: type(value)(int(value) * 1000) if key in _TIMES else value
        for key, value in payload.items()
    }


def _half(payload: Payload) -> Payload:
    is_event = "ChangeType" in payload
    return {**payload, "ChangeType": "add_half_external_contact"} if is_event else payload


def _unknown(payload: Payload) -> Payload:
    return {**payload, "ChangeType": "add_by_hologram"} if "ChangeType" in payload else payload


def _new_way(payload: Payload) -> Payload:
    return {**payload, "add_way": 999} if "add_way" in payload else payload


DRIFTS: Mapping[str, Drift] = MappingProxyType(
    {
        "field-added": Drift("a field nobody announced, fan_level, comes with events", _added),
        "customer-renamed": Drift(
            "ExternalUserID of an event is called ExternalUserId",
            _renamed("ExternalUserID", "ExternalUserId"),
        ),
        "state-gone": Drift(
            "the channel is in neither event nor answer",
            lambda payload: _without("State")(_without("state")(payload)),
        ),
        "seconds-to-millis": Drift("times in seconds are times in milliseconds", _millis),
        "name-renamed": Drift(
            "a customer's name is called nickname", _renamed("name", "nickname")
        ),
        "half-added": Drift("customers add members without being verified", _half),
        "change-unknown": Drift("events have a ChangeType that no document names", _unknown),
        "way-unknown": Drift("add_way is 999, which no document names", _new_way),
        "silence": Drift("no customer comes any more", rate=0.0),
        "surge": Drift("ten times as many customers come", rate=10.0),
    }
)

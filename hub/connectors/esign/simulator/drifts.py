"""Ways in which the simulated e签宝 changes its callbacks and answers, by name; each is pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from hub.connectors.simulation import Drift, Payload


def _renamed(old: str, new: str) -> Callable[[Payload], Payload]:
    return lambda payload: {new if key == old else key: value for key, value in payload.items()}


def _changed(name: str, change: Callable[[object], object]) -> Callable[[Payload], Payload]:
    return lambda payload: {**payload, name: change(payload[name])} if name in payload else payload


def _seconds(payload: Payload) -> Payload:
    return {
        key: value // 1000
        if isinstance(value, int) and key.lower().endswith(("time", "timestamp"))
        else value
        for key, value in payload.items()
    }


DRIFTS: Mapping[str, Drift] = MappingProxyType(
    {
        "field-added": Drift(
            "a field nobody announced, flowLevel, comes with everything",
            lambda payload: {**payload, "flowLevel": "3"},
        ),
        "status-number": Drift(
            "signFlowStatus of a callback is a number",
            _changed("signFlowStatus", lambda v: int(str(v))),
        ),
        "status-unknown": Drift(
            "signFlowStatus is 42, which no document names",
            _changed("signFlowStatus", lambda _: "42"),
        ),
        "biz-num-renamed": Drift(
            "customBizNum is called bizNumber", _renamed("customBizNum", "bizNumber")
        ),
        "flow-id-renamed": Drift(
            "signFlowId is called flowNo, and no record has a key",
            _renamed("signFlowId", "flowNo"),
        ),
        "millis-to-seconds": Drift("times in milliseconds are times in seconds", _seconds),
        "spelling-mended": Drift(
            "SIGN_MISSON_COMPLETE is spelled SIGN_MISSION_COMPLETE",
            _changed("action", lambda v: str(v).replace("MISSON", "MISSION")),
        ),
        "silence": Drift("no flow comes any more", rate=0.0),
        "surge": Drift("ten times as many flows come", rate=10.0),
    }
)

"""Ways in which the simulated platform changes what it pushes, by name; each is pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from hub.connectors.simulation import Drift, Payload

Data = Payload


def _renamed(old: str, new: str) -> Callable[[Data], Data]:
    return lambda data: {new if key == old else key: value for key, value in data.items()}


def _answers(data: Data, change: Callable[[Data], Data]) -> Data:
    return {**data, "data": [change(a) for a in data["data"]]} if "data" in data else data


def _odd_labels(answer: Data) -> Data:
    """The phone's question in words that no pattern foresees."""
    is_phone = isinstance(answer["value"], str) and answer["value"].isdecimal()
    return {**answer, "label": "怎样找到您"} if is_phone else answer


DRIFTS: Mapping[str, Drift] = MappingProxyType(
    {
        "field-added": Drift(
            "a new field note_id comes with every lead", lambda d: {**d, "note_id": "demo-note"}
        ),
        "leads-id-renamed": Drift(
            "leads_id (id of a direct message) is called clue_id",
            lambda d: _renamed("id", "clue_id")(_renamed("leads_id", "clue_id")(d)),
        ),
        "time-unix": Drift(
            "submitted_time and time become Unix seconds",
            lambda d: {k: 1_767_225_600 if k in ("submitted_time", "time") else v
                       for k, v in d.items()},
        ),
        "answer-renamed": Drift(
            "the answers' value is called answer",
            lambda d: _answers(d, _renamed("value", "answer")),
        ),
        "label-odd": Drift(
            "the advertiser asks for the phone in words of their own",
            lambda d: _answers(d, _odd_labels),
        ),
        "silence": Drift("no lead comes any more", rate=0.0),
        "surge": Drift("ten times as many leads come", rate=10.0),
    }
)  # fmt: skip

"""A corp that behaves like a real one, good and bad; its members and customers are invented."""

from __future__ import annotations

from hub.connectors.push_sender import Acknowledged, SendReport
from hub.connectors.wecom.simulator.drifts import DRIFTS
from hub.connectors.wecom.simulator.people import SimulatedRelation
from hub.connectors.wecom.simulator.sender import Habits, PushSender
from hub.connectors.wecom.simulator.server import Simulator
from hub.connectors.wecom.simulator.world import World

__all__ = [
    "DRIFTS",
    "Acknowledged",
    "Habits",
    "PushSender",
    "SendReport",
    "SimulatedRelation",
    "Simulator",
    "World",
]

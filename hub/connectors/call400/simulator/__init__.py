"""Call centres that push as the real ones do, good and bad; all callers are invented."""

from __future__ import annotations

from hub.connectors.call400.simulator.calls import SimulatedCall
from hub.connectors.call400.simulator.drifts import DRIFTS
from hub.connectors.call400.simulator.sender import PushSender
from hub.connectors.call400.simulator.simulator import Simulator
from hub.connectors.call400.simulator.world import World
from hub.connectors.push_sender import Habits, SendReport

__all__ = [
    "DRIFTS",
    "Habits",
    "PushSender",
    "SendReport",
    "SimulatedCall",
    "Simulator",
    "World",
]

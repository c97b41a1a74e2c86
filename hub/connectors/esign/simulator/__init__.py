"""An e签宝 that behaves like the real one, good and bad; its flows and signers are invented."""

from __future__ import annotations

from hub.connectors.esign.simulator.drifts import DRIFTS
from hub.connectors.esign.simulator.flows import SimulatedFlow
from hub.connectors.esign.simulator.sender import Habits, PushSender
from hub.connectors.esign.simulator.server import Simulator
from hub.connectors.esign.simulator.world import World
from hub.connectors.push_sender import Acknowledged, SendReport

__all__ = [
    "DRIFTS",
    "Acknowledged",
    "Habits",
    "PushSender",
    "SendReport",
    "SimulatedFlow",
    "Simulator",
    "World",
]

"""A Meituan that behaves like what is known of the real one; its leads and their shape are invented."""

from __future__ import annotations

from hub.connectors.meituan.simulator.sender import PushSender
from hub.connectors.meituan.simulator.server import Simulator
from hub.connectors.meituan.simulator.world import SimulatedLead, World
from hub.connectors.push_sender import Habits, SendReport

__all__ = [
    "Habits",
    "PushSender",
    "SendReport",
    "SimulatedLead",
    "Simulator",
    "World",
]

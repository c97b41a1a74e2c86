"""A platform that behaves like the real one, good and bad; all its leads are invented."""

from __future__ import annotations

from hub.connectors.douyin.simulator.behaviour import Behaviour
from hub.connectors.douyin.simulator.drifts import DRIFTS
from hub.connectors.douyin.simulator.people import SimulatedClue, SimulatedStarClue
from hub.connectors.douyin.simulator.sender import DEFAULT_RULE, PushSender
from hub.connectors.douyin.simulator.server import Simulator
from hub.connectors.douyin.simulator.world import World
from hub.connectors.push_sender import Acknowledged, Habits, SendReport

__all__ = [
    "DEFAULT_RULE",
    "DRIFTS",
    "Acknowledged",
    "Behaviour",
    "Habits",
    "PushSender",
    "SendReport",
    "SimulatedClue",
    "SimulatedStarClue",
    "Simulator",
    "World",
]

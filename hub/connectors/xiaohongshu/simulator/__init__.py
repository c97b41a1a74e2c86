"""A platform that pushes as the real one does, good and bad; all its leads are invented."""

from __future__ import annotations

from hub.connectors.push_sender import Acknowledged, SendReport
from hub.connectors.xiaohongshu.simulator.drifts import DRIFTS
from hub.connectors.xiaohongshu.simulator.people import SimulatedDm, SimulatedForm
from hub.connectors.xiaohongshu.simulator.sender import Habits, Message, PushSender
from hub.connectors.xiaohongshu.simulator.world import Simulator, World

__all__ = [
    "DRIFTS",
    "Acknowledged",
    "Habits",
    "Message",
    "PushSender",
    "SendReport",
    "SimulatedDm",
    "SimulatedForm",
    "Simulator",
    "World",
]

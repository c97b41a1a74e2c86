"""A customer's 金蝶云星空 that is pulled as the real one is, good and bad; every bill is invented."""

from __future__ import annotations

from hub.connectors.kingdee.simulator.bills import SimulatedBill
from hub.connectors.kingdee.simulator.simulator import PushSender, Simulator
from hub.connectors.kingdee.simulator.world import DRIFTS, World
from hub.connectors.push_sender import Habits

__all__ = ["DRIFTS", "Habits", "PushSender", "SimulatedBill", "Simulator", "World"]

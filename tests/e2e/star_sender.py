"""A platform in a process of its own: pushes 星图 leads until it is told to end, and writes down what was acknowledged.

One JSON line a lead on standard output, {"given_up": […]} as the last.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading

from hub.connectors.douyin.simulator import Habits, PushSender, SimulatedStarClue, World

_BATCH = 100


def main(url: str, rate: float, drift: str, change_at: int) -> None:
    """Push at `rate` leads a second; the drift comes with lead number `change_at`."""
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    world = World(20260217)
    world.use_drift(drift, after=change_at)
    sender = PushSender(world, url, habits=Habits(at_once=32))
    given_up: list[str] = []
    while not ending.is_set():
        leads = world.add_star_clues(_BATCH, every_s=0.0)
        given_up += asyncio.run(sender.send(leads, rate=rate)).given_up
        for lead in leads:
            _tell(sender, lead)
        sys.stdout.flush()
    print(json.dumps({"given_up": given_up}), flush=True)  # noqa: T201 -- what it is for


def _tell(sender: PushSender, lead: SimulatedStarClue) -> None:
    ack = sender.acknowledged.pop(lead.key, None)
    if ack is not None:
        times = (ack.sent_at.timestamp(), ack.acknowledged_at.timestamp())
        line = {"number": lead.number, "identity": lead.identity(), "times": times}
        print(json.dumps(line))  # noqa: T201 -- what it is for


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3], int(sys.argv[4]))

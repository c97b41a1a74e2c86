"""Driving a receiver with `wrk`: closed loop, as many requests under way as there are connections."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.payloads import PHONES, SIGNATURE_HEADER, SOURCE, Person, encoded, pushed
from bench.stage import SECRET, Service

_SCRIPT = Path(__file__).with_name("push.lua")
# The rest of a run in which no push is sent any more: longer than the hub ever lets one wait.
_TAIL_S = 2
_CLUE, _MOBILE = "@CLUE@", "@MOBILE@"


class WrkError(Exception):
    """`wrk` is not there, or what it drove did not answer as it should."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was sent and acknowledged, and in how long."""

    sent: int
    seconds: float

    @property
    def rate(self) -> float:
        """Acknowledgements a second."""
        return self.sent / self.seconds


def require_wrk() -> str:
    """The program's path.

    Raises:
        WrkError: It is not installed; the text says how to.
    """
    found = shutil.which("wrk")
    if found is None:
        raise WrkError("`wrk` is not installed; on Debian or Ubuntu: apt-get install wrk")
    return found


def push(service: Service, *, connections: int, seconds: float, series: int) -> Pushed:
    """Push for `seconds`; every body is new, in the run and between different `series`.

    Raises:
        WrkError: A push was refused or a connection broke: then what was sent was not all acknowledged.
    """
    environment = {
        "BENCH_SECRET": SECRET,
        "BENCH_FIRST_CLUE": f"74{series:08d}",
        "BENCH_FIRST_MOBILE": "19900000000",
        "BENCH_MOBILES": str(PHONES),
        "BENCH_SECONDS": str(seconds),
        "BENCH_BODY": _template(),
        "BENCH_PATH": f"/hooks/{SOURCE}",
        "BENCH_HEADER": SIGNATURE_HEADER,
    }
    # One thread: two would take from the hub what they do not need.
    command = [
        require_wrk(), "--threads", "1", "--connections", str(connections), "--timeout", "10s",
        "--duration", f"{math.ceil(seconds) + _TAIL_S}s", "--script", str(_SCRIPT), service.url,
    ]  # fmt: skip
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    return _read(done.stdout, done.stderr)


def body_size() -> int:
    """Bytes of one pushed body."""
    return len(_template().replace(_CLUE, "0" * 19).replace(_MOBILE, "0" * 11).encode())


def _template() -> str:
    person = Person(0, _CLUE, _MOBILE, "张三", ("浙江", "杭州"), "口腔种植")
    return encoded(pushed(person)).decode()


def _read(output: str, errors: str) -> Pushed:
    lines = [line for line in output.splitlines() if line.startswith("BENCH ")]
    if not lines:
        raise WrkError(f"wrk gave no result: {(errors or output).strip()[-500:]}")
    found = json.loads(lines[0].removeprefix("BENCH "))
    if found["refused"] or found["broken"] or not found["sent"]:
        raise WrkError(
            f"{found['refused']} refused, {found['broken']} broken: {found['sent']} sent"
        )
    return Pushed(found["sent"], found["seconds"])

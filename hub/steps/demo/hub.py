"""The demo's hub: a home of its own, and real processes that are gone when it ends."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hub.errors import ConfigError

ADS, STAR, MEITUAN = "douyin-feiyu", "douyin-star", "meituan"
FORM, FAIR = "contact", "fair"
_MARKER = "this folder belongs to `hub demo`; it is emptied at each start\n"
_STOP_WITHIN_S = 15.0


@dataclass(slots=True)
class DemoHub:
    """Folder, settings, ports and processes of one demo."""

    home: Path
    port: int
    dagster_port: int
    secrets: dict[str, str]
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the receiver listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def dagster_url(self) -> str:
        """Where the Dagster UI listens."""
        return f"http://127.0.0.1:{self.dagster_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What this process and its children need to be this hub; set it before opening the store."""
        return {
            "HUB_HOME": str(self.home),
            "HUB_CONFIG": str(self.home / "hub.yaml"),
            **self.secrets,
        }

    def prepare(self, sources: Mapping[str, Any], forms: Mapping[str, Any]) -> None:
        """An empty home with the demo's settings: what stands under `sources:` and `forms:`.

        Raises:
            ConfigError: the folder holds something that is not a demo's.
        """
        if self.home.exists() and not (self.home / "DEMO").exists():
            raise ConfigError(f"{self.home} is no demo's folder; set HUB_HOME to another one")
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True, mode=0o700)
        (self.home / "DEMO").write_text(_MARKER, "utf-8")
        origin = {"origins": [self.url]}
        settings = {
            "public_url": self.url,
            "sources": dict(sources),
            "forms": {key: {**form, **origin} for key, form in forms.items()},
        }
        document = yaml.safe_dump(settings, allow_unicode=True)
        (self.home / "hub.yaml").write_text(document, "utf-8")

    def start(self, name: str, *command: str) -> None:
        """Start `python -m …` in a process group of its own, its output into a log of the demo."""
        logs = self.home / "logs"
        logs.mkdir(exist_ok=True)
        with (logs / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(  # noqa: S603 -- our own modules
                [sys.executable, "-m", *command],
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def dead(self) -> str | None:
        """The name of a process that ended by itself, if one did."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                return name
        return None

    def stop(self) -> None:
        """End every process; one that does not want to is killed."""
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self._processes.values():
            try:
                process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        self._processes.clear()


def secret_env(name: str) -> str:
    """The environment variable of a demo's secret; the demo sets it for itself."""
    return f"hub_demo_{name}_secret".upper().replace("-", "_")


def free_port(wanted: int) -> int:
    """`wanted` if nobody listens there, else one that is free."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ConfigError("no free port on this machine")

"""`python -m hub.definitions.serve`: Dagster's code server, webserver and daemon, started and ended together.

This module imports no dagster: only the processes that it starts do.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from hub.database.places import private_folder
from hub.definitions.instance import DATABASE_VARIABLE, psycopg2_url, write_instance, write_whole
from hub.errors import ConfigError
from hub.mapping.nearest import expected_one_of
from hub.settings import config_path
from hub.settings import home as hub_home
from hub.steps.running.supervise import POLL_S, ProcessEvent, ProcessSpec, Supervisor, stop_signals

CODE_SERVER, WEBSERVER, DAEMON = "dagster-code", "dagster-webserver", "dagster-daemon"
STOP_WITHIN_S = 10.0
_CODE = (
    *("--module-name", "hub.definitions", "--location-name", "lead-hub"),
    # What is wrong with the settings is then shown in the UI, where it is looked for.
    *("--lazy-load-user-code", "--use-python-environment-entry-point", "--log-level", "warning"),
)
_LONGEST_SOCKET_PATH = 103

log = logging.getLogger("hub.dagster")


def dagster_processes(
    home: Path,
    port: int,
    *,
    host: str = "127.0.0.1",
    read_only: bool = False,
    code: str = "",
) -> list[ProcessSpec]:
    """What makes up a running Dagster: our code, the webserver (with the UI) and the one daemon.

    Both ask one code server: it is a process of its own because Dagster starts one anew only when it
    was none of Dagster's.

    Args:
        home: `DAGSTER_HOME`, prepared.
        port: Where the UI listens, on `host`.
        host: As above.
        read_only: A UI for viewers.
        code: `host:port` of the code server; a socket under `home` if empty.
    """
    python = (sys.executable, "-m")
    where = ("-w", str(home / "workspace.yaml"), "--log-level", "warning")
    address = ("-h", host, "-p", str(port), *(("--read-only",) if read_only else ()))
    told: dict[str, Any] = {
        "environment": environment(home),
        "group": "dagster",
        "stop_within_s": STOP_WITHIN_S,
    }
    return [
        ProcessSpec(
            CODE_SERVER,
            (*python, "dagster", "api", "grpc", *_listen(home, code), *_CODE),
            is_ready=lambda: _answers(home, code),
            **told,
        ),
        ProcessSpec(
            WEBSERVER,
            (*python, "dagster_webserver", *where, *address),
            address=f"http://{host}:{port}",
            is_ready=lambda: is_ready(f"http://{host}:{port}"),
            after=CODE_SERVER,
            **told,
        ),
        ProcessSpec(
            DAEMON, (*python, "dagster._daemon", "run", *where), after=CODE_SERVER, **told
        ),
    ]


def environment(home: Path) -> dict[str, str]:
    """What is added to the children's environment: places are absolute, whatever folder a run works in."""
    url = os.environ.get(DATABASE_VARIABLE)
    return {
        "DAGSTER_HOME": str(home.absolute()),
        "HUB_HOME": str(hub_home()),
        "HUB_CONFIG": str(config_path()),
        "PYTHONUNBUFFERED": "1",
        **({DATABASE_VARIABLE: psycopg2_url(url)} if url else {}),
    }


def prepare(home: Path, code: str = "") -> None:
    """Make all that Dagster's processes read in `home`: settings, workspace, storage.

    Raises:
        ConfigError: the database for Dagster is wrong, or nothing can be written there.
    """
    write_instance(home, postgres_url=os.environ.get(DATABASE_VARIABLE) or None)
    write_workspace(home, code)
    _make_storage(home)


def write_workspace(home: Path, code: str = "") -> Path:
    """The project's code location as the code server offers it, at `host:port` or at its socket."""
    host, _, port = code.rpartition(":")
    place = {"host": host, "port": int(port)} if code else {"socket": str(_socket(home))}
    server = {**place, "location_name": "lead-hub"}
    text = yaml.safe_dump({"load_from": [{"grpc_server": server}]})
    return write_whole(home / "workspace.yaml", text)


def serve(home: Path, port: int, *, host: str = "127.0.0.1", read_only: bool = False) -> None:
    """Run Dagster until SIGTERM or SIGINT; says on standard output when the UI answers.

    Raises:
        ConfigError: `dagster.yaml` cannot be written.
    """
    home = home.absolute()
    prepare(home)
    with stop_signals() as stopped:
        specs = dagster_processes(home, port, host=host, read_only=read_only)
        supervisor = Supervisor(specs, logs=hub_home() / "log", tell=_tell)
        try:
            _watch(supervisor, f"http://{host}:{port}", stopped)
        finally:
            supervisor.stop("dagster", lambda: len(stopped) > 1)


def become(name: str, spec: Sequence[ProcessSpec]) -> NoReturn:
    """Turn this process into one of Dagster's, for who supervises each by himself (systemd, containers).

    Raises:
        ConfigError: there is no process of that name.
    """
    wanted = next((one for one in spec if one.name == name), None)
    if wanted is None:
        raise ConfigError(f"{name}: {expected_one_of(name, [one.name for one in spec])}")
    # An ignored SIGINT would be inherited, and Dagster hands SIGTERM to the handler of SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.execve(wanted.argv[0], wanted.argv, {**os.environ, **wanted.environment})  # noqa: S606 -- our own command line


def _make_storage(home: Path) -> None:
    """Make Dagster's SQLite files before anybody uses them.

    Its processes make them when they are missing; two at one moment write two schema versions, and the
    storage cannot be read any more ("more than one head present").
    """
    if (home / "history").exists() or os.environ.get(DATABASE_VARIABLE):
        return
    made = subprocess.run(
        (sys.executable, "-m", "dagster", "instance", "migrate"),
        env={**os.environ, **environment(home)},
        capture_output=True,
        check=False,
    )
    if made.returncode:
        raise ConfigError(f"Dagster's storage under {home} cannot be made; is the disk full?")


def _listen(home: Path, code: str) -> tuple[str, ...]:
    host, _, port = code.rpartition(":")
    return ("-h", host, "-p", port) if code else ("-s", str(_socket(home)))


def _socket(home: Path) -> Path:
    """In `home`, or where its path is too long for a socket in a folder of our own that is not."""
    socket_file = home.absolute() / "code.sock"
    if len(str(socket_file)) <= _LONGEST_SOCKET_PATH:
        return socket_file
    digest = hashlib.sha256(str(home.absolute()).encode()).hexdigest()[:16]
    folder = private_folder(Path(tempfile.gettempdir()) / f"lead-hub-{os.geteuid()}-{digest}")
    return folder / "code.sock"


def _answers(home: Path, code: str) -> bool:
    """Whether somebody listens where the code server should."""
    host, _, port = code.rpartition(":")
    family = socket.AF_INET if code else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect((host, int(port)) if code else str(_socket(home)))
        except OSError:
            return False
    return True


def is_ready(url: str) -> bool:
    """Whether the UI answers."""
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=2) as answer:  # noqa: S310 -- our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _watch(supervisor: Supervisor, url: str, stopped: list[int]) -> None:
    announced = False
    while not stopped:
        supervisor.tick()
        if not announced and supervisor.is_ready:
            announced = True
            sys.stdout.write(f"dagster: {url}\n")
            sys.stdout.flush()
        time.sleep(POLL_S)


def _tell(event: ProcessEvent) -> None:
    if event.what == "died":
        log.warning("%s ended with status %s; it is started again", event.name, event.status)
    elif event.what == "crashing":
        log.warning("%s ends again and again; see its log", event.name)


def parser() -> argparse.ArgumentParser:
    """What may stand on the command line."""
    made = argparse.ArgumentParser(prog="python -m hub.definitions.serve", description=__doc__)
    made.add_argument("--port", type=int, default=3000, help="where the UI listens")
    made.add_argument("--host", default="127.0.0.1", help="the UI has no login: keep it local")
    made.add_argument("--home", type=Path, help="DAGSTER_HOME; default: dagster/ in HUB_HOME")
    made.add_argument("--read-only", action="store_true", help="a UI for viewers")
    made.add_argument(
        "--only", metavar="NAME", help="become one process: who starts us supervises it"
    )
    made.add_argument(
        "--code-server", default="", metavar="HOST:PORT", help="default: a socket in --home"
    )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; exit status 0 after a signal, 2 if Dagster cannot run."""
    given = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        _run(given)
    except ConfigError as error:
        sys.stderr.write(f"hub: {error}\n")
        return 2
    return 0


def _run(given: argparse.Namespace) -> None:
    home = (given.home or hub_home() / "dagster").absolute()
    if not given.only:
        serve(home, given.port, host=given.host, read_only=given.read_only)
        return
    prepare(home, given.code_server)
    become(
        given.only,
        dagster_processes(
            home,
            given.port,
            host=given.host,
            read_only=given.read_only,
            code=given.code_server,
        ),
    )


if __name__ == "__main__":
    sys.exit(main())

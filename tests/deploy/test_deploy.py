"""What `deploy/` says is there: commands, variables, ports, routes, files."""

from __future__ import annotations

import argparse
import configparser
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from starlette.routing import Route, Router

from hub.cli.main import build
from hub.definitions.instance import write_instance
from hub.definitions.serve import CODE_SERVER, DAEMON, WEBSERVER, dagster_processes, parser
from hub.privacy.keyring import KeyRing
from hub.receiver.app import ReceiverSetup, create_app
from hub.settings import load_settings
from hub.steps.alerting.policy import policy_problems
from hub.steps.check_settings import settings_problems

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text("utf-8")
# Sections, and the settings that each unit must have in them.
SECTIONS = {"Unit", "Service", "Install"}
HARDENING = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "Restart": "always",
    "KillSignal": "SIGTERM",
    "StateDirectory": "lead-hub",
    "EnvironmentFile": "/etc/lead-hub/env",
    "User": "lead-hub",
}


def unit(path: Path) -> configparser.ConfigParser:
    """A unit file; of a setting that stands twice the last."""
    parsed = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    parsed.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parsed.read_string(path.read_text("utf-8"))
    return parsed


def command_of(path: Path) -> list[str]:
    instance = "1" if "loader" in path.name else "8700"
    return shlex.split(unit(path)["Service"]["ExecStart"].replace("%i", instance))


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line of ours: (where, words without the program's folder)."""
    for path in UNITS:
        program, *words = command_of(path)
        yield path.name, [Path(program).name, *words]
    for name, service in COMPOSE["services"].items():
        if "command" in service:
            yield f"compose {name}", service["command"]
    told = re.findall(r"^CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    yield "Dockerfile", yaml.safe_load(told[0])


def parsed_by_hub(words: list[str]) -> None:
    """Parse a command line of `hub` as it would itself, without running it; fails like it does."""
    tree = typer.main.get_command(build())
    name, *options = words
    found = tree.commands  # type: ignore[attr-defined]  # a group
    assert name in found, f"hub has no command {name}"
    found[name].make_context(name, options)


@pytest.mark.parametrize(("where", "words"), list(commands()), ids=lambda one: str(one)[:40])
def test_every_command_line_is_one_that_the_program_takes(where: str, words: list[str]) -> None:
    program, *rest = words
    if program == "hub":
        parsed_by_hub(rest)
        return

    assert [program, *rest[:2]] == ["python", "-m", "hub.definitions.serve"], where
    given: argparse.Namespace = parser().parse_args(rest[2:])
    known = {one.name for one in dagster_processes(Path("/x"), 3000)}
    assert given.only in known


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_every_unit_is_hardened_restarted_and_ended_in_good_order(path: Path) -> None:
    found = unit(path)

    assert set(found.sections()) == SECTIONS
    assert {name: found["Service"].get(name) for name in HARDENING} == HARDENING
    assert found["Unit"]["StartLimitIntervalSec"] == "0", "systemd must not give up"
    assert int(found["Service"]["TimeoutStopSec"]) >= 30
    assert found["Service"]["MemoryMax"]


def test_the_target_starts_one_of_each_and_nothing_that_is_not_there() -> None:
    wanted = re.findall(
        r"lead-hub[\w@-]+\.service", (DEPLOY / "systemd" / "lead-hub.target").read_text("utf-8")
    )
    files = [re.sub(r"@\w+\.", "@.", name) for name in wanted]

    assert sorted(files) == [path.name for path in UNITS]


def test_both_ways_run_the_same_processes() -> None:
    def kinds(found: Iterator[tuple[str, list[str]]], prefix: bool) -> set[str]:
        lines = (words for where, words in found if where.startswith("compose") is prefix)
        return {
            words[words.index("--only") + 1] if "--only" in words else words[1] for words in lines
        }

    every = {"receive", "work", "notify", CODE_SERVER, WEBSERVER, DAEMON}

    assert kinds(commands(), True) == every
    assert kinds(commands(), False) == every


def test_variables_are_described_and_named_alike() -> None:
    names = re.findall(r"^([A-Z_]+)=", (DEPLOY / "env.example").read_text("utf-8"), re.MULTILINE)
    secrets = set(re.findall(r"_env: (HUB_\w+)", (DEPLOY / "hub.yaml.example").read_text("utf-8")))
    asked = set(
        re.findall(
            r"\$\{?\{?\$?([A-Z][A-Z_]+)[:}]",
            (DEPLOY / "compose.yaml").read_text("utf-8")
            + (DEPLOY / "Caddyfile").read_text("utf-8"),
        )
    )
    inside = set(COMPOSE["services"]["proxy"]["environment"])

    assert [one for one in names if one.startswith("HUB_") and f"`{one}`" not in CONFIGURATION
            and one not in secrets] == []  # fmt: skip
    assert secrets <= set(names), "a secret that hub.yaml names and env.example does not"
    assert asked - set(names) - inside == {"LEAD_HUB_VERSION"}


def test_the_example_settings_are_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    path = DEPLOY / "hub.yaml.example"
    monkeypatch.setenv("HUB_CONFIG", str(path))
    settings = load_settings(path)

    assert settings_problems(settings, path) == []
    assert policy_problems(settings) == []


def test_dagsters_settings_are_those_that_the_hub_writes(tmp_path: Path) -> None:
    written = write_instance(tmp_path, postgres_url="postgresql://lead_hub@postgres/dagster")

    assert (DEPLOY / "dagster.yaml").read_text("utf-8") == written.read_text("utf-8")


def services(*names: str) -> list[dict[str, Any]]:
    return [COMPOSE["services"][name] for name in names]


def test_ports_agree() -> None:
    [receiver, code, webserver, proxy] = services(
        "receiver", "dagster-code", "dagster-webserver", "proxy"
    )
    receives = receiver["command"][receiver["command"].index("--port") + 1]
    shows = webserver["command"][webserver["command"].index("--port") + 1]
    address = code["command"][code["command"].index("--code-server") + 1]
    caddyfile = (DEPLOY / "Caddyfile").read_text("utf-8")

    assert proxy["environment"]["RECEIVERS"] == f"receiver:{receives}"
    assert proxy["environment"]["DAGSTER_UI"] == f"dagster-webserver:{shows}"
    assert f":{receives}/healthz" in str(receiver["healthcheck"])
    assert f"'{address.split(':')[0]}', {address.split(':')[1]}" in str(code["healthcheck"])
    assert f"127.0.0.1:{receives}" in caddyfile
    assert f"127.0.0.1:{shows}" in caddyfile
    assert f"EXPOSE {receives}" in (DEPLOY / "Dockerfile").read_text("utf-8")
    for name in ("dagster-webserver", "dagster-daemon"):
        assert address in COMPOSE["services"][name]["command"]


def test_only_the_proxy_is_reached_from_outside() -> None:
    published = {name for name, one in COMPOSE["services"].items() if "ports" in one}

    assert published == {"proxy"}


def test_there_is_one_daemon_and_every_process_ends_in_good_order() -> None:
    ours = {name: one for name, one in COMPOSE["services"].items() if "command" in one}
    daemons = [name for name, one in ours.items() if DAEMON in one["command"]]

    assert daemons == ["dagster-daemon"]
    for name, one in ours.items():
        assert one["restart"] == "always", name
        assert one["read_only"], name
        assert one["cap_drop"] == ["ALL"], name
        assert "healthcheck" in one, name
    for name in ("receiver", "loader", "notify"):
        assert COMPOSE["services"][name]["stop_grace_period"]


def test_every_file_that_is_mounted_is_there_or_is_made_from_an_example() -> None:
    named = {
        line.split(":")[0].removeprefix("./")
        for one in COMPOSE["services"].values()
        for line in one.get("volumes", ())
        if line.startswith("./")
    } | {COMPOSE["secrets"]["keys"]["file"].removeprefix("./"), "env"}
    ignored = (ROOT / ".gitignore").read_text("utf-8")
    missing = {name for name in named if not (DEPLOY / name).exists()}

    assert missing <= {"env", "hub.yaml", "keys.json"}
    for name in ("env", "hub.yaml", "keys.json"):
        assert f"/deploy/{name}\n" in ignored, f"{name} holds secrets and must not be committed"
    assert {"env.example", "hub.yaml.example"} <= {one.name for one in DEPLOY.iterdir()}


# ---- the proxy


def public_paths() -> list[str]:
    text = (DEPLOY / "Caddyfile").read_text("utf-8")
    [line] = re.findall(r"@public path (.*)", text)
    return str(line).split()


@pytest.fixture
def receiver_paths(keyring: KeyRing, tmp_path: Path) -> set[str]:
    settings = load_settings(tmp_path / "none.yaml")
    app = create_app(ReceiverSetup(settings, keyring, "postgresql+psycopg://x@h/d", tmp_path, "r"))
    # Hooks have a router of their own before the application's; the operator API stands in its OpenAPI.
    hooks: Router = app.hooks  # type: ignore[attr-defined]  # of our own subclass
    routes = [one for one in [*hooks.routes, *app.router.routes] if isinstance(one, Route)]
    return {one.path for one in routes} | set(app.openapi()["paths"])


def is_open(public: str, path: str) -> bool:
    return path.startswith(public[:-1]) if public.endswith("*") else path == public


def test_what_the_proxy_lets_through_is_what_the_receiver_has_for_the_public(
    receiver_paths: set[str],
) -> None:
    served = {one for one in public_paths() if any(is_open(one, path) for path in receiver_paths)}
    hidden = {
        path.split("/")[1]
        for path in receiver_paths
        if not any(is_open(public, path) for public in public_paths())
    }

    assert served == set(public_paths())
    assert hidden == {"api", "docs", "metrics", "openapi.json", "readyz"}


def test_the_proxy_asks_for_a_password_before_the_ui_and_logs_no_path() -> None:
    """The path of a hook may hold its secret."""
    text = (DEPLOY / "Caddyfile").read_text("utf-8")
    _, ui = text.split("{$UI_DOMAIN")

    assert ui.index("basicauth") < ui.index("reverse_proxy")
    assert not re.search(r"^\s*log\b", text, re.MULTILINE)
    assert "DAGSTER_UI" not in text.split("{$UI_DOMAIN")[0]


def test_the_check_of_these_files_runs_and_says_what_is_not_here() -> None:
    told = subprocess.run(
        [sys.executable, str(DEPLOY / "check.py")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert told.returncode == 0, told.stdout
    for name in ("systemd-analyze", "caddy", "docker compose", "hadolint"):
        assert re.search(rf"^(good|not here) +{name}$", told.stdout, re.MULTILINE), told.stdout

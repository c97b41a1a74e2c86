"""What the documents say is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import typer.main

from hub.alert_settings import (
    AlertSettings,
    ChannelSettings,
    DutySettings,
    QuietSettings,
    ReachSettings,
    RecipientSettings,
    StepSettings,
    WatchSettings,
)
from hub.cli.main import build
from hub.connectors.base import connectors
from hub.settings import (
    SCHEMES,
    FormSettings,
    HubSettings,
    PruneSettings,
    PullSettings,
    SourceSettings,
)

ROOT = Path(__file__).parents[1]
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text("utf-8")
WRITTEN = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#:]+)\)")


def environment_variables() -> set[str]:
    """Every HUB_… that stands as a text of its own in the code."""
    found: set[str] = set()
    for path in (ROOT / "hub").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(re.findall(r"^HUB_[A-Z_]+$", node.value))
    return found


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    broken = [
        target
        for target in LINK.findall(path.read_text("utf-8"))
        if not (path.parent / target).exists()
    ]

    assert broken == []


@pytest.mark.parametrize("variable", sorted(environment_variables()))
def test_every_environment_variable_is_described(variable: str) -> None:
    assert f"`{variable}`" in CONFIGURATION


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_signature_scheme_is_described(scheme: str) -> None:
    assert f"`{scheme}`" in CONFIGURATION


SETTINGS = [
    HubSettings,
    SourceSettings,
    PullSettings,
    FormSettings,
    AlertSettings,
    WatchSettings,
    ChannelSettings,
    ReachSettings,
    RecipientSettings,
    StepSettings,
    DutySettings,
    QuietSettings,
    PruneSettings,
]


@pytest.mark.parametrize("model", SETTINGS)
def test_every_setting_is_described(model: type) -> None:
    written = CONFIGURATION + (ROOT / "docs" / "webform.md").read_text("utf-8")
    missing = [name for name in model.model_fields if name not in written]  # type: ignore[attr-defined]  # a pydantic model

    assert missing == []


@pytest.mark.parametrize("platform", sorted(connectors()))
def test_every_connector_has_a_readme(platform: str) -> None:
    assert (ROOT / "hub" / "connectors" / platform / "README.md").is_file()


def test_every_room_stands_in_the_readme() -> None:
    readme = WRITTEN[0].read_text("utf-8")
    rooms = [p.name for p in (ROOT / "hub").iterdir() if (p / "__init__.py").exists()]
    missing = [room for room in rooms if f"hub/{room}/" not in readme and room != "model"]

    assert missing == []


def test_every_command_says_what_it_does() -> None:
    def untold(command: object, path: str) -> list[str]:
        children = getattr(command, "commands", {})
        own = [] if getattr(command, "help", None) else [path]
        return own + [
            line for name, child in children.items() for line in untold(child, f"{path} {name}")
        ]

    assert untold(typer.main.get_command(build()), "hub") == []

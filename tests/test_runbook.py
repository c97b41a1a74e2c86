"""Alerts, their kinds and the runbook belong together: none is without the others."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main

from hub.alerts.kinds import KINDS, kind_of
from hub.cli.main import build

ROOT = Path(__file__).parents[1]
# The outbox itself hands on what it is given.
SOURCES = sorted(
    path for path in (ROOT / "hub").rglob("*.py") if path.parent != ROOT / "hub" / "alerts"
)
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text("utf-8")
SECTION = re.compile(r"^### `([a-z-]+)` (.+)$", re.MULTILINE)
POINTS = ("Meaning", "Impact", "First look", "Mend", "Tested by")


class Module:
    """One file, and which kinds of alert it raises, read without running it."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text("utf-8"))
        self.functions = [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]

    def kinds(self) -> set[str]:
        return {
            key.partition(":")[0]
            for expression, around in self._raised()
            for key in self.beginnings(expression, around)
        }

    def _raised(self) -> Iterator[tuple[ast.expr, ast.AST]]:
        """Every expression that is the key of an alert, and what it stands in."""
        for around in (self.tree, *self.functions):
            for node in _own_nodes(around):
                if isinstance(node, ast.Call):
                    yield from ((k.value, around) for k in node.keywords if k.arg == "dedupe_key")
                    if _name(node.func) == "Alarm":
                        yield node.args[0], around
                elif isinstance(node, ast.Dict):
                    for key, value in zip(node.keys, node.values, strict=True):
                        if isinstance(key, ast.Constant) and key.value == "dedupe_key":
                            yield value, around

    def beginnings(self, expression: ast.expr, around: ast.AST) -> list[str]:
        """The texts with which an expression can begin; none for a key that was read from a row."""
        match expression:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
                return [text]
            case ast.JoinedStr(values=[ast.FormattedValue(value=first), *_]):
                return self.beginnings(first, around)
            case ast.BinOp(left=left):
                return self.beginnings(left, around)
            case ast.Name(id=name):
                return self._of_name(name, around)
            case ast.Call(func=ast.Name(id=name)):
                return [
                    text
                    for function in self.functions
                    if function.name == name
                    for node in ast.walk(function)
                    if isinstance(node, ast.Return) and node.value is not None
                    for text in self.beginnings(node.value, function)
                ]
            case ast.Attribute() | ast.Subscript():
                return []
        raise AssertionError(f"cannot read the key in line {expression.lineno}")

    def _of_name(self, name: str, around: ast.AST) -> list[str]:
        for place in (around, self.tree):
            for node in _own_nodes(place):
                if isinstance(node, ast.Assign) and name in map(_name, node.targets):
                    return self.beginnings(node.value, place)
        if isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef):
            return self._of_parameter(name, around)
        raise AssertionError(f"cannot read the key {name}")

    def _of_parameter(
        self, name: str, function: ast.FunctionDef | ast.AsyncFunctionDef
    ) -> list[str]:
        names = [one.arg for one in function.args.args if one.arg != "self"]
        found: list[str] = []
        for around in (self.tree, *self.functions):
            for node in _own_nodes(around):
                if isinstance(node, ast.Call) and _name(node.func) == function.name:
                    given = dict(zip(names, node.args, strict=False))
                    given |= {k.arg: k.value for k in node.keywords if k.arg}
                    found += self.beginnings(given[name], around)
        return found


def _own_nodes(around: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function or module, not those of functions in it."""
    for child in ast.iter_child_nodes(around):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _own_nodes(child)


def _name(node: ast.AST) -> str:
    return getattr(node, "id", getattr(node, "attr", ""))


def raised_kinds() -> set[str]:
    return {
        kind
        for path in SOURCES
        if "dedupe_key" in (text := path.read_text("utf-8")) or "Alarm(" in text
        for kind in Module(path).kinds()
    }


@cache
def sections() -> dict[str, str]:
    """Kind → the text of its section."""
    found = list(SECTION.finditer(RUNBOOK))
    ends = [one.start() for one in found[1:]] + [len(RUNBOOK)]
    names = [one.group(1) for one in found]
    assert len(names) == len(set(names))
    return {one.group(1): RUNBOOK[one.start() : end] for one, end in zip(found, ends, strict=True)}


def points(kind: str) -> dict[str, str]:
    """Point → its text, of the section of a kind."""
    return dict(re.findall(r"^- \*\*(.+?)\*\*: (.+)$", sections()[kind], re.MULTILINE))


def test_every_kind_is_raised_and_every_raised_kind_is_known() -> None:
    assert raised_kinds() == set(KINDS)


def test_the_runbook_has_a_section_for_each_kind() -> None:
    assert set(sections()) == set(KINDS)


def test_an_unknown_kind_is_refused() -> None:
    assert kind_of("held:douyin-main") == "held"
    with pytest.raises(ValueError, match="no kind of alert: hold"):
        kind_of("hold:douyin-main")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_section_says_what_to_do(kind: str) -> None:
    found = points(kind)

    assert f"### `{kind}` {KINDS[kind].title_zh}\n" in sections()[kind]
    assert [point for point in POINTS if not found.get(point)] == []
    assert ("Ends" in found) or KINDS[kind].closes_after is None or kind in _CLOSED_BY_SOURCE_TOO


_CLOSED_BY_SOURCE_TOO = {"platform-count", "platform-count-push", "quota"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_test_that_a_section_names_is_there(kind: str) -> None:
    named = re.findall(r"`(tests/[^:`]+)::(\w+)`", points(kind)["Tested by"])

    assert named
    for path, name in named:
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        functions = {getattr(node, "name", "") for node in tree.body}
        assert name in functions, f"{path} has no {name}"


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`(hub [^`]+)`", RUNBOOK))))
def test_a_command_of_the_runbook_exists(command: str) -> None:
    node: object = typer.main.get_command(build())
    for word in shlex.split(command)[1:]:
        if word.startswith("--"):
            options = {name for one in getattr(node, "params", ()) for name in one.opts}
            assert word in options, f"{command}: no {word}"
        elif hasattr(node, "commands"):
            assert word in node.commands, f"{command}: no {word}"
            node = node.commands[word]

    assert not hasattr(node, "commands"), f"{command} is a group"

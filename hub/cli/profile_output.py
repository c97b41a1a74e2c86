"""A contact's profile for people: one line a field, the losers under it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hub.cli.output import print_line, print_rows

_WON = ("field", "value", "why", "leads", "source", "at")
_OWN = ("lead", "source", "at")


def print_contact(found: Mapping[str, Any]) -> None:
    """What `show_contact` gives."""
    for name in ("id", "merchant"):
        print_line(f"{name}: {found[name]}")
    if found["became_from"]:
        print_line(f"became from: {', '.join(map(str, found['became_from']))}")
    print_line()
    print_rows(_WON, list(_values(found["values"])), as_json=False)
    for name, claims in found["all"].items():
        print_line(f"\n{name}: {'; '.join(shown(claim['value']) for claim in claims)}")
    if found["interests"]:
        print_line("\ninterests, each with its lead:")
        print_rows(
            (*_OWN, "wanted"), [_interest(one) for one in found["interests"]], as_json=False
        )
    if found["companies"]:
        print_line("\ncompanies:")
        rows = [
            (one["company"], ", ".join(one["evidence"]), one["leads"])
            for one in found["companies"]
        ]
        print_rows(("company", "by", "leads"), rows, as_json=False)
    print_line(f"\nleads ({len(found['leads'])}):")
    columns = ("lead", "source", "received_at", "name", "mobile", "utm_campaign")
    rows = [tuple(one[name] for name in columns) for one in found["leads"]]
    print_rows(columns, rows, as_json=False)


def _values(values: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    for name, one in values.items():
        count = f"{one['agreeing']} of {one['stated']}"
        yield name, shown(one["value"]), one["why"], count, one.get("source"), _day(one.get("at"))
        for lost in one["conflicts"]:
            yield "", f"✗ {shown(lost['value'])}", "", "", lost["source"], _day(lost["at"])


def _interest(one: Mapping[str, Any]) -> tuple[Any, ...]:
    wanted = [f"{name}: {shown(value)}" for name, value in one.items() if name not in _OWN]
    return one["lead"], one["source"], _day(one["at"]), "; ".join(wanted)


def shown(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    """A value in one line: lists and objects without their marks."""
    if isinstance(value, dict):
        return " ".join(f"{name}={shown(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(shown, value))
    return "—" if value is None else str(value)


def _day(at: Any) -> str:  # noqa: ANN401 -- an instant or nothing
    return f"{at:%Y-%m-%d %H:%M}" if at else ""

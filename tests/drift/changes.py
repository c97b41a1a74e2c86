"""Ways in which a payload changes; each takes a payload and its number and gives the changed one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Any

Item = dict[str, Any]
Change = Callable[[Item, int], Item]


def same(item: Item, _: int) -> Item:
    return item


def of_itself(change: Callable[[Item], Item]) -> Change:
    """A change that asks for no number."""
    return lambda item, _: change(item)


def without(*names: str) -> Change:
    return lambda item, _: {key: value for key, value in item.items() if key not in names}


def put(**values: Any) -> Change:
    """Set fields to fixed values."""
    return lambda item, _: {**item, **values}


def turn(name: str, to: Callable[[Any], Any]) -> Change:
    """Another value made of the one that stands there."""
    return lambda item, _: {**item, name: to(item[name])} if name in item else item


def turn_inside(outer: str, name: str, to: Callable[[Any], Any]) -> Change:
    def change(item: Item, _: int) -> Item:
        inner = item.get(outer)
        if not isinstance(inner, dict) or name not in inner:
            return item
        return {**item, outer: {**inner, name: to(inner[name])}}

    return change


def drop_inside(outer: str, *names: str) -> Change:
    def change(item: Item, _: int) -> Item:
        inner = item.get(outer)
        kept = (
            {k: v for k, v in inner.items() if k not in names} if isinstance(inner, dict) else {}
        )
        return {**item, outer: kept} if isinstance(inner, dict) else item

    return change


def add_inside(outer: str, **values: Any) -> Change:
    return lambda item, _: {**item, outer: {**item.get(outer, {}), **values}}


def renamed(old: str, new: str) -> Change:
    return lambda item, _: {new if key == old else key: value for key, value in item.items()}


def moved_into(name: str, outer: str, inner: str) -> Change:
    def change(item: Item, number: int) -> Item:
        return {**without(name)(item, number), outer: {inner: item.get(name)}}

    return change


def moved_into_list(name: str, outer: str, inner: str) -> Change:
    def change(item: Item, number: int) -> Item:
        return {**without(name)(item, number), outer: [{inner: item.get(name), "kind": "mobile"}]}

    return change


def for_some(share: float, change: Change) -> Change:
    """The change on a part of the payloads, the same ones each time."""

    def changed(item: Item, number: int) -> Item:
        return change(item, number) if Random(f"some:{number}").random() < share else item

    return changed


def all_of(*changes: Change) -> Change:
    def changed(item: Item, number: int) -> Item:
        for change in changes:
            item = change(item, number)
        return item

    return changed


def one_of(name: str, *values: Any) -> Change:
    """A field that takes these values in turn."""
    return lambda item, number: {**item, name: values[number % len(values)]}


def one_of_inside(outer: str, name: str, *values: Any) -> Change:
    return lambda item, n: {**item, outer: {**item.get(outer, {}), name: values[n % len(values)]}}


def shuffled(item: Item, number: int) -> Item:
    names = list(item)
    Random(f"order:{number}").shuffle(names)
    return {name: item[name] for name in names}


def masked(phone: Any) -> Any:
    return f"{str(phone)[:3]}****{str(phone)[-4:]}" if phone else phone


def as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+08:00").timestamp())


def millis(text: str) -> int:
    return seconds(text) * 1000


def listed(answers: Item) -> list[Item]:
    return [{"label": label, "value": value} for label, value in answers.items()]

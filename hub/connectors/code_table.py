"""A platform's codes as data: what each means and what is done about it; sources may correct a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from hub.errors import ConfigError, PlatformRejectedError

A = TypeVar("A", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class CodeRule(Generic[A]):
    """One row of a table: action, what happened, what a person does about it."""

    action: A
    meaning: str
    remedy: str = ""

    def text(self, code: int) -> str:
        """What an error says. The platform's own words are not repeated: they may name a person."""
        return f"platform code {code}: {self.meaning}" + (
            f"; {self.remedy}" if self.remedy else ""
        )


class TokenStaleError(PlatformRejectedError):
    """The access token is not accepted (any more): get another one once, then give up."""


def rule_of(
    code: int, rules: Mapping[int, CodeRule[A]], stop: A, overrides: Mapping[int, str]
) -> CodeRule[A]:
    """The rule of a code by a platform's table, as `options.error_actions` may correct it.

    `stop` is done about an unknown code, for nothing is known about trying again.

    Raises:
        ConfigError: an override names no action.
    """
    rule = rules.get(code, CodeRule(stop, "a code that is not in the vendor's table"))
    if code not in overrides:
        return rule
    actions = type(stop)
    try:
        return CodeRule(actions(overrides[code]), rule.meaning, rule.remedy)
    except ValueError:
        known = ", ".join(actions)
        raise ConfigError(f"options.error_actions.{code}: choose one of {known}") from None

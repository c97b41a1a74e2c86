"""What every connector is checked for: one name for each column of the report."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

Test = TypeVar("Test", bound=Callable[..., Any])


class Check(StrEnum):
    """A column; its value is the heading."""

    SIGNATURE = "signature"
    ANSWERS = "challenge, ack"
    ONCE = "once in CRM"
    PAGES = "pages"
    RETRIES = "429/5xx, 4xx"
    TOKENS = "token race"
    CURSOR = "cursor crash"
    VERSIONS = "old versions"
    PRIVATE = "private"


def shows(check: Check) -> Callable[[Test], Test]:
    """Mark a test of a suite as one that shows `check`; a subclass that overrides it shows it, too."""

    def mark(test: Test) -> Test:
        test.shows = check  # type: ignore[attr-defined]  # read back by `shown_by`
        return test

    return mark


def shown_by(owner: type | None, name: str) -> Check | None:
    """The check that the test `name` of a class shows, by its own mark or that of what it overrides."""
    for each in owner.__mro__ if owner else ():
        check = getattr(vars(each).get(name), "shows", None)
        if check is not None:
            return Check(check)
    return None


def checks_of(suite: type) -> set[Check]:
    """Every check that a suite shows."""
    names = {name for each in suite.__mro__ for name in vars(each) if name.startswith("test_")}
    return {check for name in names if (check := shown_by(suite, name)) is not None}

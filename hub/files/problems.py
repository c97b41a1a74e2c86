"""What a check finds: a row, the columns it is about, how bad it is, and what could be written instead."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Check(StrEnum):
    """The twelve checks."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    EMAIL = "email"
    ID_NUMBER = "id_number"
    DATE = "date"
    REGION = "region"
    AMOUNT = "amount"
    REQUIRED = "required"
    ENUM = "enum"
    LENGTH = "length"
    DUPLICATE_IN_FILE = "duplicate_in_file"
    DUPLICATE_IN_STORE = "duplicate_in_store"


class Severity(StrEnum):
    """An error keeps its row out of the store, in the report; a row with a warning is imported and mentioned."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `row` is the index of the row within the table; `reason` says nothing of the value itself.

    `suggestion` is what the cell could be, only where that can be computed.
    """

    row: int
    column: str
    check: Check
    severity: Severity
    reason: str
    suggestion: str = ""


def error(row: int, column: str, check: Check, reason: str, suggestion: str = "") -> Problem:
    """A problem that keeps the row out."""
    return Problem(row, column, check, Severity.ERROR, reason, suggestion)


def warning(row: int, column: str, check: Check, reason: str, suggestion: str = "") -> Problem:
    """A problem that is only mentioned."""
    return Problem(row, column, check, Severity.WARNING, reason, suggestion)

"""Outcomes of a record (design §6) and the reasons it can be held for."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """Where a record stands; every record has exactly one."""

    QUEUED = "queued"
    WAITING = "waiting"
    LOADED = "loaded"
    REVISED = "revised"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"
    NOT_A_LEAD = "not_a_lead"
    HELD = "held"
    DISCARDED = "discarded"
    ERASED = "erased"


IN_CRM = (Outcome.LOADED, Outcome.REVISED, Outcome.UNCHANGED, Outcome.SUPERSEDED)


class HeldReason(StrEnum):
    """Why a record waits for a person or a mapping."""

    UNREADABLE = "unreadable"
    UNKNOWN_ACCOUNT = "unknown_account"
    NO_MAPPING = "no_mapping"
    CONTRACT = "contract"
    MISSING = "missing"
    INVALID_VALUE = "invalid_value"
    SUSPECTED_BOT = "suspected_bot"
    RECORD_ONLY = "record_only"
    CRASHES_LOADER = "crashes_loader"
    LOADER_BUG = "loader_bug"
    STORE_REFUSED = "store_refused"
    UNRESOLVED = "unresolved"

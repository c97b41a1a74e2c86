"""Import a file: checked, compared with the store, stored as deliveries of a few hundred rows in the bulk lane."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.crm.contacts import holders
from hub.database.engine import driver, store_errors
from hub.errors import ConfigError
from hub.files.dictionary import BaseDictionary
from hub.files.document_review import review_documents
from hub.files.documents import DocumentDictionary
from hub.files.problems import Check, Severity
from hub.files.report import cleaning_report
from hub.files.review import Reviewed, review, rows_by_day
from hub.files.rows import row_groups
from hub.inbox.deliveries import store_deliveries
from hub.inbox.sealing import Arrival, seal_delivery
from hub.model.delivery import Delivery, Envelope, Via
from hub.model.lead import IdentityKey
from hub.ops.wake import wake_loaders
from hub.privacy.keyring import KeyRing
from hub.steps.import_plan import Plan

RECEIVER = "importer"
OnProgress = Callable[[str, int, int], None]

_GROUPS_A_COMMIT = 25
_KEYS_A_QUERY = 5_000
# The same file may come again next quarter; a key costs a hundred bytes for four hundred rows.
_KEY_KEPT = timedelta(days=366)
_OWNER_ONLY = 0o600


def _silent(_what: str, _done: int, _of: int) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class ImportResult:
    """What became of a file. Rows: `read` = `accepted` + `rejected` + `skipped_known`.

    `groups` and `duplicate_groups` count deliveries: those that were stored before change nothing. `days`
    is how many rows of the file were submitted on each day (Beijing time), {} without such a column.
    """

    mapping: str
    entity: str
    read: int = 0
    accepted: int = 0
    rejected: int = 0
    skipped_known: int = 0
    groups: int = 0
    duplicate_groups: int = 0
    rows_stored_before: int = 0
    is_dry_run: bool = False
    errors: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    totals_rows: tuple[int, ...] = ()
    days: dict[str, int] = field(default_factory=dict)
    report: str | None = None

    @property
    def duplicates_in_file(self) -> int:
        """How often a row repeats an earlier one's number, e-mail, ID number or lead id."""
        return self.warnings.get(Check.DUPLICATE_IN_FILE, 0)

    @property
    def duplicates_in_store(self) -> int:
        """How many rows are of a contact that the store knows already."""
        return self.warnings.get(Check.DUPLICATE_IN_STORE, 0)


def review_plan(
    engine: sa.Engine,
    keyring: KeyRing,
    plan: Plan,
    dictionary: BaseDictionary,
    on_progress: OnProgress = _silent,
) -> Reviewed:
    """The checks over a plan's table; the store is only read.

    Raises:
        StoreError: the database refused or is away.
    """
    rows = len(plan.table.rows)
    on_progress("check", 0, rows)
    if isinstance(dictionary, DocumentDictionary):
        reviewed = review_documents(plan.table, plan.sheet, dictionary)
    else:
        reviewed = review(plan.table, plan.sheet, dictionary)
    on_progress("check", rows, rows)
    keys = list({key for column in reviewed.keys.values() for key in column if key is not None})
    known: set[IdentityKey] = set()
    with store_errors(), engine.begin() as conn:
        for start in range(0, len(keys), _KEYS_A_QUERY):
            batch = keys[start : start + _KEYS_A_QUERY]
            known |= _known(conn, keyring, plan.source.merchant, batch)
            on_progress("compare", min(start + _KEYS_A_QUERY, len(keys)), len(keys))
    return reviewed.with_known(known)


def _known(
    conn: sa.Connection, keyring: KeyRing, merchant: str, keys: Sequence[IdentityKey]
) -> set[IdentityKey]:
    blinds = {blind: key for key in keys for blind in keyring.blinds(merchant, key)}
    found = holders(driver(conn), merchant, list(blinds))
    return {blinds[blind] for blind in found if blind in blinds}


def import_rows(  # noqa: PLR0913 -- the engine, the keys, what, and how
    engine: sa.Engine,
    keyring: KeyRing,
    plan: Plan,
    reviewed: Reviewed,
    *,
    now: datetime,
    skip_known: bool = False,
    dry_run: bool = False,
    on_progress: OnProgress = _silent,
) -> ImportResult:
    """Store the rows without errors, durable when this returns; with `dry_run` only count them.

    The mapping of the plan is published before. A group of rows that was stored before changes nothing, so
    an import that was cut off is simply run again.

    Raises:
        StoreError: the database refused or is away; what was stored stays.
    """
    result, rows, numbers = _selected(plan, reviewed, skip_known=skip_known)
    result.is_dry_run = dry_run
    if dry_run:
        return result
    groups = row_groups(reviewed.table.columns, rows, numbers, plan.sheet.entity)
    done = 0
    for batch in _batches(groups, _GROUPS_A_COMMIT):
        deliveries = [_delivery(keyring, plan, envelope, now) for envelope, _ in batch]
        with store_errors(), engine.begin() as conn:
            fates = store_deliveries(driver(conn), deliveries, receiver=RECEIVER)
        with store_errors(), engine.begin() as conn:
            wake_loaders(conn)
        for (_, count), fate in zip(batch, fates, strict=True):
            result.groups += 1
            result.duplicate_groups += fate.duplicate_of is not None
            result.rows_stored_before += count if fate.duplicate_of is not None else 0
            done += count
        on_progress("store", done, len(rows))
    return result


def _selected(
    plan: Plan, reviewed: Reviewed, *, skip_known: bool
) -> tuple[ImportResult, list[tuple[str, ...]], list[int]]:
    """The rows to store with their numbers, and the figures of all."""
    table, rejected = reviewed.table, reviewed.rejected()
    known = {
        one.row
        for one in reviewed.problems
        if skip_known and one.check is Check.DUPLICATE_IN_STORE and one.row not in rejected
    }
    kept = [n for n in range(len(table.rows)) if n not in rejected and n not in known]
    accepted = replace(
        table, rows=[table.rows[n] for n in kept], numbers=[table.numbers[n] for n in kept]
    )
    result = ImportResult(
        plan.name,
        plan.sheet.entity,
        read=len(table.rows),
        accepted=len(kept),
        rejected=len(rejected),
        skipped_known=len(known),
        errors=_counts(reviewed, Severity.ERROR),
        warnings=_counts(reviewed, Severity.WARNING),
        totals_rows=table.totals,
        days=rows_by_day(table, plan.sheet),
    )
    return result, accepted.rows, accepted.numbers


def _counts(reviewed: Reviewed, severity: Severity) -> dict[str, int]:
    found = Counter(str(one.check) for one in reviewed.problems if one.severity is severity)
    return {str(check): found[check] for check in Check if found[check]}


def _batches(groups: Iterator[Any], size: int) -> Iterator[list[tuple[Envelope, int]]]:
    batch: list[tuple[Envelope, int]] = []
    for group in groups:
        batch.append(group)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _delivery(keyring: KeyRing, plan: Plan, envelope: Envelope, now: datetime) -> Delivery:
    """A row group as a delivery whose key is its source, its mapping and its content."""
    digest = hashlib.sha256(
        b"\0".join((plan.source_key.encode(), plan.sheet.entity.encode(), envelope.body))
    ).hexdigest()
    arrival = Arrival(Via.IMPORT, now, platform_key=f"import:{digest}")
    sealed = seal_delivery(keyring, plan.source_key, plan.source, envelope, arrival)
    return replace(sealed, key_expires_at=now + _KEY_KEPT)


def write_report(reviewed: Reviewed, path: Path) -> bool:
    """Write the cleaning report where nothing stands yet, readable by its owner only; false if there is nothing to say.

    Raises:
        ConfigError: the file exists, or cannot be written.
    """
    if not reviewed.problems:
        return False
    content = cleaning_report(reviewed)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    except FileExistsError:
        raise ConfigError(f"{path} exists already; name another file: --report") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return True


def report_path(source: Path) -> Path:
    """Where a report goes unless a person says: beside the file, under a name that is free."""
    stem = f"{source.stem}-report"
    path = source.with_name(f"{stem}.xlsx")
    number = 1
    while path.exists():
        number += 1
        path = source.with_name(f"{stem}-{number}.xlsx")
    return path

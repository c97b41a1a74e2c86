"""`hub verify`: both conservation laws and the content hash; `--deep` makes every fold and contact again."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.output import CheckFailedError, counting, print_json, print_line, print_rows
from hub.settings import home, load_settings
from hub.steps.keys.ring import open_keyring
from hub.steps.laws import Law
from hub.steps.open_store import open_store
from hub.steps.verify import verify


def register(app: typer.Typer) -> None:
    """Add `verify`."""
    app.command("verify")(verify_command)


def verify_command(
    deep: Annotated[
        bool, typer.Option("--deep", help="Fold and resolve everything anew.")
    ] = False,
    replay: Annotated[
        bool,
        typer.Option(
            "--replay", help="Rebuild CRM and books from the archive in a shadow and compare."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
) -> None:
    """Check that nothing is lost and nothing is doubled; exit 1 if a law does not hold."""
    with open_store() as store, counting("verifying", quiet=as_json) as progress:
        found = verify(
            store.engine,
            open_keyring(),
            spool=home() / "spool",
            deep=deep,
            settings=load_settings() if replay else None,
            progress=progress,
        )
    if as_json:
        print_json(
            {
                "holds": found.holds,
                "content_hash": found.content_hash,
                "leads": found.leads,
                "contacts": found.contacts,
                "documents": found.documents,
                "delivery_law": found.delivery_law.by_source(),
                "record_law": found.record_law.by_source(),
                "stale": found.stale if deep else None,
                "stale_documents": found.stale_documents if deep else None,
                "misplaced": found.misplaced if deep else None,
                "unreadable": found.unreadable,
                "rebuilt_hash": found.rebuilt.content_hash if found.rebuilt else None,
                "rebuilt_leads": found.rebuilt.leads if found.rebuilt else None,
                "rebuilt_documents": found.rebuilt.documents if found.rebuilt else None,
                "pruned": found.rebuilt.pruned if found.rebuilt else None,
            }
        )
    else:
        _print_law(found.delivery_law)
        _print_law(found.record_law)
        print_line(
            f"{found.leads} leads of {found.contacts} contacts, {found.documents} business documents,"
            f" content hash {found.content_hash}"
        )
        if deep:
            print_line(
                f"stale leads {found.stale}, leads under a wrong contact {found.misplaced},"
                f" stale documents {found.stale_documents}"
            )
        if found.rebuilt:
            same = "the same" if found.is_same_state else "ANOTHER"
            print_line(
                f"rebuilt from {found.rebuilt.records} records: {found.rebuilt.leads} leads,"
                f" {found.rebuilt.documents} documents, {same} content hash {found.rebuilt.content_hash}"
            )
            if found.rebuilt.pruned:
                print_line(
                    f"{found.rebuilt.pruned} records have no body any more (keep_raw_days, erasures):"
                    " taken as they stand"
                )
        print_line(
            "everything is accounted for" if found.holds else "NOT everything is accounted for"
        )
    if not found.holds:
        raise CheckFailedError


def _print_law(law: Law) -> None:
    rows = law.by_source()
    columns = list(rows[0]) if rows else ["source", *law.terms, "difference"]
    print_rows(columns, [[row[column] for column in columns] for row in rows], as_json=False)
    print_line()

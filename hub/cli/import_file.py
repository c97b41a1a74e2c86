"""`hub import`: a spreadsheet or text file into a source, with a wizard, twelve checks and a cleaning report."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.import_output import print_proposal, print_result, watching
from hub.cli.output import CheckFailedError, print_line
from hub.errors import ConfigError
from hub.files.dictionary import BaseDictionary
from hub.files.proposal import Proposed
from hub.mapping.nearest import did_you_mean
from hub.ops.platform_counts import PlatformCount
from hub.privacy.keyring import KeyRing
from hub.registry.files import SchemaFiles, schema_files
from hub.settings import HubSettings, load_settings
from hub.steps.import_file import ImportResult, import_rows, report_path, review_plan, write_report
from hub.steps.import_plan import (
    Plan,
    Reading,
    dictionary_for,
    nearly_saved,
    plan_with_saved,
    propose_plan,
    publish_plan,
    read_table,
    saved_mappings,
    settle,
    target_of,
)
from hub.steps.keys.ring import open_keyring
from hub.steps.open_store import Store, open_store
from hub.steps.sources.grant import configured_source
from hub.steps.sources.platform_count import count_by_file, in_words
from hub.steps.work import drain_queue


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a person asked for."""

    file: Path
    source: str
    mapping: str
    reading: Reading
    said: dict[str, str]
    key: tuple[str, ...]
    save: str
    report: Path | None
    skip_known: bool
    dry_run: bool
    yes: bool
    whole_days: bool
    as_json: bool

    @property
    def makes_mapping(self) -> bool:
        """Whether something was said of columns, so that no saved mapping is looked for."""
        return bool(self.said or self.key or self.save)


@dataclass(frozen=True, slots=True)
class _Hub:
    """The store, the keys and the schemas that are open."""

    store: Store
    keyring: KeyRing
    files: SchemaFiles


def register(app: typer.Typer) -> None:
    """Add `import`."""
    app.command("import")(import_command)


def import_command(  # noqa: PLR0913 -- the options of a command are its arguments
    file: Annotated[Path, typer.Argument(help="csv, tsv, xlsx or jsonl.")],
    source: Annotated[str, typer.Option(help="The source key that the leads belong to.")],
    mapping: Annotated[str, typer.Option(help="A saved column mapping.")] = "",
    sheet: Annotated[str, typer.Option(help="The sheet; default: the first with content.")] = "",
    encoding: Annotated[str, typer.Option(help="The encoding if it is not recognised.")] = "",
    header_row: Annotated[
        int, typer.Option(min=0, help="The row of the column names; 0: look for it.")
    ] = 0,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="What a column holds: 列名=phone. Repeatable."),
    ] = None,
    key: Annotated[
        str, typer.Option(help="Columns that tell leads apart, by comma, if none is a lead id.")
    ] = "",
    save: Annotated[str, typer.Option(help="Save the column mapping under this name.")] = "",
    report: Annotated[Path | None, typer.Option(help="Where the cleaning report goes.")] = None,
    skip_known: Annotated[
        bool, typer.Option(help="Leave out rows whose contact we have.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Check and report; store nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take the proposal as it is.")] = False,
    whole_days: Annotated[
        bool,
        typer.Option(
            "--whole-days",
            help="The file lists every lead of its days: load it, then say whether all of them came.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Import a file; rows with errors go to a report, to be corrected and imported again (exit 1)."""
    reading = Reading(sheet=sheet, encoding=encoding, header_row=header_row or None)
    keys = tuple(part.strip() for part in key.split(",") if part.strip())
    said = _said(columns or [])
    _import(
        _Wish(
            file, source, mapping, reading, said, keys, save, report, skip_known, dry_run, yes,
            whole_days, as_json,
        )
    )  # fmt: skip


def _said(pairs: Sequence[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        column, equals, meaning = pair.rpartition("=")
        if not equals or not column or not meaning:
            raise ConfigError(f"--map {pair}: write 列名=field, for example 学员电话=phone")
        found[column.strip()] = meaning.strip()
    return found


def _import(wish: _Wish) -> None:
    settings = load_settings()
    if wish.mapping and wish.makes_mapping:
        raise ConfigError("--mapping names a saved mapping; leave out --map, --key and --save")
    if wish.report is not None and wish.report.exists():
        raise ConfigError(f"{wish.report} exists already; name another file: --report")
    files = schema_files(settings)
    configured_source(settings, wish.source)
    keyring = open_keyring()
    with open_store(application="hub import") as store:
        plan, dictionary = _plan(store, files, settings, wish)
        result = _carry_out(_Hub(store, keyring, files), plan, dictionary, wish)
        counts = _counted(store, keyring, settings, result, wish)
    facts = {**asdict(result), "counts": [asdict(one) for one in counts]}
    print_result(
        result, facts, columns=plan.sheet.columns, extra=plan.unknown_columns, as_json=wish.as_json
    )
    if not wish.as_json:
        for one in counts:
            print_line(in_words(one))
    if result.rejected or any(one.missing > 0 for one in counts):
        raise CheckFailedError


def _counted(
    store: Store, keyring: KeyRing, settings: HubSettings, result: ImportResult, wish: _Wish
) -> list[PlatformCount]:
    """What the platform sent on the days of the file against what came, if the file lists whole days."""
    if not wish.whole_days or wish.dry_run:
        return []
    return count_by_file(
        store.engine,
        settings,
        wish.source,
        result.days,
        now=datetime.now(UTC),
        load=lambda: drain_queue(store.engine, keyring, settings, name="import"),
    )


def _plan(
    store: Store, files: SchemaFiles, settings: HubSettings, wish: _Wish
) -> tuple[Plan, BaseDictionary]:
    """The file's table with a mapping: a saved one, or one that a person has agreed to."""
    source = configured_source(settings, wish.source)
    with store.engine.begin() as conn:
        target = target_of(source)
        dictionary, extensions = dictionary_for(conn, files, source.merchant, target)
        saved = saved_mappings(conn, source.platform, source.merchant, target)
    table = read_table(wish.file, dictionary, settings, wish.reading)
    if not wish.makes_mapping:
        found = plan_with_saved(wish.source, source, table, saved, wish.mapping)
        if found is not None:
            return found, dictionary
    plan = propose_plan(wish.source, source, table, dictionary)
    if not wish.as_json:
        print_proposal(plan.proposed, wish.said, nearly_saved(table, saved))
    plan = settle(
        plan,
        dictionary,
        files,
        said=wish.said | _asked(plan, wish, dictionary),
        key=wish.key,
        save=wish.save,
        extensions=extensions,
        saved=saved,
    )
    return plan, dictionary


def _asked(plan: Plan, wish: _Wish, dictionary: BaseDictionary) -> dict[str, str]:
    """What a person at a terminal says of the columns that are not sure; without one, nothing is guessed."""
    open_ones = [one for one in plan.uncertain if one.column not in wish.said]
    if not open_ones or wish.yes:
        return {}
    if not sys.stdin.isatty() or wish.as_json:
        named = "、".join(f"{one.column}（{one.meaning}？{one.why}）" for one in open_ones)
        raise ConfigError(
            f"{len(open_ones)} columns are not sure: {named}."
            " Say what they hold with --map 列名=field, use --mapping NAME, or take the proposal with --yes"
        )
    return {one.column: _ask(one, dictionary) for one in open_ones}


def _ask(one: Proposed, dictionary: BaseDictionary) -> str:
    known = dictionary.meanings()
    while True:
        answer = typer.prompt(
            f"“{one.column}”（{one.sample}；{one.why}）是", default=one.meaning, err=True
        ).strip()
        if answer in known or dictionary.is_extension(answer):
            return str(answer)
        typer.echo(f"没有字段 {answer}{did_you_mean(answer, known)}", err=True)


def _carry_out(hub: _Hub, plan: Plan, dictionary: BaseDictionary, wish: _Wish) -> ImportResult:
    """Check, publish, store, write the cleaning report."""
    engine, keyring = hub.store.engine, hub.keyring
    with watching(quiet=wish.as_json) as on_progress:
        reviewed = review_plan(engine, keyring, plan, dictionary, on_progress)
        if not wish.dry_run:
            publish_plan(
                engine,
                hub.files,
                plan,
                published_by=getpass.getuser(),
                reason=f"columns of {wish.file.suffix.lstrip('.') or 'a file'} for {wish.source}",
            )
        result = import_rows(
            engine,
            keyring,
            plan,
            reviewed,
            now=datetime.now(UTC),
            skip_known=wish.skip_known,
            dry_run=wish.dry_run,
            on_progress=on_progress,
        )
    path = wish.report or report_path(wish.file)
    if write_report(reviewed, path):
        result.report = str(path)
    return result

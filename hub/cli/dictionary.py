"""`hub dictionary`: what each field of a lead is, how it is written, what is looked at, whose it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.cli.output import print_json, print_line, print_rows
from hub.errors import ConfigError
from hub.settings import load_settings
from hub.steps.open_store import open_store
from hub.steps.quality.dictionary import (
    COLUMNS,
    Dictionary,
    DictionaryField,
    as_json,
    dictionary_csv,
    dictionary_rows,
    read_dictionary,
)


def register(app: typer.Typer) -> None:
    """Add `dictionary`."""
    app.command("dictionary")(dictionary_command)


def dictionary_command(
    field: Annotated[str, typer.Argument(help="One field, by its name or Chinese label.")] = "",
    core: Annotated[bool, typer.Option("--core", help="Only core fields.")] = False,
    json_form: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
    csv_form: Annotated[bool, typer.Option("--csv", help="CSV instead of a table.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the CSV to this file; a spreadsheet opens it.")
    ] = None,
) -> None:
    """The master data dictionary: label, format, checks and owner of each field, merchants' own fields included."""
    settings = load_settings()
    with open_store() as store:
        dictionary = read_dictionary(store.engine, settings)
    fields = dictionary.find(field) if field else dictionary.fields
    if core:
        fields = tuple(one for one in fields if one.core)
    if out is not None:
        _save(out, dictionary_csv(fields))
        print_line(f"{len(fields)} fields: {out}")
    elif csv_form:
        print_line(dictionary_csv(fields).decode("utf-8-sig").replace("\r\n", "\n").rstrip("\n"))
    elif json_form:
        print_json([as_json(one) for one in fields])
    elif field:
        for one in fields:
            _print_one(one, dictionary)
    else:
        print_rows(COLUMNS, dictionary_rows(fields), as_json=False)


def _print_one(field: DictionaryField, dictionary: Dictionary) -> None:
    """All that the dictionary says of one field, one fact a line."""
    rule = dictionary.rules()[field.name]
    facts = {
        "field": field.name,
        "label": field.label_zh,
        "core": f"yes, as {field.core_label_zh or field.label_zh}" if field.core else "no",
        "type": field.type,
        "format": field.format,
        "checks": field.checks_zh,
        "anomaly words": "、".join(dict.fromkeys(rule.words.values())),
        "filled also by": ", ".join(field.also),
        "personal data": field.pii,
        "identity key": "yes" if field.identity else "no",
        "owner": field.owner,
        "merchant": field.merchant,
        "contract": dictionary.version,
    }
    for name, fact in facts.items():
        if fact:
            print_line(f"{name}: {fact}")


def _save(out: Path, content: bytes) -> None:
    try:
        out.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"--out: {out}: {error.strerror}") from error

"""The live mappings of a process: read from the registry, compiled when they change."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from hub.errors import ConfigError
from hub.mapping.compile import CompiledMapping, compile_mapping
from hub.mapping.extensions import ExtensionField
from hub.registry.extensions import extensions_by_merchant
from hub.registry.files import SchemaFiles, schema_files
from hub.registry.live import (
    ALL_MERCHANTS,
    Document,
    LiveKey,
    LiveVersions,
    documents_of,
    ensure_shipped,
    live_versions,
    published_document,
)
from hub.registry.merchants import sync_registry
from hub.settings import HubSettings

log = logging.getLogger("hub.mappings")
_Compiled = dict[tuple[int, str], CompiledMapping | None]


def prepare_registry(conn: sa.Connection, settings: HubSettings) -> list[str]:
    """At start-up: merchants and sources of `hub.yaml` registered, shipped mappings live; what was shipped.

    Raises:
        ConfigError: a source key changed what it stands for, or the schemas folder is not there.
    """
    sync_registry(conn, settings)
    return ensure_shipped(conn, schema_files(settings))


class LiveMappings:
    """Compiled live mappings. Call `refresh` inside the batch's own transaction, then `get`."""

    def __init__(self, settings: HubSettings) -> None:
        self._files = schema_files(settings)
        self._shipped = [
            (ALL_MERCHANTS, name.platform, name.entity) for name in self._files.newest_mappings()
        ]
        self._live = LiveVersions({}, "")
        self._documents: dict[int, Document] = {}
        self._extensions: Mapping[str, tuple[ExtensionField, ...]] = {}
        self._compiled: _Compiled = {}
        self._pinned: CompiledMapping | None = None

    def pin(self, conn: sa.Connection, version: str, merchant: str) -> None:
        """Give this version for every record of its platform and entity, whatever is live.

        Raises:
            ConfigError: it was neither shipped nor published, or it cannot be compiled.
        """
        fields = extensions_by_merchant(conn).get(merchant, ())
        self._pinned = compile_version(conn, self._files, version, merchant, fields)

    def refresh(self, conn: sa.Connection) -> None:
        """Take over what was published since the last call; one small query if nothing was.

        A shipped mapping that was never published is published first.
        """
        live = live_versions(conn)
        if any(key not in live.ids for key in self._shipped):
            ensure_shipped(conn, self._files)
            live = live_versions(conn)
        if live == self._live:
            return
        if live.extensions != self._live.extensions:
            self._extensions = extensions_by_merchant(conn) if live.extensions else {}
            self._compiled = {}
        wanted = set(live.ids.values())
        known = {number: doc for number, doc in self._documents.items() if number in wanted}
        new = sorted(wanted - known.keys())
        self._documents = known | (documents_of(conn, new) if new else {})
        self._compiled = {key: one for key, one in self._compiled.items() if key[0] in wanted}
        self._live = live

    def get(self, merchant: str, platform: str, entity: str) -> CompiledMapping | None:
        """The mapping for a merchant's records: its own version, else that of all.

        None if nothing is live, or if what is live cannot be compiled here (logged once): its records
        are held, those of other sources load.
        """
        pinned = self._pinned
        if pinned is not None and (pinned.platform, pinned.entity) == (platform, entity):
            return pinned
        number = self._live.ids.get((merchant, platform, entity))
        if number is None:
            number = self._live.ids.get((ALL_MERCHANTS, platform, entity))
        if number is None:
            return None
        fields = self._extensions.get(merchant, ())
        key = (number, merchant if fields else ALL_MERCHANTS)
        if key not in self._compiled:
            self._compiled[key] = self._compile(self._documents[number], fields)
        return self._compiled[key]

    def scope(self, merchant: str, platform: str, entity: str) -> str:
        """The merchant if a version of its own is live for it, else that of all."""
        return merchant if (merchant, platform, entity) in self._live.ids else ALL_MERCHANTS

    def live_name(self, merchant: str, platform: str, entity: str) -> str | None:
        """The name of the version that is live for a merchant's records, whether it compiles or not."""
        scope = self.scope(merchant, platform, entity)
        number = self._live.ids.get((scope, platform, entity))
        return None if number is None else self._documents[number].name

    def document(self, merchant: str, platform: str, entity: str) -> Mapping[str, Any] | None:
        """The document that is live for a merchant's records, whether it compiles or not."""
        scope = self.scope(merchant, platform, entity)
        number = self._live.ids.get((scope, platform, entity))
        return None if number is None else self._documents[number].mapping

    def versions(self) -> dict[LiveKey, str]:
        """The names of what is live, by (merchant or "", platform, entity)."""
        return {key: self._documents[number].name for key, number in self._live.ids.items()}

    def _compile(
        self, document: Document, fields: tuple[ExtensionField, ...]
    ) -> CompiledMapping | None:
        try:
            return compile_document(
                document.mapping, self._files, fields, contract=document.contract
            )
        except ConfigError as error:
            log.error("a live mapping cannot be used, its records are held: %s", error)  # noqa: TRY400 -- the message says all
            return None


def compile_document(
    document: Mapping[str, Any],
    files: SchemaFiles,
    fields: tuple[ExtensionField, ...] = (),
    *,
    contract: Mapping[str, Any] | None = None,
) -> CompiledMapping:
    """A document compiled with the raw contract that it names, or with the one that came with it.

    Raises:
        ConfigError: it cannot be compiled, or its contract is not there.
    """
    if contract is None:
        contract = files.contract(str(document.get("from")))
    return compile_mapping(document, contract=contract, extensions=fields)


def compile_version(
    conn: sa.Connection,
    files: SchemaFiles,
    version: str,
    merchant: str,
    fields: tuple[ExtensionField, ...] = (),
) -> CompiledMapping:
    """A version by name, as it was published for a merchant or for all, else as it is shipped.

    Raises:
        ConfigError: there is none, or it cannot be compiled.
    """
    document = published_document(conn, version, merchant)
    if document is None:
        return compile_document(files.mapping(version), files, fields)
    return compile_document(document.mapping, files, fields, contract=document.contract)

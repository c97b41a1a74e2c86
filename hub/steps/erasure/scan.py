"""Finds a person where no key is stored: in records that gave no lead and in refused pushes, each opened."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import unquote_plus
from uuid import UUID

import msgspec
import sqlalchemy as sa

from hub.connectors.base import connectors
from hub.database.engine import driver
from hub.inbox import erasure as inbox
from hub.inbox.records import ArchivedRecord
from hub.inbox.rejected import Kept, unseal_request
from hub.inbox.sealing import envelope_of
from hub.model.delivery import Envelope, Via
from hub.model.keys import HASHED_MOBILE, identity_keys, telling_name
from hub.model.lead import IdentityKey, KeyKind
from hub.privacy.keyring import KeyRing, UnsealError
from hub.registry.merchants import account_owners
from hub.settings import HubSettings
from hub.steps.erasure.redact_document import mentioned
from hub.steps.mappings import LiveMappings
from hub.steps.prepare import Accounts, Preparer, Work, unwatched

_SHORTEST = 6
_BETWEEN = r"[\s\-]{0,2}"
_json = msgspec.json.Decoder()
# A page or a file's rows that could not be split holds many persons: it is not dropped for one.
_OF_MANY = (Via.PULL, Via.IMPORT)


@dataclass(slots=True)
class Person:
    """How to know somebody: blind keys that nobody else has, the plain values of those keys as patterns, and (where
    something else says that it is them) their names as `telling_name` has them."""

    keyring: KeyRing
    merchant: str
    keys: set[bytes]
    names: set[str] = field(default_factory=set, repr=False)
    _patterns: dict[str, re.Pattern[str]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, keyring: KeyRing, merchant: str, keys: set[bytes], texts: Iterable[str]) -> Person:
        """Somebody of whom these plain values are known; more are learned from their leads."""
        person = cls(keyring, merchant, keys)
        for text in texts:
            person._add(text)
        return person

    def learn(self, sealed: Mapping[UUID, bytes]) -> None:
        """Take the plain values of their own keys from their leads' documents."""
        for lead, each in sealed.items():
            doc = _json.decode(self.keyring.unseal(each, lead.bytes))
            if (name := telling_name(doc.get("name", ""))) is not None:
                self.names.add(name)
            for key in identity_keys(doc):
                if self.has(key):
                    self._add(key.value.split(":", 1)[-1] if key.kind in _SCOPED else key.value)

    def has(self, key: IdentityKey) -> bool:
        """Whether it is one of their keys."""
        return not self.keys.isdisjoint(self.keyring.blinds(self.merchant, key))

    def is_in(self, body: bytes) -> bool:
        """Whether one of their values stands in a body, however it is encoded or grouped."""
        return any(
            pattern.search(text) for text in _texts(body) for pattern in self._patterns.values()
        )

    def is_in_text(self, text: str) -> bool:
        """Whether one of their values stands in a text, known in plain or by its blind key only."""
        plain = unicodedata.normalize("NFKC", text).lower()
        return any(pattern.search(plain) for pattern in self._patterns.values()) or any(
            self.has(key) for key in mentioned(text)
        )

    def _add(self, value: str) -> None:
        value = value.removeprefix(HASHED_MOBILE).removeprefix("+86").lower()
        if len(value) < _SHORTEST:
            return
        if value.rstrip("x").isdigit():
            grouped = _BETWEEN.join(value)
            self._patterns[value] = re.compile(
                rf"(?<![0-9])(?:0?0?86)?{_BETWEEN}{grouped}(?![0-9])"
            )
        else:
            self._patterns[value] = re.compile(
                rf"(?<![0-9a-z_.+-]){re.escape(value)}(?![0-9a-z_-])"
            )


_SCOPED = (KeyKind.OPENID, KeyKind.EXTERNAL_USERID)


def _texts(body: bytes) -> set[str]:
    """A body as text: in UTF-8 and GB 18030, escapes of JSON and URLs undone."""
    found = {body.decode("utf-8", "replace"), body.decode("gb18030", "replace")}
    found |= {_unescaped(text) for text in tuple(found) if "\\u" in text}
    found |= {unquote_plus(text) for text in tuple(found) if "%" in text}
    return {unicodedata.normalize("NFKC", text).lower() for text in found}


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)


class Scanner:
    """Looks through everything of a merchant that has no keys. `left_whole` counts what was found and left."""

    def __init__(
        self,
        conn: sa.Connection,
        keyring: KeyRing,
        settings: HubSettings,
        person: Person,
        before: datetime,
    ) -> None:
        self._conn, self._keyring, self._person = conn, keyring, person
        self._before = before
        mappings = LiveMappings(settings)
        mappings.refresh(conn)
        self._preparer = Preparer(
            keyring, settings.all_sources(), connectors(), mappings, unwatched
        )
        self._accounts = Accounts(account_owners(conn))
        self.left_whole = 0

    def records(self) -> list[UUID]:
        """Records outside the CRM that are this person's and came before the erasure."""
        found = []
        for page in inbox.records_without_keys(driver(self._conn), self._person.merchant):
            for record in page:
                if record.received_at <= self._before and self._is_theirs(record):
                    found.append(record.id)
        return found

    def rejected(self) -> list[UUID]:
        """Refused pushes that are this person's."""
        found = []
        for page in inbox.all_rejected(driver(self._conn), self._person.merchant):
            found += [kept.id for kept in page if self._is_their_push(kept)]
        return found

    def _is_theirs(self, record: ArchivedRecord) -> bool:
        try:
            payload = self._keyring.unseal(record.sealed or b"", record.id.bytes)
        except UnsealError:
            return False
        whole = envelope_of(payload)
        if not (self._person.is_in(_bytes_of(whole, payload)) or self._names_them(record)):
            return False
        if whole is not None and record.via in _OF_MANY:
            self.left_whole += 1
            return False
        return True

    def _names_them(self, record: ArchivedRecord) -> bool:
        """Whether the record, mapped under what is live now, gives one of their keys."""
        works = self._preparer.reopen(record)
        for work in works:
            work.outcome = ""  # also one that was held for how it came
            self._preparer.map(work, self._accounts)
        return any(self._person.has(key) for work in works for key in _keys_of(work))

    def _is_their_push(self, kept: Kept) -> bool:
        try:
            request = unseal_request(self._keyring, kept)
        except UnsealError:
            return False
        return kept.received_at <= self._before and self._person.is_in(
            request.body + b"\n" + request.query
        )


def _bytes_of(whole: Envelope | None, payload: bytes) -> bytes:
    return payload if whole is None else whole.body + b"\n" + whole.query


def _keys_of(work: Work) -> Iterable[IdentityKey]:
    if work.mapped is None:
        return
    for lead in work.mapped.leads:
        yield from lead.keys
    for interaction in work.mapped.interactions:
        yield from identity_keys(interaction.doc)
    for document in work.mapped.documents:
        yield from identity_keys({"mobile_e164": document.doc.get("mobile_e164")})

"""A lead as the pure fold over the set of its revisions (design §7): any arrival order, one result."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from hub.model.lead import RevisionMode
from hub.model.outcome import Outcome

# Objects whose members are fields of their own: a patch that carries one member keeps the others.
_OPEN_OBJECTS = frozenset({"ext", "click_ids", "platform_state", "store"})
_UNMAPPED = ("extra", "unmapped")
_encoder = msgspec.json.Encoder(order="deterministic")

Field = tuple[str, ...]


@dataclass(slots=True)  # not frozen: made once per lead, and a frozen one costs twice
class Revision:
    """One revision of a lead. `stream` names the mapping that made it, `rank` its place among the others."""

    rank: bytes
    mode: str
    stream: str
    doc: Mapping[str, Any]


def fold(revisions: Iterable[Revision]) -> dict[str, Any]:
    """The lead that a set of revisions makes, whatever the order they are given in.

    A snapshot clears what its own stream had said before and says all anew; a patch says only what it
    carries. A later value replaces an earlier one. Marks are those of the newest revision of each stream.
    """
    ordered = sorted(revisions, key=lambda revision: revision.rank)
    if len(ordered) == 1:
        return dict(ordered[0].doc)
    values: dict[Field, Any] = {}
    said_by: dict[Field, str] = {}
    marks: dict[str, list[str]] = {}
    for revision in ordered:
        if revision.mode == RevisionMode.SNAPSHOT:
            for field in [f for f, stream in said_by.items() if stream == revision.stream]:
                del values[field], said_by[field]
        for field, value in _fields(revision.doc):
            values[field] = value
            said_by[field] = revision.stream
        marks[revision.stream] = revision.doc.get("marks", [])
    doc = _document(values)
    union = sorted({mark for each in marks.values() for mark in each})
    if union:
        doc["marks"] = union
    return doc


def outcome_of(
    revision: Revision,
    digest: bytes,
    newest: tuple[Revision, bytes] | None,
    older: Iterable[Revision],
) -> Outcome:
    """What becomes of a revision that comes to a lead or a document.

    Args:
        revision: The one that comes.
        digest: The content hash of its document.
        newest: The revision of the highest rank so far with its content hash; None if there is none.
        older: All revisions so far.
    """
    if newest is None:
        return Outcome.LOADED
    last, known = newest
    if digest == known:
        return Outcome.UNCHANGED
    if revision.rank > last.rank:
        return Outcome.REVISED
    if RevisionMode.PATCH not in (revision.mode, last.mode) and revision.stream == last.stream:
        return Outcome.SUPERSEDED
    before = list(older)
    changes = content_hash(fold(before)) != content_hash(fold([*before, revision]))
    return Outcome.REVISED if changes else Outcome.SUPERSEDED


def canonical_bytes(value: Any) -> bytes:  # noqa: ANN401 -- any JSON value
    """`value` as JSON with sorted keys: equal values give equal bytes."""
    return _encoder.encode(value)


def content_hash(doc: Mapping[str, Any]) -> bytes:
    """16 bytes that are equal for equal documents only."""
    return hash_of(_encoder.encode(doc))


def hash_of(plain: bytes) -> bytes:
    """The content hash of a document that is `canonical_bytes` already."""
    return hashlib.sha256(plain).digest()[:16]


def _fields(doc: Mapping[str, Any]) -> Iterator[tuple[Field, Any]]:
    for name, value in doc.items():
        if name == "marks":
            continue
        if name in _OPEN_OBJECTS:
            for member, inner in value.items():
                yield (name, member), inner
        elif name == _UNMAPPED[0] and isinstance(value.get(_UNMAPPED[1]), dict):
            for member, inner in value[_UNMAPPED[1]].items():
                yield (*_UNMAPPED, member), inner
        else:
            yield (name,), value


def _document(values: Mapping[Field, Any]) -> dict[str, Any]:
    doc: dict[str, Any] = {}
    for field, value in values.items():
        node = doc
        for part in field[:-1]:
            node = node.setdefault(part, {})
        node[field[-1]] = value
    return doc

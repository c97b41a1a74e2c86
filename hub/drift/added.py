"""What a proposal does with fields that came, and with fields that went."""

from __future__ import annotations

from collections.abc import Sequence

from hub.drift import rewrite
from hub.drift.draft import Draft
from hub.drift.moves import Move, match_fields
from hub.drift.places import is_below, parts_of, path_of, schema_at
from hub.drift.questions import (
    APART,
    EXTENSION,
    IGNORE,
    KEEP,
    PREFER,
    REPOINT,
    about_meaning,
    about_move,
)
from hub.drift.recontract import without_required
from hub.drift.rewrite import follow_path, rules_reading
from hub.drift.vocabulary import leaf_of, normal_name

ENOUGH_READ = 0.9
# Made of several fields, or in a zone that somebody has to know: never filled by a name alone.
_NOT_BY_NAME = frozenset(("province_code", "city_code", "district_code", "submitted_at"))


def settle_moves(
    draft: Draft, missing: Sequence[str], added: Sequence[str], known: Sequence[Move]
) -> tuple[list[str], list[str]]:
    """Follow what moved; gives what is missing and what is added apart from that.

    `known` are moves that the evaluator found already.
    """
    taken = {move.source for move in known} | {move.target for move in known}
    leaves = [leaf for pointer in added for leaf in draft.evidence.leaves(pointer)]
    facts = draft.evidence.facts
    found = match_fields(
        [facts(p) for p in missing if p not in taken],
        [facts(p) for p in dict.fromkeys((*added, *leaves)) if p not in taken],
    )
    moves = [*known, *found.certain]
    for candidates in found.ambiguous:
        moves += _asked_move(draft, candidates)
    for move in moves:
        _follow(draft, move)
    draft.changes.moves += moves
    gone = {move.source for move in moves}
    came = {move.target for move in moves}
    asked = {c[0].source for c in found.ambiguous}
    rest = [leaf for leaf in leaves if not any(is_below(leaf, place) for place in came)]
    return [p for p in missing if p not in gone | asked], rest


def _asked_move(draft: Draft, candidates: Sequence[Move]) -> list[Move]:
    source = candidates[0].source
    question = about_move(
        draft.answers.free_id(f"move_{normal_name(leaf_of(source)) or 'field'}"), candidates
    )
    answer = draft.answers.ask(question)
    chosen = [move for move in candidates if path_of(move.target) == answer]
    if not chosen:
        _relax(draft, source, "gone" if answer == APART else "gone; the question is open")
    return chosen


def _follow(draft: Draft, move: Move) -> None:
    old, new = path_of(move.source), path_of(move.target)
    draft.mapping, places = follow_path(draft.mapping, move.source, move.target)
    evidence = (
        f"{'; '.join(move.reasons)}; likeness {move.score:.2f}; {draft.evidence.says(move.target)}"
    )
    read = f"{', '.join(places)}: from [{new}, {old}]"
    what = read if places else f"{old} is {new} now; no rule reads it"
    why = f"{old} moved to {new}; the old place stays as fallback"
    if any(place.startswith("key") for place in places):
        why += "; leads that loaded without it get another id"
    draft.say(what, why, evidence)
    draft.contract = without_required(draft.contract, move.source)
    draft.name_field(move.target)


def drop_missing(draft: Draft, missing: Sequence[str]) -> None:
    """Fields that are gone and went nowhere: the contract no longer asks for them."""
    for pointer in missing:
        _relax(draft, pointer, "gone, and nothing that came looks like it")
        draft.changes.missing.append(pointer)


def _relax(draft: Draft, pointer: str, why: str) -> None:
    relaxed = without_required(draft.contract, pointer)
    path, evidence = path_of(pointer), draft.evidence.says(pointer)
    readers = rules_reading(draft.mapping, pointer)
    lost = f"; {', '.join(readers)} get nothing from it" if readers else ""
    if relaxed != draft.contract:
        draft.contract = relaxed
        draft.say(f"contract: {path} is no longer required", f"{path} is {why}{lost}", evidence)
    else:
        draft.say(f"no rule changes for {path}", f"{path} is {why}{lost}", evidence)


def place_added(draft: Draft, pointer: str, *, required: bool) -> None:
    """Give an added field its place: a canonical field, a question, or an extension field."""
    draft.changes.added.append(pointer)
    draft.name_field(pointer, required=required)
    meaning = draft.vocabulary.meaning(pointer, draft.evidence.label(pointer))
    if meaning is None:
        _extension(draft, pointer, "new; no canonical field means this")
        return
    field = meaning.field
    sources, siblings = draft.sources_of(field), _siblings(draft, field, pointer)
    if sources or siblings:
        _ask(draft, field, pointer, sources, siblings)
    elif field in _NOT_BY_NAME:
        _extension(draft, pointer, f"new; {meaning.evidence}, whose rule is written by hand")
    elif not _fills(draft, field, pointer, meaning.evidence):
        _extension(
            draft, pointer, f"new; {meaning.evidence}, but its values cannot be read as that"
        )


def _siblings(draft: Draft, field: str, pointer: str) -> list[str]:
    """Paths of other ids of the same thing, that the contract names or payloads have."""
    names = dict.fromkeys((*draft.situation.contract.get("properties", {}), *_top_names(draft)))
    places = (f"/{name}" for name in names)
    return [
        path_of(place)
        for place in places
        if place != pointer
        and draft.vocabulary.is_sibling(field, place, draft.evidence.label(place))
    ]


def _top_names(draft: Draft) -> list[str]:
    return sorted({name for payload in draft.situation.payloads for name in payload})


def _ask(draft: Draft, field: str, pointer: str, sources: list[str], siblings: list[str]) -> None:
    label, new = draft.label_of(field), path_of(pointer)
    asked = about_meaning(field, label, pointer, sources, siblings)
    answer = draft.answers.ask(asked)
    found = draft.evidence.says(pointer)
    if answer == REPOINT and sources:
        draft.repoint(field, new, only=True)
        kept = [
            f"{old} → {draft.keep_state(old)}" for old in sources if _is_state(draft, field, old)
        ]
        places = f"; {', '.join(kept)}" if kept else "; the old values stay under extra.unmapped"
        draft.say(
            f"{field} from {new}, no longer from {', '.join(sources)}{places}",
            "answered: repoint",
            found,
        )
    elif answer == REPOINT:
        draft.fill(field, new)
        draft.say(
            f"{field} from {new}; {', '.join(siblings)} stays where it is",
            "answered: repoint",
            found,
        )
    elif answer == PREFER:
        draft.repoint(field, new, only=False)
        draft.say(f"{field} from [{new}, {', '.join(sources)}]", "answered: prefer", found)
    elif answer in (KEEP, EXTENSION):
        _extension(draft, pointer, f"answered: {answer}")
    elif answer == IGNORE:
        draft.say(f"{new}: no rule; it stays under extra.unmapped", "answered: ignore", found)


def _is_state(draft: Draft, field: str, old: str) -> bool:
    """Whether the old source is a platform's own id, which may stand in the open; a phone or name may not."""
    return field == "douyin_id" and draft.vocabulary.is_sibling(field, "/" + old)


def _fills(draft: Draft, field: str, pointer: str, said: str) -> bool:
    """Fill an empty canonical field, if nearly every value can be read as what its name says."""
    trial = rewrite.with_rule(draft.mapping, field, path_of(pointer))
    read, total = draft.read_share(field, pointer, trial)
    if not total or read < ENOUGH_READ * total:
        return False
    draft.mapping = trial
    draft.say(
        f"{field} ({draft.label_of(field)}) from {path_of(pointer)}",
        f"new; {said}, and nothing fills {field} today",
        f"{read} of {total} values can be read; {draft.evidence.says(pointer)}",
    )
    return True


def _extension(draft: Draft, pointer: str, reason: str) -> None:
    path = path_of(pointer)
    if any(part.isdigit() for part in parts_of(pointer)):
        draft.say(
            f"{path}: no rule; it stays under extra.unmapped",
            f"{reason}; it stands in a list, of which an extension field would keep one item",
            draft.evidence.says(pointer),
        )
    elif schema_at(draft.contract, pointer) is not None:
        draft.add_extension(pointer, reason)

"""Who breaks by a change: we by the producer, readers of the lead by us, old payloads by the new mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.drift.compat import Comparison, Verdict
from hub.drift.situation import Compiled, Result, SideVerdict

PRODUCER, READERS, ARCHIVE = "producer", "readers", "archive"


def verdicts(
    found: Comparison,
    before: Compiled,
    after: Compiled,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
) -> tuple[SideVerdict, ...]:
    """The three verdicts; `old` and `new` are invented payloads from before and after the change."""
    return (
        _producer(found.reads_new, before, new),
        _readers(before, after, old, new),
        _archive(found.reads_old, before, after, old),
    )


def _producer(reads_new: Verdict, before: Compiled, new: Mapping[str, Any]) -> SideVerdict:
    """Does the producer break us: the live mapping and contract get a new payload."""
    result = before.run(new)
    if result.held is not None:
        reason, pointer = result.held
        text = f"a new payload is held: {reason} at {pointer or '/'}"
        return SideVerdict(PRODUCER, "breaks", text, pointer, new)
    if reads_new.state == "breaks":
        text = f"the contract refuses a new payload ({reads_new.reason}); the mapping loads it, marked"
        return SideVerdict(PRODUCER, "compatible", text, reads_new.pointer, reads_new.witness)
    return SideVerdict(PRODUCER, reads_new.state, reads_new.reason or "new payloads map as before")


def _readers(
    before: Compiled, after: Compiled, old: Mapping[str, Any], new: Mapping[str, Any]
) -> SideVerdict:
    """Do we break readers of the lead: a field that they have comes from somewhere else, or is gone."""
    was, now = before.sources(), after.sources()
    changed = [
        f"{field}: was {', '.join(was[field])}, is {', '.join(now.get(field, ())) or 'nothing'}"
        for field in sorted(was)
        if not set(was[field]) <= set(now.get(field, ()))
    ]
    lost = _lost(before.run(new), after.run(new))
    if changed:
        pointer = "/" + changed[0].partition(":")[0].replace(".", "/")
        shown = {"payload": new, "lead": _first(after.run(new))}
        return SideVerdict(READERS, "breaks", "; ".join(changed), pointer, shown)
    if lost:
        text = f"a lead loses {', '.join(lost)}"
        return SideVerdict(READERS, "breaks", text, f"/{lost[0]}", {"payload": new})
    return SideVerdict(
        READERS, "compatible", "every field of a lead comes from where it came from"
    )


def _archive(
    reads_old: Verdict, before: Compiled, after: Compiled, old: Mapping[str, Any]
) -> SideVerdict:
    """Do old payloads still map."""
    was, now = before.run(old), after.run(old)
    if now.held is not None and was.held is None:
        reason, pointer = now.held
        text = f"an old payload is held: {reason} at {pointer or '/'}"
        return SideVerdict(ARCHIVE, "breaks", text, pointer, old)
    lost = _lost(was, now)
    if lost:
        text = f"an old payload gives no {', '.join(lost)} any more"
        return SideVerdict(ARCHIVE, "breaks", text, f"/{lost[0]}", {"payload": old})
    if reads_old.state == "breaks" and not reads_old.unlisted:
        text = f"the new contract refuses an old payload: {reads_old.reason}"
        return SideVerdict(ARCHIVE, "breaks", text, reads_old.pointer, reads_old.witness)
    return SideVerdict(ARCHIVE, "compatible", "old payloads map as before")


def _first(result: Result) -> Mapping[str, Any]:
    return result.docs[0] if result.docs else {}


def _lost(was: Result, now: Result) -> list[str]:
    """Fields of the first lead that are there before and not after; what is only kept aside does not count."""
    before, after = _first(was), _first(now)
    aside = {"extra", "marks", "platform_state"}
    return sorted(name for name in before if name not in after and name not in aside)

"""What a run was about, as tags of the run: the run list can be searched by source and mapping version."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

SOURCE, MAPPING = "source", "mapping_version"


def tag_run(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    source_key: str,
    mappings: Iterable[str] = (),
) -> None:
    """Add a source and the mapping versions that are live for it; a run of several sources has all of them."""
    run_id = context.run.run_id
    run = context.instance.get_run_by_id(run_id)  # what was added before is not on `context.run`
    old = run.tags if run else {}
    new = {
        SOURCE: _joined(old.get(SOURCE, ""), [source_key]),
        MAPPING: _joined(old.get(MAPPING, ""), mappings),
    }
    context.instance.add_run_tags(run_id, {key: v for key, v in new.items() if v})


def _joined(old: str, more: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys([*filter(None, old.split(", ")), *more]))

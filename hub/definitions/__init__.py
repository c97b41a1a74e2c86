"""The Dagster code location: assets, checks, schedules, sensors. The only room that imports dagster.

`defs` is made when somebody asks for it, so that `python -m hub.definitions.serve`, which only starts
Dagster's own processes, does not pay two seconds for an import that it has no use for.
"""

from __future__ import annotations

from typing import Any

__all__ = ["defs"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 -- the module protocol (PEP 562)
    if name != "defs":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hub.definitions.location import build_definitions
    from hub.settings import load_settings

    globals()["defs"] = build_definitions(load_settings())
    return globals()["defs"]


def __dir__() -> list[str]:
    """What Dagster looks through to find `defs`."""
    return sorted({*globals(), *__all__})

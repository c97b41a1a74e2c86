"""All transforms: those of the hub and those that other packages add under `hub.transforms`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType

from hub.errors import ConfigError
from hub.mapping.transforms import (
    credit_codes,
    numbers,
    people,
    phones,
    regions,
    text,
    times,
    urls,
)
from hub.mapping.transforms.base import Transform

ENTRY_POINTS = "hub.transforms"
_BUILT_IN = (text, numbers, times, phones, people, credit_codes, regions, urls)


@cache
def installed_transforms() -> Mapping[str, Transform]:
    """Every transform by name.

    Raises:
        ConfigError: an installed package offers something else than a `Transform`, or a name that is taken.
    """
    found = {transform.name: transform for module in _BUILT_IN for transform in module.TRANSFORMS}
    for entry in entry_points(group=ENTRY_POINTS):
        transform = entry.load()
        if not isinstance(transform, Transform) or transform.name in found:
            raise ConfigError(
                f"{ENTRY_POINTS}: {entry.value} is no Transform, or its name is taken"
            )
        found[transform.name] = transform
    return MappingProxyType(found)

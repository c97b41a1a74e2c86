"""Extension fields: what a merchant's leads carry beyond the canonical vocabulary."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hub.errors import ConfigError
from hub.mapping.fields import EXTENSION_TYPES

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
PII_KINDS = ("none", "name", "phone", "id", "text")


@dataclass(frozen=True, slots=True)
class ExtensionField:
    """One typed field of `ext`: 孩子年级, 建筑面积, 粉丝等级.

    `type` is one of EXTENSION_TYPES, `pii` as `x-pii` of the contract, `indexed` asks for an index.
    """

    name: str
    type: str
    label_zh: str
    pii: str = "text"
    indexed: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(
                f"extension field {self.name!r}: a name is lower-case letters, digits and _"
            )
        if self.type not in EXTENSION_TYPES:
            known = ", ".join(EXTENSION_TYPES)
            raise ConfigError(
                f"extension field {self.name}: type {self.type!r} is none of {known}"
            )
        if self.pii not in PII_KINDS:
            raise ConfigError(f"extension field {self.name}: pii is one of {', '.join(PII_KINDS)}")

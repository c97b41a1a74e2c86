"""The call centres as data: what each pushes, by which fields we know it, what it wants to hear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Profile:
    """One vendor and product version; its name is the `push:` of a source.

    `ack` and `refusal` are sent byte for byte. `key_header` (lower case) carries the vendor's id of a
    push. `actions` are the entities of a push by the `action` of its address; `other` is the entity
    of an action that we do not know. `line` is the field with our own number, if a call that came in
    says so: all of `inbound` must hold (field → values, compared as text).
    """

    ack: bytes
    refusal: bytes
    content_type: str = _JSON
    key_header: str = ""
    actions: Mapping[str, str] = field(default_factory=dict)
    other: str = ""
    line: str = ""
    inbound: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


_TCCC = Profile(
    ack=b'{"ErrCode":0,"ErrMsg":""}',
    refusal=b'{"ErrCode":1,"ErrMsg":"refused"}',
    key_header="x-tccc-push-uuid",
    actions={"cdr": "tccc_cdr", "record": "tccc_record"},
    other="tccc_other",
    line="Callee",
    inbound={"Direction": ("0",)},
)
_TINET = Profile(
    ack=b'{"result":"success"}',
    refusal=b'{"result":"error"}',
    line="cdr_hotline",
    inbound={"cdr_call_type": ("1",)},
)

PROFILES: Mapping[str, Profile] = {
    "tccc_cdr": _TCCC,
    "tccc_record": _TCCC,
    "moor_call": Profile(
        ack=b"success",
        refusal=b"refused",
        content_type=_TEXT,
        line="CalledNo",
        inbound={"CallType": ("normal",)},
    ),
    "tinet_cdr": _TINET,
    "tinet_old_cdr": _TINET,
    "udesk_call": Profile(
        ack=b"",
        refusal=b"",
        content_type=_TEXT,
        line="display_number",
        inbound={"workflow": ("in",)},
    ),
}
DEFAULT_PUSH = "tccc_cdr"


def profile_of(push: str | None) -> Profile:
    """The profile of a source's `push`; an unknown one is answered as the first of them."""
    return PROFILES.get(push or DEFAULT_PUSH, _TCCC)

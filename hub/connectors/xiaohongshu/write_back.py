"""Telling 小红书 which form leads were real (有效表单回传): a POST of four ids.

The shape is that of the vendor's page on forms; whether it wants a header or answers with more than HTTP
200 is not documented. What a lead of a direct message wants to be told by is not known, so it is refused.
"""

from __future__ import annotations

import hashlib
from types import TracebackType

import msgspec

from hub.connectors.http import raise_for_http, send
from hub.connectors.sessions import PullPorts
from hub.connectors.write_back import FollowUp, FollowUpCall
from hub.connectors.xiaohongshu.options import options_of
from hub.errors import ConfigError, PlatformRejectedError
from hub.settings import SourceSettings

PATH = "/api/hawking/leads/return"
VALID = "valid"
# The platform's name → ours; its unit (单元) stands where others have an ad.
_IDS = {"campaignId": "campaign_id", "unitId": "ad_id", "creativityId": "creative_id"}


class _Answer(msgspec.Struct):
    code: int | str = 0
    success: bool = True


class ReturnSession:
    """One telling. Use it as an async context manager; it closes its HTTP client."""

    def __init__(self, source: SourceSettings, ports: PullPorts) -> None:
        self._base = options_of(source).return_base
        self._http = ports.http()

    async def __aenter__(self) -> ReturnSession:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def tell(self, call: FollowUpCall) -> None:
        """Send it, once.

        Raises:
            PlatformDownError, RateLimitedError: it may work later.
            PlatformRejectedError: HTTP 4xx, or an answer that says so itself.
        """
        request = self._http.build_request("POST", self._base + call.path, json=call.document)
        response = await send(self._http, request)
        raise_for_http(response)
        try:
            answer = msgspec.json.decode(response.content, type=_Answer)
        except (ValueError, RecursionError):
            return  # HTTP 200 is all that is known of success
        if str(answer.code) not in ("0", "200") or not answer.success:
            code = str(answer.code)[:40]
            raise PlatformRejectedError(f"the platform refused with code {code}", code=code)


def follow_up(told: FollowUp, source: SourceSettings) -> FollowUpCall:
    """The call that says that a form lead is valid.

    Raises:
        ConfigError: another state, a source of direct messages, or a lead without the ids.
    """
    if source.push != "form_push":
        raise ConfigError("only leads of forms (push: form_push) can be told to 小红书")
    if told.state != VALID:
        raise ConfigError(f"state {told.state!r}: the platform hears of valid leads only: {VALID}")
    missing = [ours for ours in _IDS.values() if not told.lead.get(ours)]
    if missing:
        raise ConfigError(f"the lead has no {', '.join(missing)}, without which nothing is told")
    ids = {theirs: str(told.lead[ours]) for theirs, ours in _IDS.items()}
    return FollowUpCall(PATH, {**ids, "leadsId": told.external_id})


def aurora_sign(
    advertiser_id: str, *, method: str, timestamp_ms: int, version: str, with_equals: bool = False
) -> str:
    """`sign` of conversions told to `/api/open/common` (method `aurora.leads`), hexadecimal MD5.

    One public client joins names and values without `=`, which may be a mistake of its own: a live call
    must settle it, so nothing here sends one. `with_equals` is the other reading.
    """
    equals = "=" if with_equals else ""
    pairs = (
        ("advertiser_id", advertiser_id),
        ("method", method),
        ("timestamp", str(timestamp_ms)),
        ("version", version),
    )
    text = "&".join(f"{name}{equals}{value}" for name, value in pairs)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

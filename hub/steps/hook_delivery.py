"""From a request to what is stored of it, through its connector, whatever the connector does.

A connector promises to parse nothing here and to raise nothing. If one breaks that, a lead must not
be lost to it: the request is stored whole, and the loader holds it with the reason.
"""

from __future__ import annotations

import logging

import msgspec

from hub.connectors.base import Connector
from hub.model.delivery import Envelope, HookReply, HookRequest
from hub.settings import SourceSettings

log = logging.getLogger(__name__)


def challenge_of(
    connector: Connector, request: HookRequest, source: SourceSettings
) -> HookReply | None:
    """The answer to a set-up request, None if this is a delivery."""
    try:
        return connector.challenge(request, source)
    except Exception as error:  # noqa: BLE001 -- see the module: a connector's bug loses no lead
        _complain(connector, "challenge", error)
        return None


def platform_key_of(
    connector: Connector, request: HookRequest, source: SourceSettings
) -> str | None:
    """The platform's own id of the delivery, None if it gives none."""
    try:
        return connector.delivery_key(request, source)
    except Exception as error:  # noqa: BLE001 -- see the module
        _complain(connector, "delivery_key", error)
        return None


def envelope_of(connector: Connector, request: HookRequest, source: SourceSettings) -> Envelope:
    """What is stored; under scheme `record_only` marked, so that its records are held until then."""
    try:
        envelope = connector.envelope(request, source)
    except Exception as error:  # noqa: BLE001 -- see the module
        _complain(connector, "envelope", error)
        envelope = Envelope(
            shape=source.push or "unknown",
            body=request.body,
            method=request.method,
            query=request.query,
            content_type=request.headers.get("content-type", ""),
        )
    if source.signature.scheme == "record_only":
        marked = {**envelope.context, "record_only": "1"}
        return msgspec.structs.replace(envelope, context=marked)
    return envelope


def _complain(connector: Connector, method: str, error: Exception) -> None:
    log.error("connector %s: %s in %s", connector.platform, type(error).__name__, method)

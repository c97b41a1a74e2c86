"""The connector of invoicing platforms: `push:` chooses the vendor, nothing is pulled."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from hub.connectors.pushed_fields import UNREADABLE, Fields, read_fields
from hub.connectors.source_options import PerSource, checked_options
from hub.errors import ConfigError
from hub.model.delivery import Envelope, HookReply, HookRequest, RawRecord
from hub.settings import SourceSettings

GAODENG, PIAOZONE, BOLINK = "gaodeng", "piaozone", "bolink"
_OK = 200


@dataclass(frozen=True, slots=True)
class Vendor:
    """What a vendor wants to hear when a callback was taken, and when it was not."""

    ack: bytes
    refusal: bytes


VENDORS: Mapping[str, Vendor] = {
    GAODENG: Vendor(b'{"code":0}', b'{"code":1}'),
    PIAOZONE: Vendor(b'{"code":"0","message":"success"}', b'{"code":"9999","message":"refused"}'),
    BOLINK: Vendor(b'{"code":0}', b'{"code":1}'),
}


class InvoiceOptions(BaseModel):
    """Options of one source; an unknown one is refused, so that a typing error is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ack: str | None = Field(default=None, description="answer of success, if not the vendor's")
    refused_status: int = Field(default=401, ge=400, le=599)


def _checked(source: SourceSettings) -> InvoiceOptions:
    if source.push is not None and source.push not in VENDORS:
        raise ConfigError(f"push {source.push!r} of an einvoice source: {', '.join(VENDORS)}")
    return checked_options(InvoiceOptions, source)


options_of = PerSource(_checked)
"""The options of a source, checked: ConfigError also if `push` names no vendor."""


class InvoiceConnector:
    """高灯, 票据云 (金蝶发票云), 发票儿: the state of an invoice each time that it changes."""

    platform = "einvoice"
    pushes = tuple(VENDORS)

    def check(self, source: SourceSettings) -> None:
        """ConfigError if an option is unknown or wrong, or the vendor is none."""
        options_of(source)

    def entities(self, source: SourceSettings) -> tuple[str, ...]:
        """The vendor's own kind of record."""
        return (source.push,) if source.push else ()

    def challenge(self, request: HookRequest, source: SourceSettings) -> HookReply | None:
        """No vendor documents a set-up request."""
        return None

    def accepted(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """The vendor's acknowledgement, or `options.ack`."""
        own = options_of(source).ack
        return HookReply(_OK, _vendor(source).ack if own is None else own.encode())

    def refused(self, request: HookRequest, source: SourceSettings) -> HookReply:
        """`options.refused_status` with what is not the acknowledgement."""
        return HookReply(options_of(source).refused_status, _vendor(source).refusal)

    def delivery_key(self, request: HookRequest, source: SourceSettings) -> str | None:
        """None: no vendor gives a callback an id; equal callbacks are one."""
        return None

    def envelope(self, request: HookRequest, source: SourceSettings) -> Envelope:
        """The body as it is."""
        content_type = request.headers.get("content-type", "")
        return Envelope(source.push or GAODENG, request.body, content_type=content_type)

    def split(self, envelope: Envelope, source: SourceSettings) -> list[RawRecord]:
        """One record an invoice; nothing is raised for bad input."""
        try:
            fields = read_fields(envelope.body, envelope.content_type)
            if envelope.shape == PIAOZONE:
                return _split_piaozone(fields)
        except (*UNREADABLE, binascii.Error) as error:
            return [RawRecord(envelope.shape, envelope.body, unreadable=type(error).__name__)]
        return [RawRecord(envelope.shape, msgspec.json.encode(fields))]


def _split_piaozone(fields: Fields) -> list[RawRecord]:
    """The invoices of one call, each to be judged by itself: `data` is base64 of them, or they stand in the open.

    Raises:
        ValueError, RecursionError, binascii.Error: there are none that can be read.
    """
    data: Any = msgspec.json.decode(fields.get("data", msgspec.Raw(b"null")))
    if isinstance(data, str):
        plain = base64.b64decode(data, validate=True)
        msgspec.json.decode(plain)  # a raw value is skipped, not looked into
    else:
        plain = bytes(fields.get("data", b"null"))
    invoices = msgspec.json.decode(plain, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
    listed = invoices if isinstance(invoices, list) else [msgspec.Raw(plain)]
    kind = fields.get("type", fields.get("interfaceCode", msgspec.Raw(b"null")))
    return [_piaozone_record(invoice, kind) for invoice in listed]


def _piaozone_record(invoice: msgspec.Raw, kind: msgspec.Raw) -> RawRecord:
    if not bytes(invoice).lstrip().startswith(b"{"):
        return RawRecord(PIAOZONE, bytes(invoice), unreadable="not_an_object")
    return RawRecord(PIAOZONE, msgspec.json.encode({"type": kind, "invoice": invoice}))


def _vendor(source: SourceSettings) -> Vendor:
    return VENDORS.get(source.push or GAODENG, VENDORS[GAODENG])


CONNECTOR = InvoiceConnector()
"""Found by the entry point `hub.connectors`."""

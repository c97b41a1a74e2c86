"""How the demo's platforms send: each keeps a list of its own, to be held against what is in the store."""

from __future__ import annotations

import hmac
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import sqlalchemy as sa

from hub.connectors.push_sender import BasePushSender
from hub.model.ids import lead_id
from hub.privacy.keyring import KeyRing
from hub.settings import HubSettings

MERCHANT = "default"
RATE = 40.0
_NAMES = ("张三", "李四", "王五", "赵六", "测试😀")
_FIRST_VISITOR, _VISITORS = 19_900_000_000, 2000

ExternalId = Callable[[Any], str | None]


@dataclass(slots=True)
class Sent:
    """One source's own list: `listed` = `acknowledged` + what nobody took.

    `leads` are those that were acknowledged, with the instant (Unix seconds) at which each was first sent.
    `no_lead` and `rejected` count acknowledged ones that are none by the sender's own account: calls that
    went out, rows with errors.
    """

    listed: int = 0
    acknowledged: int = 0
    no_lead: int = 0
    rejected: int = 0
    leads: dict[UUID, float] = field(default_factory=dict)

    @property
    def again(self) -> int:
        """What was acknowledged and named a lead that the list had before."""
        return self.acknowledged - self.no_lead - self.rejected - len(self.leads)


@dataclass(slots=True)
class Line:
    """What the sender of one source works with; `url` is where it pushes to."""

    source: str
    url: str
    secret: str
    engine: sa.Engine
    keyring: KeyRing
    settings: HubSettings
    home: Path
    step: Callable[[int], None]
    sent: Sent = field(default_factory=Sent)

    def note(self, external_id: str, at: float) -> None:
        """A lead was sent and acknowledged."""
        self.sent.leads.setdefault(lead_id(MERCHANT, self.source, "lead", external_id, 0), at)


async def push(
    line: Line, sender: BasePushSender[Any], leads: Sequence[Any], external_id: ExternalId
) -> None:
    """Push `leads` as the platform does; `external_id` is its id of a lead, None of what is none."""
    report = await sender.send(leads, rate=RATE)
    line.sent.listed += len(leads)
    line.sent.acknowledged += report.acknowledged
    lost = set(report.given_up)
    line.sent.no_lead += sum(
        1 for lead in leads if lead.key not in lost and external_id(lead) is None
    )
    for ack in sorted(sender.acknowledged.values(), key=lambda ack: ack.sent_at):
        name = external_id(getattr(ack.lead, "lead", ack.lead))
        if name is not None:
            line.note(name, ack.sent_at.timestamp())
    line.step(report.acknowledged)


def note_pulled(line: Line, listed: Iterable[str], pulled: int, began_at: float) -> None:
    """What a platform's list showed, and how much of it a pull that began then has stored."""
    ids = list(listed)
    pushed_before = line.sent.listed > 0
    for external_id in ids:
        line.note(external_id, began_at)
    if not pushed_before:
        line.sent.listed += len(ids)
        line.sent.acknowledged += min(pulled, len(ids))
        line.step(len(ids))


def with_touches(line: Line, body: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A form's post with where its visitor came from, as hub.js remembers it."""
    touch = {
        "utm_source": chance.choice(["baidu", "douyin", "wechat"]),
        "utm_medium": "cpc",
        "utm_campaign": "demo_2026q4",
        "landing_url": f"{line.url}?utm_source=baidu",
        "ts": datetime.now(UTC).isoformat(),
    }
    return {**body, "first_touch": touch, "last_touch": touch}


async def fill_forms(line: Line, count: int, *, form: str, bare: bool) -> None:
    """Visitors leave their number; with `bare` nothing says where they came from, as after a QR code."""
    chance = random.Random(f"form:{form}")  # noqa: S311 -- invented visitors, the same each time
    origin = line.settings.public_url
    async with httpx.AsyncClient(timeout=10, headers={"origin": origin}) as client:
        for number in range(count):
            body = _form(line, form, number, chance)
            if not bare:
                body = with_touches(line, body, chance)
            sent = time.time()
            answer = await client.post(line.url, json=body)
            line.sent.listed += 1
            if answer.is_success:
                line.sent.acknowledged += 1
                line.note(str(body["submission_id"]), sent)
            line.step(1)


def _form(line: Line, form: str, number: int, chance: random.Random) -> dict[str, Any]:
    """A visitor's form as hub.js posts it, a while after the page was opened."""
    opened = f"{form}|{int(time.time()) - chance.randrange(10, 600)}"
    # a fifth of the visitors have also left their number on the platform
    visitor = chance.randrange(_VISITORS) if number % 5 else number % 100
    return {
        "form_id": form,
        "submission_id": f"demo-{form}-{number:06d}",
        "fields": {
            "name": chance.choice(_NAMES),
            "mobile": str(_FIRST_VISITOR + visitor),
            "remark": "想了解价格",
        },
        "consent": {"privacy": True, "version": "2026-09"},
        "trap": {
            "t": opened,
            "sig": hmac.digest(line.secret.encode(), opened.encode(), "sha256").hex(),
        },
    }

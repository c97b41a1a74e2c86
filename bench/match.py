"""实时去重 at size: questions to a real receiver over HTTP, one after another and several at once."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from bench import crowd
from bench.figures import Bar, Latencies
from bench.report import Check, Section, Table
from bench.stage import Service, Stage, count
from hub.settings import DEFAULT_MERCHANT

_TOKEN = "token-of-the-bench"  # noqa: S105 -- invented
_LIMITS = "match: {per_s: 100000, burst: 1000000}\n"
_PATH = "/api/v1/contacts/match"
_KNOWN_SHARE = 0.5
_WARM_UP = 200
_WANTED_MS = 20
_ABOUT = (
    "{contacts:,} contacts of one merchant, one lead each. {questions:,} questions by phone, half of them for somebody "
    "who is known, to one receiver over HTTP connections that stay open; an answer is timed from the first byte "
    "sent to the last received, and has its line in the audit log before. The limit per token is lifted."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How large the crowd is and how many questions are asked at each number of askers."""

    contacts: int
    questions: int
    askers: tuple[int, ...] = (1, 4)


def measure(stage: Stage, plan: Plan, say: Callable[[str], None]) -> Section:
    """The section `match`."""
    section = Section(
        "match",
        f"Is this person known: at {plan.contacts:,} contacts",
        _ABOUT.format(contacts=plan.contacts, questions=plan.questions),
    )
    started = time.perf_counter()
    template = stage.template(
        "bench_match", lambda url: crowd.fill(url, stage.keyring, plan.contacts)
    )
    say(f"match: {plan.contacts:,} contacts in {time.perf_counter() - started:.0f} s")
    stage.config.write_text(stage.config.read_text("utf-8") + _LIMITS, "utf-8")
    stage.given["HUB_API_TOKENS"] = f"bench:{_TOKEN}"
    with stage.database(template) as url, stage.receiver(url) as service:
        _, asked = asyncio.run(_ask(service, plan, 1, _WARM_UP))
        rows = []
        for askers in plan.askers:
            before = stage.usage({"receiver": [service.pid]})
            found, known = asyncio.run(_ask(service, plan, askers, plan.questions))
            spent = stage.usage({"receiver": [service.pid]}).since(before)
            asked += known
            cpu = ", ".join(
                f"{role} {s / plan.questions * 1e3:.2f} ms" for role, s in spent.items()
            )
            section.notes.append(f"CPU for one question, {askers} at once: {cpu}.")
            timed = Latencies.of(found)
            rows.append(
                [f"{askers} at once"]
                + [f"{value:.1f}" for value in (timed.p50, timed.p95, timed.p99, timed.max)]
            )
            say(f"match, {askers} at once: p50 {timed.p50:.1f}, p99 {timed.p99:.1f} ms")
            section.raw[f"{askers} at once"] = found
            claim = f"{askers} asking at once, p99"
            section.bars.append(Bar(claim, _WANTED_MS, timed.p99, at_least=False, unit=" ms"))
        audited = count(url, "SELECT count(*) FROM ops.audit WHERE target <> 'unknown'")
        section.checks.append(Check("known persons, each in the audit log", asked, audited))
    section.tables.append(Table(["ms", "p50", "p95", "p99", "max"], rows))
    return section


async def _ask(
    service: Service, plan: Plan, askers: int, questions: int
) -> tuple[list[float], int]:
    """Milliseconds of each answer, and how many persons were known."""
    chance = random.Random(askers)  # noqa: S311 -- invented data that can be repeated, no secret
    reach = int(plan.contacts / _KNOWN_SHARE)
    phones = [crowd.mobile_of(chance.randrange(reach)) for _ in range(questions)]
    timed: list[float] = []
    known = 0
    headers = {"Authorization": f"Bearer {_TOKEN}"}

    async def ask_in_turn(own: list[str]) -> None:
        nonlocal known
        async with httpx.AsyncClient(base_url=service.url, headers=headers) as client:
            for phone in own:
                started = time.perf_counter()
                answer = await client.post(
                    _PATH, json={"merchant": DEFAULT_MERCHANT, "phone": phone}
                )
                timed.append((time.perf_counter() - started) * 1000)
                known += answer.raise_for_status().json()["known"]

    await asyncio.gather(*(ask_in_turn(phones[one::askers]) for one in range(askers)))
    return timed, known

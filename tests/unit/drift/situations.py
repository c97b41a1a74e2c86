"""Situations for proposals: a live mapping, findings, payloads; each test changes one thing."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hub.drift.kinds import Kind
from hub.drift.propose import propose
from hub.drift.situation import Proposal, Result, Situation
from hub.registry.files import schema_files
from hub.settings import HubSettings
from hub.steps.drift.compiled import compiler

FILES = schema_files(HubSettings())
CANONICAL = FILES.newest_contract("canonical/lead")
COMPILE = compiler(FILES)


TAGS: dict[str, Any] = {
    "fan_level": 3,
    "interact_count": lambda n: n,
    "spend_level": lambda n: ("高", "中", "低")[n % 3],
    "interest_tags": ["美食", "旅行"],
    "is_fan": True,
    "score": 0.5,
}


@dataclass(frozen=True)
class A:
    """A finding: kind, pointer, detail."""

    kind: str
    pointer: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"d-{self.kind}-{self.pointer}"


def added(*names: str) -> list[A]:
    return [A(Kind.FIELD_ADDED, f"/{name}") for name in names]


def missing(*names: str) -> list[A]:
    return [A(Kind.FIELD_MISSING, f"/{name}") for name in names]


CONTRACT: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "raw/demo/lead/1-0-0",
    "type": "object",
    "required": ["id", "phone"],
    "properties": {
        "id": {"type": ["string", "integer"], "x-label-zh": "线索ID", "x-pii": "none"},
        "phone": {"type": ["string", "null"], "x-label-zh": "电话", "x-pii": "phone"},
        "name": {"type": ["string", "null"], "x-label-zh": "姓名", "x-pii": "name"},
        "remark_dict": {
            "type": ["object", "null"],
            "x-label-zh": "问答",
            "x-pii": "text",
            "x-open": True,
        },
        "level": {"type": ["integer", "null"], "x-pii": "none", "x-enum": {"1": "低", "2": "高"}},
        "budget": {"type": ["integer", "null"], "x-label-zh": "预算", "x-pii": "none"},
        "time": {"type": ["integer", "string"], "x-label-zh": "时间", "x-pii": "none"},
    },
}
MAPPING: Mapping[str, Any] = {
    "mapping": "demo/lead/1-0-0",
    "from": "raw/demo/lead/1-0-0",
    "to": "canonical/lead/1-0-0",
    "title": "演示线索",
    "key": {"id": "id"},
    "answers": {"from": ["remark_dict"]},
    "not_a_lead": [{"when": {"path": "phone", "equals": "0"}, "reason": "test"}],
    "fields": {
        "name": ["name", {"answer": "^姓名$"}],
        "submitted_at": {"from": "time", "with": {"datetime": {"zone": "Asia/Shanghai"}}},
        "platform_state.level": "level",
        "budget_min_fen": {"from": "budget", "with": {"money_fen": {"unit": "yuan"}}},
    },
    "spread": [{"name": "phone", "from": "phone", "with": "phone_cn", "unusable": "hold"}],
    "touchpoints": [{"kind": "lead", "copy": [{"occurred_at": "submitted_at"}]}],
    "tests": [
        {
            "name": "a lead",
            "payload": {
                "id": "1",
                "phone": "19900001111",
                "name": "测试一",
                "level": 1,
                "time": 1767225600,
            },
            "expect": {"doc": {"name": "测试一", "mobile_e164": "+8619900001111"}},
        }
    ],
}


def a_payload(number: int = 0, **changes: Any) -> dict[str, Any]:
    payload = {
        "id": str(number),
        "phone": f"1990000{number:04d}",
        "name": "测试一",
        "level": 1 + number % 2,
        "time": 1767225600 + number,
        **changes,
    }
    return {name: value for name, value in payload.items() if value is not None}


def payloads(count: int = 20, **changes: Any) -> list[dict[str, Any]]:
    """Payloads after the change; a change that can be called is given the number."""
    return [
        a_payload(n, **{k: v(n) if callable(v) else v for k, v in changes.items()})
        for n in range(count)
    ]


def a_situation(
    findings: Sequence[A], seen: Sequence[Mapping[str, Any]], **changes: Any
) -> Situation:
    given: dict[str, Any] = {
        "mapping": copy.deepcopy(MAPPING),
        "contract": copy.deepcopy(CONTRACT),
        "canonical": CANONICAL,
        "findings": findings,
        "payloads": seen,
        "compile": COMPILE,
        **changes,
    }
    return Situation(**given)


def a_proposal(
    findings: Sequence[A], seen: Sequence[Mapping[str, Any]], **changes: Any
) -> Proposal:
    return propose(a_situation(findings, seen, **changes))


def mapped(proposal: Proposal, payload: Mapping[str, Any]) -> Result:
    """What the proposal makes of a payload, under its own contract."""
    return COMPILE(proposal.mapping, proposal.contract or CONTRACT).run(payload)


def said(proposal: Proposal) -> str:
    return "\n".join(f"{line.what} | {line.reason} | {line.evidence}" for line in proposal.lines)

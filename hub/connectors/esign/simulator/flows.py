"""Invented signing flows: seeded, so that a run can be repeated. Nobody here exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from types import MappingProxyType
from typing import Any

_FIRST_MOBILE = 19_900_000_000
_TITLES = ("采购合同-演示", "服务合同-演示", "装修合同-演示")
_NAMES = ("张三", "李四", "测试一", "测试二")
_STEP = timedelta(minutes=7)
_SIGNED, _REFUSED = 2, 4

ENDINGS: Mapping[str, int] = MappingProxyType(
    {"completed": 2, "revoked": 3, "expired": 5, "rejected": 7, "unfinished": 1}
)
"""How a flow ends → its state. `unfinished`: all have signed and nobody has called `finish`."""

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SimulatedFlow:
    """One signing flow with two signers; `ending` is a key of `ENDINGS`."""

    number: int
    flow_id: str
    contract_number: str
    title: str
    names: tuple[str, str]
    ending: str
    created_at: datetime

    @property
    def key(self) -> str:
        """What a sender remembers it by: the platform's id."""
        return self.flow_id

    @property
    def state(self) -> int:
        """The platform's number for its last state."""
        return ENDINGS[self.ending]

    @property
    def signer_states(self) -> tuple[int, int]:
        """What has become of each signer."""
        if self.ending in ("completed", "unfinished"):
            return _SIGNED, _SIGNED
        return _SIGNED, _REFUSED if self.ending == "rejected" else 0

    def events(self) -> list[Event]:
        """Every callback of the flow, in the order in which they happen."""
        found = [self._event("SIGN_FLOW_INITIATED", 0), self._event("OPERATOR_READ", 1, signer=0)]
        for signer, state in enumerate(self.signer_states):
            if state:
                found.append(self._signed(2 + signer, signer, state))
        if self.ending != "unfinished":
            ended = {
                "signFlowStatus": str(self.state),
                "statusDescription": self.ending,
                "signFlowCreateTime": _ms(self.created_at),
                "signFlowStartTime": _ms(self.created_at),
                "signFlowFinishTime": _ms(self.created_at + 5 * _STEP),
            }
            found.append({**self._event("SIGN_FLOW_COMPLETE", 5), **ended})
        return found

    def detail(self) -> dict[str, Any]:
        """What `GET /v3/sign-flow/{id}/detail` shows once all of it has happened."""
        signers = [
            {
                "signerType": 0,
                "signOrder": place + 1,
                "signStatus": state,
                "psnSigner": {"psnId": self._person(place), "psnName": self.names[place]},
            }
            for place, state in enumerate(self.signer_states)
        ]
        return {
            "signFlowStatus": self.state,
            "signFlowDescription": None,
            "rescissionStatus": 0,
            "signFlowCreateTime": _ms(self.created_at),
            "signFlowStartTime": _ms(self.created_at),
            "signFlowFinishTime": _ms(self.created_at + 5 * _STEP) if self.state > 1 else None,
            "signFlowConfig": {
                "signFlowTitle": self.title,
                "autoFinish": self.ending != "unfinished",
            },
            "signers": signers,
        }

    def item(self) -> dict[str, Any]:
        """What the list shows."""
        shown = self.detail()
        return {
            "signFlowId": self.flow_id,
            "signFlowTitle": self.title,
            "signFlowStatus": self.state,
            "rescissionStatus": 0,
            "signFlowStartTime": shown["signFlowStartTime"],
            "signFlowEndTime": shown["signFlowFinishTime"],
            "signers": shown["signers"],
        }

    def _event(self, action: str, step: int, *, signer: int | None = None) -> Event:
        event: Event = {
            "action": action,
            "timestamp": _ms(self.created_at + step * _STEP),
            "signFlowId": self.flow_id,
            "signFlowTitle": self.title,
            "customBizNum": self.contract_number,
        }
        if signer is not None:
            account = {"accountMobile": str(_FIRST_MOBILE + 2 * self.number + signer)}
            event["operator"] = {"psnId": self._person(signer), "psnAccount": account}
        return event

    def _signed(self, step: int, signer: int, state: int) -> Event:
        event = self._event("SIGN_MISSON_COMPLETE", step, signer=signer)
        return {
            **event,
            "signOrder": signer + 1,
            "signResult": state,
            "operateTime": event["timestamp"] - 1000,
        }

    def _person(self, signer: int) -> str:
        return f"psn-{self.number}-{signer}"


def a_flow(seed: int, number: int, created_at: datetime) -> SimulatedFlow:
    """Flow `number` of the run with this seed; most are completed, the first is."""
    chance = Random(f"flow:{seed}:{number}")  # noqa: S311 -- invented data, no secret
    others = [ending for ending in ENDINGS if ending != "completed"]
    return SimulatedFlow(
        number=number,
        flow_id=f"demoflow{seed}{number:06d}",
        contract_number=f"HT-{created_at:%Y}-{number:04d}",
        title=chance.choice(_TITLES),
        names=(chance.choice(_NAMES), chance.choice(_NAMES)),
        ending="completed" if chance.random() < 0.7 or not number else chance.choice(others),
        created_at=created_at,
    )


def _ms(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)

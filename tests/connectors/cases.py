"""The cases of every connector: a new one is registered here, and gets every check by that.

`pushes` and `pulls` name the suites of each shape and stream. What a check needs beyond the shared suites
is named by test (`elsewhere`); a check that cannot apply has its reason (`without`).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from hub.settings import SourceSettings
from tests.connectors import (
    test_call400,
    test_call400_lists,
    test_declarative,
    test_douyin,
    test_einvoice,
    test_esign,
    test_fadada,
    test_kingdee,
    test_meituan,
    test_tencent_esign,
    test_webform_hook,
    test_wecom,
    test_xiaohongshu,
    test_yonbip,
)
from tests.connectors.checks import Check, checks_of
from tests.connectors.elsewhere import ELSEWHERE
from tests.connectors.suite import PullSuite, PushSuite

ROOT = Path(__file__).parents[2]
PAYLOADS = ROOT / "tests" / "payloads"
_NOT_ASKED = "the platform is not asked for leads"
_NO_TOKENS = "there is no token: every call is signed"
_NOTHING_CALLED = "no platform is called"


@dataclass(frozen=True)
class Cases:
    """What is known of one connector. `tokens` are sources that get their tokens in different ways."""

    pushes: Mapping[str, tuple[type[PushSuite], ...]] = field(default_factory=dict)
    pulls: Mapping[str, type[PullSuite]] = field(default_factory=dict)
    tokens: Mapping[str, SourceSettings] = field(default_factory=dict)
    elsewhere: Mapping[Check, tuple[str, ...]] = field(default_factory=dict)
    without: Mapping[Check, str] = field(default_factory=dict)

    def suites(self) -> list[type]:
        """Every suite of it."""
        pushed = [suite for suites in self.pushes.values() for suite in suites]
        return [*pushed, *self.pulls.values()]


CONNECTORS: Mapping[str, Cases] = {
    "call400": Cases(
        pushes={
            "tccc_cdr": (test_call400.TestTcccCdr,),
            "tccc_record": (test_call400.TestTcccRecording,),
            "moor_call": (test_call400.TestMoor,),
            "tinet_cdr": (test_call400.TestTinetForm,),
            "tinet_old_cdr": (test_call400.TestTinetOld,),
            "udesk_call": (test_call400.TestUdesk,),
        },
        pulls={
            "tccc_cdr_list": test_call400_lists.TestTcccList,
            "clink_cdr": test_call400_lists.TestClinkList,
        },
        elsewhere=ELSEWHERE["call400"],
        without={Check.TOKENS: _NO_TOKENS},
    ),
    "declarative": Cases(
        pushes={"records": (test_declarative.TestList, test_declarative.TestOne)},
        without={
            Check.PAGES: _NOTHING_CALLED,
            Check.RETRIES: _NOTHING_CALLED,
            Check.TOKENS: _NOTHING_CALLED,
            Check.CURSOR: _NOTHING_CALLED,
        },
    ),
    "douyin": Cases(
        pushes={
            "clue_push": (test_douyin.TestJsonRulePush, test_douyin.TestFormRulePush),
            "star_push": (test_douyin.TestStarPush, test_douyin.TestStarPushPage),
            "open_event": (test_douyin.TestOpenEvent,),
            "spi_event": (test_douyin.TestSpiEvent,),
        },
        pulls={
            "clue": test_douyin.TestCluePull,
            "star_clue": test_douyin.TestStarCluePull,
            "life_clue": test_douyin.TestLifeCluePull,
            "laike_clue": test_douyin.TestLaikeCluePull,
        },
        tokens={
            "grant": test_douyin.TestCluePull.source,
            "application": test_douyin.TestLaikeCluePull.source,
        },
        elsewhere=ELSEWHERE["douyin"],
    ),
    "esign": Cases(
        pushes={"signing": (test_esign.TestSigningPush,)},
        pulls={"signings": test_esign.TestListed, "open_signings": test_esign.TestOpen},
        elsewhere=ELSEWHERE["esign"],
        without={Check.TOKENS: _NO_TOKENS},
    ),
    "fadada": Cases(
        pushes={"signing": (test_fadada.TestSigningPush,)},
        pulls={"signings": test_fadada.TestListed, "open_signings": test_fadada.TestOpen},
        tokens={"application": test_fadada.PULLED},
        elsewhere=ELSEWHERE["fadada"],
    ),
    "einvoice": Cases(
        pushes={
            "gaodeng": (test_einvoice.TestGaodeng,),
            "piaozone": (test_einvoice.TestPiaozone,),
            "bolink": (test_einvoice.TestBolink,),
        },
        without={
            Check.PAGES: _NOTHING_CALLED,
            Check.CURSOR: _NOTHING_CALLED,
            Check.RETRIES: _NOTHING_CALLED,
            Check.TOKENS: _NOTHING_CALLED,
        },
    ),
    "file": Cases(
        elsewhere=ELSEWHERE["file"],
        without={
            Check.SIGNATURE: "nothing is pushed",
            Check.ANSWERS: "nothing is pushed",
            Check.PAGES: "a file is read whole",
            Check.RETRIES: _NOTHING_CALLED,
            Check.TOKENS: _NOTHING_CALLED,
        },
    ),
    "kingdee": Cases(
        pulls={
            "receivable": test_kingdee.TestReceivable,
            "receipt": test_kingdee.TestReceipt,
            "refund": test_kingdee.TestRefund,
            "receivable_reread": test_kingdee.TestReceivableReread,
            "receipt_reread": test_kingdee.TestReceiptReread,
            "refund_reread": test_kingdee.TestRefundReread,
        },
        elsewhere=ELSEWHERE["kingdee"],
        without={
            Check.SIGNATURE: "nothing is pushed",
            Check.ANSWERS: "nothing is pushed",
            Check.TOKENS: "every call is signed, or belongs to a session that the pull opens itself",
        },
    ),
    "meituan": Cases(
        pushes={
            "message_push": (
                test_meituan.TestSignedLikeTheGateway,
                test_meituan.TestSignedLikeBeijixing,
                test_meituan.TestGuardedByAPath,
            )
        },
        tokens={
            "grant": SourceSettings(platform="meituan", push="message_push"),
        },
        elsewhere=ELSEWHERE["meituan"],
        without={
            Check.PAGES: "no list of leads is known",
            Check.CURSOR: "no list of leads is known",
        },
    ),
    "tencent_esign": Cases(
        pushes={"signing": (test_tencent_esign.TestEncrypted, test_tencent_esign.TestInClear)},
        elsewhere=ELSEWHERE["tencent_esign"],
        without={
            Check.PAGES: _NOTHING_CALLED,
            Check.RETRIES: _NOTHING_CALLED,
            Check.TOKENS: _NOTHING_CALLED,
            Check.CURSOR: _NOTHING_CALLED,
        },
    ),
    "webform": Cases(
        pushes={"form": (test_webform_hook.TestFormHook,)},
        elsewhere=ELSEWHERE["webform"],
        without={
            Check.PAGES: _NOTHING_CALLED,
            Check.RETRIES: _NOTHING_CALLED,
            Check.TOKENS: _NOTHING_CALLED,
            Check.CURSOR: _NOTHING_CALLED,
        },
    ),
    "wecom": Cases(
        pushes={"event_push": (test_wecom.TestXmlCallback, test_wecom.TestJsonCallback)},
        pulls={
            "customers": test_wecom.TestCustomers,
            "acquisition_customers": test_wecom.TestAcquisitionCustomers,
        },
        tokens={"application": test_wecom.PULLED},
        elsewhere=ELSEWHERE["wecom"],
    ),
    "xiaohongshu": Cases(
        pushes={
            "form_push": (test_xiaohongshu.TestFormPush,),
            "dm_push": (test_xiaohongshu.TestDmPush,),
        },
        tokens={"grant": SourceSettings(platform="xiaohongshu", push="form_push")},
        elsewhere=ELSEWHERE["xiaohongshu"],
        without={Check.PAGES: _NOT_ASKED, Check.CURSOR: _NOT_ASKED},
    ),
    "yonbip": Cases(
        pushes={"event": (test_yonbip.TestEvent,)},
        tokens={"application": test_yonbip.TENANT},
        elsewhere=ELSEWHERE["yonbip"],
        without={Check.PAGES: "no list is documented", Check.CURSOR: "no list is documented"},
    ),
}


def covered(platform: str) -> Set[Check]:
    """The checks that a connector is put to, or excused from with a reason."""
    cases = CONNECTORS[platform]
    found = {check for suite in cases.suites() for check in checks_of(suite)}
    found |= cases.elsewhere.keys() | cases.without.keys()
    if (PAYLOADS / platform).is_dir():
        found |= {Check.VERSIONS, Check.PRIVATE}
    return found | ({Check.TOKENS} if cases.tokens else set())

"""A hub of its own processes and its own PostgreSQL, through which one known person is put by every way in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
import yaml

from hub.connectors.douyin.simulator import Simulator
from hub.database.binaries import program_folder
from hub.database.embedded import EmbeddedServer
from hub.database.engine import libpq_url
from tests.e2e.hub_processes import free_port, wait_until
from tests.privacy import canaries as canary

SECRET, TOKEN = "path-secret-of-canaries", "token-of-the-canary-test"
UTM = {"utm_source": "baidu", "utm_medium": "cpc", "utm_campaign": "canary_test"}


class CanaryHub:
    """Folder, settings, processes; `shown` is all that anybody was shown: outputs, logs, answers."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.home = folder / "h"
        self.folder, self.simulator = folder, simulator
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.shown: dict[str, bytes] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: subprocess.Popen[str] | None = None
        (folder / "hub.yaml").write_text(yaml.safe_dump(self._settings()), "utf-8")
        self.environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("HUB_")},
            "HUB_HOME": str(self.home),
            "HUB_CONFIG": str(folder / "hub.yaml"),
            "HUB_API_TOKENS": f"tester:{TOKEN}",
            "HUB_USER": "tester",
            "CANARY_PUSH": SECRET,
            "CANARY_APP": simulator.world.app_secret,
        }
        self.server = EmbeddedServer.start(self.home, fsync=False)

    def _settings(self) -> dict[str, Any]:
        signature = {"scheme": "static_path", "secret_env": "CANARY_PUSH"}
        limits = {"account_qps": 100, "developer_qps": 100}
        return {
            "public_url": self.url,
            "sources": {
                "ads": {
                    "platform": "douyin",
                    "push": "clue_push",
                    "pulls": ["clue"],
                    "signature": signature,
                    "options": {**self.simulator.options("CANARY_APP"), **limits},
                },
                "calls": {"platform": "call400", "push": "moor_call", "signature": signature},
                "expo": {"platform": "file"},
                "erp": {
                    "platform": "declarative",
                    "push": "records",
                    "signature": signature,
                    "options": {
                        "entity": "contract",
                        "entity_field": "type",
                        "entities": [one["type"] for one in papers() if one["type"] != "contract"],
                    },
                },
            },
            "forms": {"site": {"origins": [self.url], "require_token": False}},
        }

    # ---- processes and commands

    def begin(self) -> None:
        """Receiver and loader up, the ad account authorised."""
        self.run("migrate")
        self._start("receiver", "receive", "--port", str(self.port))
        wait_until("the receiver", self._is_ready)
        self._start("loader", "work")
        self.run("source", "authorize", "ads", "--code", self.simulator.world.new_code())

    def _start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "hub.cli.main", *command],
                env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def run(self, *words: str, codes: Sequence[int] = (0,)) -> str:
        """A command as a person types it; what it showed is kept, but for what was asked to be revealed."""
        if self._commands is None:
            self._commands = subprocess.Popen(
                [sys.executable, "-m", "tests.privacy.forked_commands"],
                env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        assert self._commands.stdin is not None
        assert self._commands.stdout is not None
        out, err = self.folder / "shown", self.folder / "told"
        asked = {"words": words, "out": str(out), "err": str(err)}
        self._commands.stdin.write(json.dumps(asked) + "\n")
        self._commands.stdin.flush()
        code = int(self._commands.stdout.readline())
        assert code in codes, (words, code, err.read_text("utf-8")[-2000:])
        if "--reveal" not in words:
            self.shown[f"hub {' '.join(words)}"] = out.read_bytes() + b"\n" + err.read_bytes()
        return out.read_text("utf-8")

    def run_module(self, module: str, *words: str) -> None:
        """A program that is no command of the hub; what it showed is kept."""
        done = subprocess.run(
            [sys.executable, "-m", module, *words],
            env=self.environment, capture_output=True, timeout=240, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, (module, done.returncode, done.stderr.decode()[-2000:])
        self.shown[module] = done.stdout + b"\n" + done.stderr

    def stop(self) -> None:
        """End the processes; PostgreSQL goes with the last of them."""
        if self._commands is not None:
            self._commands.communicate(timeout=30)
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait(30)
        self._running.clear()

    # ---- the ways in

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request to the receiver, its answer kept."""
        answer = httpx.request(method, f"{self.url}{path}", timeout=20, **more)
        self.shown[f"answer {len(self.shown)} {method} {path.split('?')[0].split('/')[1]}"] = (
            str(answer.headers).encode() + answer.content
        )
        return answer

    def push(self, clue: str, *, secret: str = SECRET, **more: Any) -> httpx.Response:
        """A clue as a rule of 飞鱼 pushes it."""
        return self.call("POST", f"/hooks/ads/{secret}", json=a_clue(clue) | more)

    def fill_form(self, **more: Any) -> httpx.Response:
        """The form of a visitor who came by a link with the phone in it."""
        return self.call("POST", "/forms/site", json=a_form() | more, headers={"origin": self.url})

    def send_papers(self) -> None:
        """What a CRM, a legal system and finance say of the person; again with changes, and some unusable."""
        odd = [
            {"type": "contract", "party_name": canary.NAME, "mobile_e164": canary.PHONE},
            {"type": "nonsense", "number": "HT-C3", "party_name": canary.NAME},
            {"type": "contract", "number": "HT-C2", "amount": ["x"], "on_date": canary.MESSAGE,
             "party_name": canary.NAME, "is_sealed": "不知道", "宠物": canary.EXTRA},
            {"type": "receipt", "number": "R-C9", "amount": "5", "currency": "贝壳",
             "contract_number": "HT-C9", "party_name": canary.NAME, "on_date": "2026-02-12"},
            canary.PHONE,
        ]  # fmt: skip
        for body in (papers(), [{**one, "amount": "11999"} for one in papers()], odd):
            self.call("POST", f"/hooks/erp/{SECRET}", json=body)

    def pull(self) -> None:
        """The person as the platform's list has them."""
        [made] = self.simulator.world.add_clues(1)
        clues = self.simulator.world.clues
        clues[clues.index(made)] = replace(
            made, name=canary.NAME, telephone=canary.PHONE, clue_id=canary.CLUES["pull"]
        )
        self.run("pull", "ads")

    def import_file(self) -> None:
        """A list with the person in a good row, and in rows that nobody can use."""
        rows = [
            "编号,姓名,手机号,微信,身份证号,地址,留言,来源网址",
            f"{canary.ROW},{canary.NAME},{canary.PHONE},{canary.WECHAT},{canary.ID_NUMBER},"
            f"{canary.ADDRESS},{canary.MESSAGE},{canary.LANDING}",
            f"{canary.ROW}b,{canary.NAME},{canary.PHONE}9999,{canary.WECHAT},{canary.ID_NUMBER}1,,,",
            f"{canary.ROW}c,{canary.NAME},,,,,,",
        ]
        path = self.folder / "list.csv"
        path.write_text("\n".join(rows), "utf-8")
        columns = ("--map", "编号=external_id", "--yes")
        self.run("import", str(path), "--source", "expo", *columns, codes=(0, 1))

    def settle(self) -> None:
        """Wait until nothing is queued, and for the evaluator's next tick."""
        with psycopg.connect(libpq_url(self.server.url), autocommit=True) as conn:
            query = "SELECT count(*) FROM inbox.queue"
            wait_until("the queue to empty", lambda: conn.execute(query).fetchone() == (0,))
        time.sleep(2.5)

    # ---- looking at it

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the hub's database."""
        with psycopg.connect(libpq_url(self.server.url)) as conn:
            return conn.execute(query.encode()).fetchall()

    def dump(self) -> bytes:
        """`pg_dump` as plain SQL."""
        done = subprocess.run(
            [program_folder() / "pg_dump", "--dbname", libpq_url(self.server.url)],
            capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        return done.stdout

    def logs(self) -> dict[str, bytes]:
        """What each process wrote, PostgreSQL included."""
        ours = {path.name: path.read_bytes() for path in self.folder.glob("*.log")}
        return ours | {path.name: path.read_bytes() for path in self.home.rglob("postgres.log*")}


def a_clue(clue: str) -> dict[str, Any]:
    """What the platform says of the person."""
    return {
        "clueId": clue,
        "name": canary.NAME,
        "mobile": canary.PHONE,
        "weixin": canary.WECHAT,
        "address": canary.ADDRESS,
        "remark": canary.MESSAGE,
        "external_url": canary.LANDING,
        "douyin_id": canary.DOUYIN_ID,
        "create_time": "2026-02-17 08:00:00",
        "promotion_id": "7300000000000000123",
    }


def a_form() -> dict[str, Any]:
    """What hub.js posts of the person."""
    touch = {
        **UTM,
        "landing_url": canary.LANDING,
        "referrer": canary.LANDING,
        "ts": "2026-02-17T08:00:00+08:00",
    }
    return {
        "form_id": "site",
        "submission_id": canary.SUBMISSION,
        "submitted_at": "2026-02-17T00:10:00.000Z",
        "landing_url": canary.LANDING,
        "page_url": canary.LANDING,
        "fields": {
            "name": canary.NAME, "mobile": canary.PHONE, "身份证号": canary.ID_NUMBER,
            "微信": canary.WECHAT, "地址": canary.ADDRESS, "remark": canary.MESSAGE, "宠物": canary.EXTRA,
        },
        "consent": {"privacy": True, "version": "2026-09"},
        "first_touch": touch,
        "last_touch": touch,
        "device": {"visitor_id": canary.DEVICE},
    }  # fmt: skip


def papers() -> list[dict[str, Any]]:
    """Business documents of the person in which every text says something of them."""
    party = {
        "party_name": canary.NAME,
        "party_code": canary.PHONE,
        "party_tax_number": canary.ID_NUMBER,
        "remark": f"{canary.MESSAGE} {canary.PHONE}",
        "state_raw": f"看看 {canary.PHONE}",
        "owner": canary.NAME,
        "currency": "CNY",
        "amount": "12000",
        "宠物": canary.EXTRA,
    }
    deal = {**party, "mobile_e164": canary.PHONE, "title": f"{canary.NAME} {canary.ADDRESS}"}
    evidence = {"evidence_by": canary.NAME, "evidence_ref": canary.LANDING}
    named = {"contract_number": "HT-C1", "on_date": "2026-02-10"}
    return [
        {**deal, **evidence, "type": "opportunity", "number": "SJ-C1", "state": "已签约",
         "lead_external_id": canary.CLUES["push"], "expected_sign_on": "2026-02-09"},
        {**party, **evidence, "type": "activity", "id": "A-C1", "opportunity_number": "SJ-C1",
         "mobile_e164": canary.PHONE, "occurred_at": "2026-02-09 09:00:00", "message": canary.MESSAGE},
        {**deal, "type": "contract", "number": "HT-C1", "state": "生效", "on_date": "2026-02-09",
         "scan_ref": canary.SCAN, "is_sealed": "是", "opportunity_number": "SJ-C1"},
        {**party, **named, "type": "approval", "state": "驳回", "reason": canary.MESSAGE,
         "decided_by": canary.NAME},
        {**party, **named, "type": "signing", "flow_id": "f-c1", "state": "已完成", "signer": canary.NAME,
         "title": canary.NAME},
        {**party, **named, "type": "receiving_account", "account_ref": canary.ACCOUNT,
         "filed_by": canary.NAME, "state": "已备案"},
        {**party, **named, "type": "invoice", "number": "9" * 20},
        {**party, "type": "invoice", "number": "8" * 20, "on_date": "2026-02-11"},
        {**party, **named, "type": "receipt", "number": "R-C1", "account_ref": canary.ACCOUNT},
    ]  # fmt: skip


def ids_of(text: str, name: str) -> list[str]:
    """The ids in a JSON list that a command printed."""
    return [row[name] for row in json.loads(text)]

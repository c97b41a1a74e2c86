"""Promise 7: one known person by every way in; nothing of them in any log, metric, answer, page or plain column.

The forms that are looked for: plain, URL-encoded, JSON-escaped, base64, hex, GB 18030, and hashes of the phone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hub.connectors.douyin.simulator import Simulator
from tests.privacy import canaries as canary
from tests.privacy.canaries import CLUES, VALUES, seen_in
from tests.privacy.canary_hub import TOKEN, CanaryHub, a_form, ids_of

pytestmark = [pytest.mark.postgres, pytest.mark.dagster]
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CanaryHub]:
    """A hub through which everything has been put, still up."""
    folder = tmp_path_factory.mktemp("canary")
    with Simulator(seed=7) as simulator:
        made = CanaryHub(folder, simulator)
        try:
            made.begin()
            _put_in(made)
            _look(made)
            made.run_module("tests.privacy.dagster_run", str(folder / "dagster"))
            yield made
        finally:
            made.stop()
            made.server.release()


def _put_in(hub: CanaryHub) -> None:
    """Every way in, the bad ones too."""
    assert hub.push(CLUES["push"]).status_code == 200
    hub.push(CLUES["unmapped"], fan_level=canary.EXTRA, 新字段={"值": canary.EXTRA})
    hub.push(CLUES["held"], mobile=f"{canary.PHONE}9999", name=[canary.NAME])
    hub.push(CLUES["rejected"], secret="not-the-secret")
    unreadable = f"{{{canary.NAME} {canary.PHONE} {canary.CLUES['push']}".encode("gb18030")
    hub.call("POST", "/hooks/ads/path-secret-of-canaries", content=unreadable)
    hub.call("POST", f"/hooks/{canary.PHONE}/{canary.NAME}", content=unreadable)
    hub.call("PUT", "/hooks/ads/x", content=unreadable)
    assert hub.fill_form().status_code == 202
    hub.fill_form(submission_id=canary.SUBMISSION * 20)
    hub.fill_form(fields=canary.PHONE, consent=canary.NAME)
    hub.fill_form(fields={"微信": {"a": canary.PHONE}}, website_url=canary.NAME)
    hub.call("POST", f"/forms/{canary.PHONE}", json=a_form())
    hub.call(
        "POST", "/forms/site", content=unreadable, headers={"content-type": "application/json"}
    )
    call = {"CallNo": canary.PHONE, "CalledNo": "4000000001", "CallType": "normal"}
    call |= {
        "CallSheetID": canary.CALL,
        "RingTime": "2026-02-17 08:00:00",
        "Province": canary.ADDRESS,
    }
    hub.call("GET", "/hooks/calls/path-secret-of-canaries", params=call)
    hub.send_papers()
    hub.pull()
    hub.import_file()
    hub.settle()
    hub.push(CLUES["later"], fan_level=canary.EXTRA)
    hub.settle()


def _look(hub: CanaryHub) -> None:
    """Every command that shows something, and the answers of the API."""
    leads = ids_of(hub.run("lead", "list", "--json"), "lead")
    contacts = sorted(set(ids_of(hub.run("lead", "list", "--json"), "contact")))
    hub.run("lead", "list")
    hub.run("contact", "show", contacts[0])
    hub.run("contact", "show", contacts[0], "--json")
    for lead in leads:
        hub.run("lead", "show", lead)
        hub.run("lead", "trace", lead, "--json")
    hub.run("contact", "why", leads[0], leads[-1], codes=(0, 1))
    hub.run("contact", "show", canary.PHONE, codes=(2,))
    for record in ids_of(hub.run("held", "list", "--json"), "record_id"):
        hub.run("held", "show", record)
    found = json.loads(hub.run("drift", "list", "--state", "all", "--json"))
    for finding in found[:3]:
        hub.run("drift", "show", finding["id"], codes=(0, 1, 2))
        hub.run("drift", "try", finding["id"], codes=(0, 1, 2))
    for words in (
        ("doctor",), ("verify", "--deep", "--replay"), ("source", "list"), ("source", "show", "ads"),
        ("held", "replay"), ("held", "replay", "--signature", "ads"), ("campaign", "list"),
        ("source", "count", "ads", "--day", "2026-02-17"),
        ("erase", "--phone", canary.PHONE, "--dry-run"), ("erase", "--phone", canary.PHONE + "9", "--dry-run"),
        ("contact", "match", "--phone", canary.PHONE), ("quality", "fields"), ("company", "list"),
        ("retention", "run", "--dry-run"), ("roles", "apply"), ("roles", "rules"),
        ("alerts", "list", "--all"), ("alerts", "list", "--all", "--json", "--language", "en"), ("alerts", "show", "1"),
        ("prune", "--dry-run"),
    ):  # fmt: skip
        hub.run(*words, codes=(0, 1, 2))
    _look_at_the_books(hub)
    for path in ("/metrics", "/readyz", "/healthz", f"/api/v1/{canary.PHONE}", "/openapi.json"):
        hub.call("GET", path, headers=BEARER)
    for body in ({"mobile": [canary.PHONE], "name": {"x": canary.NAME}}, canary.PHONE):
        hub.call("POST", "/api/v1/contacts/match", json=body, headers=BEARER)
    hub.call(
        "POST",
        "/api/v1/contacts/match",
        json={"phone": f"+86 {canary.PHONE}", "email": canary.PHONE},
        headers=BEARER,
    )
    hub.settle()


def _look_at_the_books(hub: CanaryHub) -> None:
    """Reconciliation, metrics, gate, attribution and every report, as they are shown by default."""
    month = ("--month", "2026-02")
    for words in (
        ("campaign", "check"), ("campaign", "link"), ("reconcile", "run"), ("reconcile", "run", "--full", "--json"),
        ("reconcile", "breaks"), ("reconcile", "breaks", "--json"), ("reconcile", "questions", "--json"),
        ("reconcile", "explain", "HT-C1"), ("reconcile", "explain", "HT-C1", "--json"),
        ("reconcile", "explain", canary.PHONE), ("deal", "show", "SJ-C1"), ("deal", "show", "SJ-C1", "--json"),
        ("attribution", "run"), ("attribution", "show", "HT-C1"), ("attribution", "show", "HT-C1", "--json"),
        ("attribution", "report", *month), ("metric", "list"), ("metric", "value", "signed", *month),
        ("gate", "evaluate"), ("gate", "status"), ("gate", "status", "--json"),
        *(("export", report, *month, "--format", form)
          for report in ("bridge", "breaks", "whitepaper", "signed", "roi") for form in ("csv", "html")),
    ):  # fmt: skip
        hub.run(*words, codes=(0, 1, 2))
    for one in ids_of(hub.run("reconcile", "breaks", "--json"), "id")[:3]:
        hub.run("reconcile", "history", one)


def _leaks(found: dict[str, bytes]) -> dict[str, set[str]]:
    return {place: seen for place, data in found.items() if (seen := seen_in(data))}


def test_the_person_has_come_by_every_way(hub: CanaryHub) -> None:
    """Else nothing would be found because nothing was there."""
    revealed = b""
    for lead in ids_of(hub.run("lead", "list", "--limit", "50", "--json"), "lead"):
        for what in ("show", "trace"):
            revealed += hub.run("lead", what, lead, "--reveal", "--json").encode()

    assert set(VALUES) - seen_in(revealed) <= {
        *("clue held", "clue rejected", "call"), *("scan", "account")
    }  # fmt: skip
    assert hub.rows("SELECT DISTINCT source_key FROM crm.lead ORDER BY 1") == [
        ("ads",), ("calls",), ("expo",), ("form-site",)
    ]  # fmt: skip
    assert hub.rows("SELECT count(*) > 0 FROM inbox.held") == [(True,)]
    assert hub.rows("SELECT count(*) > 0 FROM inbox.rejected") == [(True,)]
    assert hub.rows("SELECT count(*) > 0 FROM registry.finding") == [(True,)]
    assert hub.rows("SELECT count(DISTINCT entity) FROM finance.document") == [(8,)]
    assert hub.rows("SELECT count(*) > 3 FROM finance.break") == [(True,)]
    assert canary.NAME in hub.run("reconcile", "explain", "HT-C1", "--reveal", "--json")
    assert canary.NAME in hub.run("deal", "show", "SJ-C1", "--reveal", "--json")


def test_the_search_finds_every_way_of_writing() -> None:
    for way, name in canary.FORMS.items():
        assert name in seen_in(b"before " + way + b" after")


def test_nothing_of_them_is_shown_by_commands_answers_and_metrics(hub: CanaryHub) -> None:
    assert len(hub.shown) > 40
    assert _leaks(hub.shown) == {}


def test_consent_and_the_version_of_its_text_are_shown_with_the_lead(hub: CanaryHub) -> None:
    shown = [data for name, data in hub.shown.items() if name.startswith("hub lead show")]

    assert [
        data for data in shown if b"'version': '2026-09'" in data and b"'privacy': True" in data
    ]


def test_nothing_of_them_is_in_a_log(hub: CanaryHub) -> None:
    """That of PostgreSQL too, where a statement failed with a value in its text."""
    with (
        psycopg.connect(hub.server.url.replace("+psycopg", ""), autocommit=True) as conn,
        pytest.raises(psycopg.DataError),
    ):
        conn.execute("SELECT %s::text::uuid", (canary.NAME,))
    logs = hub.logs()

    assert {"receiver.log", "loader.log", "postgres.log"} <= set(logs)
    assert logs["receiver.log"]
    assert logs["postgres.log"]
    assert _leaks(logs) == {}


def test_nothing_of_them_is_in_dagsters_storage(hub: CanaryHub) -> None:
    files = [path for path in (hub.folder / "dagster").rglob("*") if path.is_file()]
    stored = {str(path.relative_to(hub.folder)): path.read_bytes() for path in files}

    assert any(b"canonical" in data for data in stored.values())
    assert _leaks(stored) == {}


def test_nothing_of_them_is_in_a_dump_of_the_database(hub: CanaryHub) -> None:
    table, found = "", dict[str, set[str]]()
    for line in hub.dump().splitlines():
        table = line.split(b" FROM ")[0].decode() if line.startswith(b"COPY ") else table
        for name in seen_in(line) - {
            "call"
        }:  # its contract says that a call's number names nobody
            found.setdefault(table, set()).add(name)

    assert table
    assert found == {}


def test_what_is_left_on_the_disk_is_sealed_or_for_the_one_who_imported(hub: CanaryHub) -> None:
    """The spool, the home; not PostgreSQL's own files, which are in the dump, nor the file that was imported."""
    ours = [
        path for path in hub.home.rglob("*") if path.is_file() and "data" not in path.relative_to(hub.home).parts
    ]  # fmt: skip
    reports = [
        path for path in Path(hub.folder).glob("*") if "report" in path.name or "清洗" in path.name
    ]

    assert _leaks({str(path): path.read_bytes() for path in ours if path not in reports}) == {}
    for report in reports:
        assert report.stat().st_mode & 0o077 == 0

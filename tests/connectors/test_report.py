"""The report of connectors fails where a connector was not put to a check."""

from __future__ import annotations

import pytest

from tests.connectors import report
from tests.connectors.cases import CONNECTORS
from tests.connectors.checks import Check


def all_passed() -> report.Outcomes:
    outcomes = report.Outcomes()
    for platform, cases in CONNECTORS.items():
        for check in set(Check) - cases.without.keys():
            outcomes.found[platform, check]["passed"] += 1
    return outcomes


def test_a_whole_table_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.print_table(all_passed())
    shown = capsys.readouterr().out
    assert "n/a  file, signature: nothing is pushed" in shown
    assert "NO CASE" not in shown


def test_a_check_that_nobody_made_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = all_passed()
    del outcomes.found["wecom", Check.TOKENS]

    assert not report.print_table(outcomes)
    assert "NO CASE  wecom, token race" in capsys.readouterr().out


def test_a_connector_that_is_not_registered_has_no_case(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "connectors", lambda: {"newcomer": object()})

    assert not report.print_table(report.Outcomes())
    assert capsys.readouterr().out.count("NO CASE  newcomer") == len(Check)


def test_a_failure_outweighs_what_passed(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = all_passed()
    outcomes.found["douyin", Check.PAGES]["failed"] += 2

    report.print_table(outcomes)

    assert "FAILED 2" in capsys.readouterr().out

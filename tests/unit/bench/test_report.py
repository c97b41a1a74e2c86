"""What the bench prints: a wrong count must not look like a figure."""

import json

from bench import report
from bench.figures import Bar
from bench.report import Check, Section, Table


def a_section(got: int = 10) -> Section:
    return Section(
        "load",
        "Inbox → CRM",
        "Ten leads.",
        tables=[Table(["records/s", "rate"], [["1 loader", "5"]])],
        bars=[Bar("records/s", 12, 5)],
        checks=[Check("leads", 10, got)],
    )


def test_a_missed_bar_does_not_make_the_run_wrong():
    """Times are told, counts are asserted."""
    assert report.is_right([a_section()])
    assert "**missed**" in a_section().markdown()


def test_a_wrong_count_makes_the_run_wrong_and_is_named():
    sections = [a_section(), a_section(got=9)]

    assert not report.is_right(sections)
    assert "leads: 9 instead of 10" in sections[1].markdown()


def test_a_section_is_markdown_that_can_be_pasted():
    text = a_section().markdown()

    assert text.startswith("### Inbox → CRM\n\nTen leads.\n\n| records/s | rate |\n")
    assert "| records/s | rate |\n| :-- | --: |\n| 1 loader | 5 |" in text


def test_the_document_is_json_with_every_bar_judged():
    document = report.document({"cores": 2}, [a_section()])

    assert json.loads(json.dumps(document)) == document
    assert document["sections"][0]["bars"][0]["reached"] is False

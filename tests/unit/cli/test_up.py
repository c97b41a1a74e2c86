"""What `hub up` starts and what it says."""

from __future__ import annotations

import json
import logging
import signal

from hub.cli.up import _loaders, _receivers
from hub.cli.up_output import UpOutput
from hub.steps.running.supervise import ProcessEvent


def test_more_receivers_have_a_port_and_a_name_each():
    found = list(_receivers(2, "127.0.0.1", 8700))

    assert [one.name for one in found] == ["receiver-1", "receiver-2"]
    assert [one.address for one in found] == ["http://127.0.0.1:8700", "http://127.0.0.1:8701"]
    assert all(one.argv[-1] == one.address.rsplit(":")[-1] for one in found)


def test_one_of_a_kind_needs_no_number():
    assert [one.name for one in _receivers(1, "::1", 8700)] == ["receiver"]
    assert [one.address for one in _receivers(1, "::1", 8700)] == ["http://[::1]:8700"]
    assert [one.name for one in _loaders(1, 0)] == ["loader"]
    assert [one.name for one in _loaders(2, 0)] == ["loader-1", "loader-2"]


def test_figures_are_shown_at_ports_one_after_another() -> None:
    shown = [one.argv[-2:] for one in _loaders(2, 8790)]

    assert shown == [("--metrics-port", "8791"), ("--metrics-port", "8792")]
    assert "--metrics-port" not in next(iter(_loaders(1, 0))).argv


def test_a_death_and_a_return_are_one_line_each(capsys):
    output = UpOutput(as_json=False)
    output.tell(ProcessEvent("loader", "started", 11))
    output.tell(ProcessEvent("loader", "died", 11, -signal.SIGKILL))
    output.tell(ProcessEvent("loader", "died", 12, 2, 4.0))
    output.tell(ProcessEvent("loader", "back", 13, seconds=5.25))

    assert capsys.readouterr().out.splitlines() == [
        "loader: killed by SIGKILL (pid 11), started again",
        "loader: ended with status 2 (pid 12), again in 4.0 s",
        "loader: back after 5.2 s (pid 13)",
    ]


def test_too_many_deaths_are_told_in_the_log(capsys, caplog):
    with caplog.at_level(logging.ERROR, "hub.supervise"):
        UpOutput(as_json=False).tell(ProcessEvent("loader", "crashing", 11, 2))

    assert "loader ends again and again" in caplog.text
    assert capsys.readouterr().out == ""


def test_json_is_one_object_a_line(capsys):
    output = UpOutput(as_json=True)
    output.tell(ProcessEvent("loader", "died", 11, -9))
    output.stopped()
    died, stopped = map(json.loads, capsys.readouterr().out.splitlines())

    assert (died["event"], died["process"], died["status"]) == ("died", "loader", -9)
    assert stopped["event"] == "stopped"

"""What Dagster consists of, and how its processes find each other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from hub.definitions.serve import dagster_processes, main, write_workspace

ROOT = Path(__file__).parents[3]


def test_webserver_and_daemon_ask_the_code_server_that_we_keep_alive(tmp_path):
    """Dagster starts no code server anew that is killed; a killed one must not need a click."""
    code, *others = dagster_processes(tmp_path, 3000, read_only=True)
    location = yaml.safe_load(write_workspace(tmp_path).read_text("utf-8"))["load_from"][0]

    assert location["grpc_server"]["socket"] in code.argv
    assert "hub.definitions" in code.argv
    assert all(str(tmp_path / "workspace.yaml") in one.argv for one in others)
    assert [one.after for one in others] == [code.name, code.name]
    assert "--read-only" in others[0].argv
    assert "127.0.0.1" in others[0].argv


def test_a_code_server_on_another_machine_is_named_by_its_address(tmp_path):
    code, *_ = dagster_processes(tmp_path, 3000, code="code:4000")
    location = yaml.safe_load(write_workspace(tmp_path, "code:4000").read_text("utf-8"))

    assert location["load_from"][0]["grpc_server"]["host"] == "code"
    assert location["load_from"][0]["grpc_server"]["port"] == 4000
    assert code.argv[code.argv.index("-p") + 1] == "4000"


def test_a_long_path_gets_a_socket_all_the_same(tmp_path):
    """Linux takes 107 bytes for the path of a socket."""
    home = tmp_path / ("long" * 30)
    home.mkdir()
    location = yaml.safe_load(write_workspace(home).read_text("utf-8"))["load_from"][0]
    path = Path(location["grpc_server"]["socket"])

    assert len(str(path)) < 104
    assert path.parent.stat().st_mode & 0o77 == 0


def test_an_unknown_process_is_a_line_that_names_the_known_ones(tmp_path, capsys):
    (tmp_path / "history").mkdir()

    assert main(["--home", str(tmp_path), "--only", "dagster-daemn"]) == 2
    assert "dagster-daemon" in capsys.readouterr().err


def test_a_wrong_database_is_a_line_and_not_a_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HUB_DAGSTER_DATABASE_URL", "mysql://u:secret@h/d")

    assert main(["--port", "3000", "--home", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "hub: the Dagster database must be PostgreSQL, with a host and a name\n"
    )


def test_starting_dagster_needs_no_dagster(tmp_path):
    """Two seconds of a core that the demo does not have."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, hub.definitions.serve; print('dagster' in sys.modules)",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.strip() == "False"

"""`hub import` as a person runs it: the proposal, what is asked, what is refused, what is shown."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hub.database.engine import make_engine
from hub.privacy.keyring import new_keys

pytestmark = pytest.mark.postgres
ROWS = [("张三丰", "19900001111", "demo@example.com"), ("李四光", "19900002222", "")]


class Command:
    """The command in its own process, with a store and settings of its own."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.folder, self.url = folder, database_url
        (folder / "hub.yaml").write_text("sources:\n  expo: {platform: file}\n", "utf-8")
        keys = folder / "keys.json"
        keys.write_text(json.dumps(new_keys()), "utf-8")
        keys.chmod(0o600)
        self.environment = {
            **os.environ,
            "HUB_DATABASE_URL": database_url,
            "HUB_CONFIG": str(folder / "hub.yaml"),
            "HUB_HOME": str(folder / "home"),
            "HUB_KEYS_FILE": str(keys),
        }

    def file(self, name: str, header: str, encoding: str = "utf-8") -> Path:
        path = self.folder / name
        text = "\n".join([header, *(",".join(row) for row in ROWS)])
        path.write_bytes(text.encode(encoding))
        return path

    def run(self, *arguments: str | Path, stdin: int = subprocess.DEVNULL) -> Any:
        return subprocess.run(
            [sys.executable, "-m", "hub.cli.main", "import", *map(str, arguments)],
            env=self.environment, stdin=stdin, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def stored(self) -> int:
        engine = make_engine(self.url)
        try:
            with engine.begin() as conn:
                return int(conn.scalar(sa.text("SELECT count(*) FROM inbox.queue")) or 0)
        finally:
            engine.dispose()


@pytest.fixture
def command(database_url: str, tmp_path: Path) -> Command:
    return Command(database_url, tmp_path)


def test_a_file_is_imported_and_nothing_personal_is_shown(command: Command):
    done = command.run(command.file("a.csv", "姓名,手机号,邮箱", "gb18030"), "--source", "expo")

    assert done.returncode == 0, done.stderr
    assert "2 rows read, 2 imported, 0 in the report" in done.stdout
    assert command.stored() == 1
    for text in ("三丰", "四光", "19900001111", "demo@"):
        assert text not in done.stdout + done.stderr


def test_what_is_not_sure_stops_where_nobody_can_be_asked(command: Command):
    path = command.file("a.csv", "学员,学员手机号,邮箱")

    asked = command.run(path, "--source", "expo")
    said = command.run(path, "--source", "expo", "--map", "学员手机号=phone", "--json")

    assert asked.returncode == 2
    assert "学员手机号" in asked.stderr
    assert "--mapping NAME" in asked.stderr
    assert "--yes" in asked.stderr
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["columns"]["学员手机号"] == "phone"


def test_yes_takes_the_proposal_as_it_is(command: Command):
    path = command.file("a.csv", "学员,学员手机号,邮箱")

    assert command.run(path, "--source", "expo", "--yes").returncode == 0


def test_a_person_at_a_terminal_is_asked(command: Command):
    ours, theirs = pty.openpty()
    try:
        os.write(ours, b"phon\nphone\n")
        done = command.run(
            command.file("a.csv", "学员,学员手机号,邮箱"), "--source", "expo", stdin=theirs
        )
    finally:
        os.close(ours)
        os.close(theirs)

    assert done.returncode == 0, done.stderr
    assert "did you mean phone?" in done.stderr
    assert command.stored() == 1


def test_a_dry_run_stores_nothing(command: Command):
    path = command.file("a.csv", "姓名,手机号,邮箱")
    done = command.run(path, "--source", "expo", "--dry-run")

    assert "2 would be imported" in done.stdout
    assert command.stored() == 0


def test_rows_in_the_report_are_exit_status_one(command: Command):
    path = command.folder / "a.csv"
    path.write_text("姓名,手机号\n张三丰,199OOOO1111\n李四光,19900002222\n", "utf-8")
    report = command.folder / "wrong.xlsx"
    done = command.run(path, "--source", "expo", "--report", report, "--yes")

    assert done.returncode == 1
    assert "1 in the report" in done.stdout
    assert report.stat().st_mode & 0o777 == 0o600
    assert "OOOO" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("big5.csv",), "encoding not recognised; tried UTF-8"),
        (("gone.csv",), "cannot be read"),
        (("a.csv", "--mapping", "nothing"), "no saved mapping of that name"),
        (("a.csv", "--map", "手机=phone"), "no column '手机'; did you mean 手机号"),
        (("a.csv", "--map", "手机号"), "write 列名=field"),
        (("a.csv", "--sheet", "一月"), "is no workbook"),
    ],
    ids=["encoding", "file", "mapping", "column", "--map", "sheet"],
)
def test_bad_use_is_one_line_and_exit_status_two(command: Command, arguments: Any, message: str):
    command.file("a.csv", "姓名,手机号,邮箱")
    (command.folder / "big5.csv").write_bytes(
        "姓名,手機號碼,備註\n張三,1,想瞭解課程\n".encode("big5")
    )
    name, *rest = arguments

    done = command.run(command.folder / name, "--source", "expo", *rest)

    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.splitlines()[-1].startswith("hub: ")
    assert "Traceback" not in done.stderr
    assert command.stored() == 0

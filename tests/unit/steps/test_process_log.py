"""What children print is kept whole, in files of bounded size."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from hub.steps.running.process_log import LogPump, RotatingLog


def lines_of(folder: Path) -> list[bytes]:
    """Every line that is left, oldest first."""
    names = [folder / "child.log.2", folder / "child.log.1", folder / "child.log"]
    return [line for one in names if one.exists() for line in one.read_bytes().splitlines()]


def write_lines(log: RotatingLog) -> None:
    for _ in range(100):
        log.write(b"x" * 49 + b"\n")


def test_no_line_is_lost_or_cut_when_a_file_is_full(tmp_path):
    log = RotatingLog(tmp_path / "child.log", limit=1000)
    read, write = os.pipe()
    pump = LogPump(read, log)
    pump.start()
    sent = [b"line %d" % number for number in range(250)]  # 2.2 kB: within the three files
    with os.fdopen(write, "wb", buffering=0) as pipe:
        for line in sent:
            pipe.write(line[:3])  # a line comes in pieces
            pipe.write(line[3:] + b"\n")
    pump.join(20)

    assert lines_of(tmp_path) == sent
    assert (tmp_path / "child.log.1").exists()


def test_three_files_are_kept_and_no_more(tmp_path):
    log = RotatingLog(tmp_path / "child.log", limit=100)
    for number in range(100):
        log.write(b"%099d\n" % number)

    assert sorted(one.name for one in tmp_path.iterdir()) == ["child.log.1", "child.log.2"]
    assert [int(line) for line in lines_of(tmp_path)] == [98, 99]


def test_several_writers_share_one_file(tmp_path):
    """The pump of a process that died may still read while that of the next one does."""
    log = RotatingLog(tmp_path / "child.log", limit=10_000)
    threads = [threading.Thread(target=write_lines, args=(log,)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)

    assert lines_of(tmp_path) == [b"x" * 49] * 400


def test_a_disk_that_takes_nothing_stops_no_child_and_is_told_later(tmp_path):
    folder = tmp_path / "log"
    log = RotatingLog(folder / "child.log")
    folder.rmdir()
    log.write(b"0123456789\n")
    folder.mkdir()
    log.write(b"again\n")

    assert lines_of(folder) == [b"... 11 bytes were not written: no room", b"again"]


def test_what_is_said_without_an_end_of_line_is_kept(tmp_path):
    read, write = os.pipe()
    pump = LogPump(read, RotatingLog(tmp_path / "child.log"))
    pump.start()
    os.write(write, b"last words")
    os.close(write)
    pump.join(20)

    assert lines_of(tmp_path) == [b"last words"]


def test_the_log_is_for_its_owner_only(tmp_path):
    log = RotatingLog(tmp_path / "log" / "child.log")
    log.write(b"x\n")

    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o700
    assert log.path.stat().st_mode & 0o777 == 0o600

"""The spool on a real disk: what was appended is found again, whatever was torn, killed or full."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError, RefusedError
from hub.inbox import spool as spool_module
from hub.inbox.frames import encode, scan
from hub.inbox.spool import Spool, SpoolFolder, orphans, spooled
from hub.model.delivery import Delivery, Lane, Via

NOON = datetime(2026, 2, 17, 12, tzinfo=UTC)


def a_delivery(number: int = 1) -> Delivery:
    return Delivery(
        id=UUID(int=number),
        merchant="default",
        source_key="douyin-1",
        via=Via.PUSH,
        lane=Lane.LIVE,
        received_at=NOON + timedelta(seconds=number),
        delivery_key=b"id:\x00%d" % number,
        sealed=b"\x00\x01sealed" * 10,
        key_expires_at=NOON + timedelta(days=1),
    )


DELIVERIES = [a_delivery(number) for number in range(1, 5)]
DATA = encode(DELIVERIES)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool.open(tmp_path / "spool", "r1", max_bytes=100_000)
    yield opened
    if opened.path.exists():
        opened.close()


def drained(folder: SpoolFolder, segments: Sequence[Path]) -> list[Delivery]:
    return [delivery for segment in segments for delivery in folder.read(segment).deliveries]


def test_frames_give_back_the_deliveries_as_they_were() -> None:
    assert scan(DATA).deliveries == tuple(DELIVERIES)
    assert scan(DATA).damaged == ()


@given(st.integers(0, len(DATA) - 1))
def test_a_torn_end_costs_only_the_torn_delivery_and_is_told(cut: int) -> None:
    found = scan(DATA[:cut])

    assert found.deliveries == tuple(DELIVERIES[: len(found.deliveries)])
    assert len(encode(found.deliveries)) + sum(b - a for a, b in found.damaged) == cut


@given(st.binary(max_size=300), st.integers(0, 3))
def test_garbage_between_frames_is_told_and_the_frames_behind_it_are_found(
    garbage: bytes, at: int
) -> None:
    found = scan(encode(DELIVERIES[:at]) + garbage + encode(DELIVERIES[at:]))

    assert found.deliveries == tuple(DELIVERIES)
    assert sum(b - a for a, b in found.damaged) == len(garbage)


def test_a_changed_byte_costs_one_delivery() -> None:
    for position in range(len(DATA)):
        changed = DATA[:position] + bytes([DATA[position] ^ 1]) + DATA[position + 1 :]

        assert len(scan(changed).deliveries) == len(DELIVERIES) - 1


def test_what_was_appended_is_drained_in_order(spool: Spool) -> None:
    spool.append(DELIVERIES[:1])
    spool.append(DELIVERIES[1:3])
    first = spool.seal()
    spool.append(DELIVERIES[3:])

    assert drained(spool, spool.seal()) == DELIVERIES
    assert len(first) == 1
    assert spool.deliveries == 4
    assert spool.oldest == NOON + timedelta(seconds=1)


def test_a_removed_segment_is_no_longer_counted(spool: Spool) -> None:
    spool.append(DELIVERIES)
    for segment in spool.seal():
        spool.remove(segment)

    assert (spool.deliveries, spool.size, spool.oldest) == (0, 0, None)
    assert spooled(spool.path.parent) == {}


def test_over_the_limit_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    small = Spool.open(tmp_path / "spool", "r1", max_bytes=len(DATA))
    small.append(DELIVERIES)

    with pytest.raises(RefusedError) as refusal:
        small.append(DELIVERIES[:1])
    assert (refusal.value.reason, refusal.value.status) == ("spool_full", 503)
    assert small.deliveries == 4
    assert not small.has_room


def test_a_full_disk_is_refused_and_leaves_no_torn_frame(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append(DELIVERIES[:1])
    real = os.write

    def half(file: int, data: bytes) -> int:
        real(file, bytes(data[:20]))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(RefusedError, match="spool_broken"):
        spool.append(DELIVERIES[1:2])
    assert not spool.has_room
    monkeypatch.undo()

    assert spool.probe()
    assert spool.has_room
    spool.append(DELIVERIES[2:3])
    scans = [spool.read(segment) for segment in spool.seal()]
    assert [d for found in scans for d in found.deliveries] == [DELIVERIES[0], DELIVERIES[2]]
    assert [found.damaged for found in scans] == [(), ()]


def test_after_a_failed_fsync_the_segment_is_not_written_again(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows which of its pages reached the disk."""

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    spool.append(DELIVERIES[:1])
    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(RefusedError, match="spool_broken"):
        spool.append(DELIVERIES[1:2])
    monkeypatch.undo()
    spool.append(DELIVERIES[2:3])

    first, second = spool.seal()
    assert spool.read(first).deliveries[0] == DELIVERIES[0]
    assert list(spool.read(second).deliveries) == DELIVERIES[2:3]


def test_tries_on_a_full_disk_leave_no_files(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an outage of an hour uses up the inodes, too."""

    def full(_file: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for _ in range(5):
        with pytest.raises(RefusedError, match="spool_broken"):
            spool.append(DELIVERIES[:1])
    monkeypatch.undo()

    assert spool.seal() == []


def test_damage_is_kept_aside_and_reported(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    spool.append(DELIVERIES)
    (segment,) = spool.seal()
    with segment.open("r+b") as file:
        file.truncate(len(DATA) - 3)

    assert drained(spool, [segment]) == DELIVERIES[:3]
    (kept,) = (spool.path.parent / "damaged").iterdir()
    assert DATA.endswith(kept.read_bytes() + DATA[-3:])
    assert "no whole delivery" in caplog.text


def test_what_the_database_refuses_is_kept_and_tried_at_the_next_start(spool: Spool) -> None:
    spool.set_aside(DELIVERIES[:2])
    spool.set_aside(DELIVERIES[:1])
    assert set(spooled(spool.path.parent)) == {UUID(int=1), UUID(int=2)}

    other = Spool.open(spool.path.parent, "r2", max_bytes=100_000)
    assert other.take_back_refused() == 2
    assert drained(other, other.seal()) == DELIVERIES[:2]
    assert other.deliveries == 2
    assert spool.take_back_refused() == 0


def test_a_living_receivers_folder_is_not_adopted(spool: Spool) -> None:
    spool.append(DELIVERIES)

    assert list(orphans(spool.path.parent)) == [spool.path]
    assert SpoolFolder.adopt(spool.path) is None
    with pytest.raises(ConfigError, match="another receiver"):
        Spool.open(spool.path.parent, "r1", max_bytes=100_000)


def test_a_closed_receivers_folder_is_adopted_with_all_in_it(spool: Spool) -> None:
    spool.append(DELIVERIES)
    spool.close()

    folder = SpoolFolder.adopt(spool.path)
    assert folder is not None
    assert SpoolFolder.adopt(spool.path) is None
    assert drained(folder, folder.segments()) == DELIVERIES
    for segment in folder.segments():
        folder.remove(segment)
    folder.close()
    assert not spool.path.exists()
    assert SpoolFolder.adopt(spool.path) is None


def test_closing_an_empty_spool_leaves_no_folder(spool: Spool) -> None:
    spool.close()

    assert not spool.path.exists()


def test_a_folder_is_taken_up_where_it_was_left(tmp_path: Path) -> None:
    first = Spool.open(tmp_path, "r1", max_bytes=100_000)
    first.append(DELIVERIES[:2])
    first.close()
    second = Spool.open(tmp_path, "r1", max_bytes=100_000)
    second.append(DELIVERIES[2:])

    assert second.deliveries == 4
    assert drained(second, second.seal()) == DELIVERIES


def test_segments_are_closed_when_they_are_large(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 10)
    for delivery in DELIVERIES:
        spool.append([delivery])

    assert len(spool.segments()) == 4


def test_ids_are_counted_once_though_a_refused_one_lies_in_two_files(spool: Spool) -> None:
    spool.append(DELIVERIES)
    spool.set_aside([replace(DELIVERIES[0])])

    assert spooled(spool.path.parent) == {d.id: "douyin-1" for d in DELIVERIES}


_APPENDER = """
import sys
from pathlib import Path
from hub.inbox.spool import Spool
from tests.unit.inbox.test_spool import a_delivery
spool = Spool.open(Path(sys.argv[1]), "doomed", max_bytes=10_000_000)
number = 0
while True:
    number += 1
    spool.append([a_delivery(number)])
    print(number, flush=True)
"""


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """A real process, killed while it appends: every number that it printed is found."""
    command = [sys.executable, "-c", _APPENDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "50\n":
                break
        process.send_signal(signal.SIGKILL)
        told = [50, *(int(line) for line in process.stdout if line.endswith("\n"))]

    folder = SpoolFolder.adopt(tmp_path / "doomed")
    assert folder is not None
    found = drained(folder, folder.segments())
    assert [delivery.id.int for delivery in found] == list(range(1, len(found) + 1))
    assert len(found) >= max(told)
    folder.close()

"""The spool: fsynced local files for deliveries that the database could not take in time.

    <root>/<receiver>/lock, 00000001.spool …   one folder a receiver, locked while it lives
    <root>/refused/<delivery id>.spool         what the database refuses for good; tried at each start
    <root>/damaged/…                           bytes that are no whole delivery; reported, never deleted

A segment is deleted only after all of its deliveries are committed; draining it twice changes
nothing, since storing is idempotent on the delivery's id. The folder of a receiver that died is not
locked any more, so that the next one adopts it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from hub.database.locks import FileLock
from hub.errors import ConfigError, RefusedError
from hub.inbox.frames import Scan, encode, scan
from hub.model.delivery import Delivery

SEGMENT_BYTES = 4 * 1_048_576
_REFUSED, _DAMAGED, _LOCK, _SUFFIX = "refused", "damaged", "lock", ".spool"

log = logging.getLogger(__name__)


class SpoolFolder:
    """One receiver's folder, locked by this process: read its segments, remove those that are done."""

    def __init__(self, path: Path, lock: FileLock) -> None:
        self.path = path
        self._lock = lock
        self._guard = threading.Lock()

    @classmethod
    def adopt(cls, path: Path) -> SpoolFolder | None:
        """The folder of a receiver that died, locked; None if its owner lives or it is gone."""
        lock = FileLock(path / _LOCK)
        try:
            if _is_held(lock, path):
                return cls(path, lock)
        except (OSError, ConfigError):  # another receiver finished it just now, or it is not ours
            pass
        lock.close()
        return None

    def segments(self) -> list[Path]:
        """Segments that can be drained, oldest first."""
        return sorted(self.path.glob(f"*{_SUFFIX}"))

    def read(self, segment: Path) -> Scan:
        """What a segment holds. Damage in it is copied aside and reported first."""
        data = segment.read_bytes()
        found = scan(data)
        for start, end in found.damaged:
            _keep_damage(segment, start, data[start:end])
        return found

    def remove(self, segment: Path) -> None:
        """Delete a segment; all of its deliveries are committed or set aside."""
        segment.unlink(missing_ok=True)
        _sync_folder(self.path)

    def set_aside(self, deliveries: Sequence[Delivery]) -> None:
        """Keep deliveries that the database refuses for good, each in a file of its own."""
        folder = self.path.parent / _REFUSED
        folder.mkdir(mode=0o700, exist_ok=True)
        for delivery in deliveries:
            _write_new(folder / f"{delivery.id}{_SUFFIX}", encode([delivery]))
        _sync_folder(folder)

    def close(self) -> None:
        """Let go of the folder, and delete it if nothing is left in it."""
        with self._guard:
            if not self.segments():
                (self.path / _LOCK).unlink(missing_ok=True)
                with suppress(OSError):  # somebody looks into it right now and removes it later
                    self.path.rmdir()
            self._lock.close()


@dataclass(slots=True)
class _Segment:
    """What a segment of our own holds, so that nobody has to read it to know."""

    deliveries: int
    size: int
    oldest: datetime


class Spool(SpoolFolder):
    """A living receiver's spool. Its methods block; they may be called from several threads."""

    def __init__(self, path: Path, lock: FileLock, max_bytes: int) -> None:
        super().__init__(path, lock)
        self._max_bytes = max_bytes
        self._facts: dict[Path, _Segment] = {}
        self._aside_bytes = _size_of(path.parent / _REFUSED)
        self._file: int | None = None
        self._active: Path | None = None
        self._number = 0
        self._broken = False
        self._full = False

    @classmethod
    def open(cls, root: Path, receiver: str, max_bytes: int) -> Spool:
        """A new folder for `receiver` under `root`, locked.

        Raises:
            ConfigError: the folder cannot be made or is in use; the text says which.
        """
        path = root / receiver
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = FileLock(path / _LOCK)
            if not _is_held(lock, path):
                lock.close()
                raise ConfigError(f"{path}: another receiver uses this spool")
            _sync_folder(root)
            spool = cls(path, lock, max_bytes)
            spool._take_up()
        except OSError as error:
            raise ConfigError(f"{path}: no spool can be kept here ({error.strerror})") from error
        return spool

    @property
    def deliveries(self) -> int:
        """How many deliveries wait in our own segments."""
        return sum(facts.deliveries for facts in list(self._facts.values()))

    @property
    def size(self) -> int:
        """Bytes of our own segments and of what was set aside."""
        return sum(facts.size for facts in list(self._facts.values())) + self._aside_bytes

    @property
    def oldest(self) -> datetime | None:
        """When the oldest waiting delivery was received, None if none waits."""
        return min((facts.oldest for facts in list(self._facts.values())), default=None)

    @property
    def has_room(self) -> bool:
        """Whether the next delivery would be taken, as far as is known."""
        return not (self._broken or self._full) and self.size < self._max_bytes

    def append(self, deliveries: Sequence[Delivery]) -> None:
        """Return once all of `deliveries` are on the disk, by one fsync.

        Raises:
            RefusedError: 503; `spool_full` over the limit, `spool_broken` the disk refused. Then
                none of them counts as taken.
        """
        if not deliveries:
            return
        data = encode(deliveries)
        with self._guard:
            if self.size + len(data) > self._max_bytes:
                self._full = True
                raise RefusedError("spool_full", status=503)
            try:
                self._append(data)
            except OSError as error:
                self._abandon()
                self._broken = True
                log.error("the spool cannot be written: %s", error.strerror)  # noqa: TRY400 -- one line is enough
                raise RefusedError("spool_broken", status=503) from error
            self._broken = False
            self._note(deliveries, len(data))

    def probe(self) -> bool:
        """`has_room`, after another try on the disk if its last write failed."""
        if self._broken:
            try:
                _write_new(self.path / "probe", b"x")
            except OSError:
                return False
            self._broken = False
        return self.has_room

    def seal(self) -> list[Path]:
        """Close the segment being written, and give all segments, oldest first, to be drained."""
        with self._guard:
            self._close_file()
            return self.segments()

    def remove(self, segment: Path) -> None:
        """Delete a segment; all of its deliveries are committed or set aside."""
        super().remove(segment)
        self._facts.pop(segment, None)
        self._full = False

    def set_aside(self, deliveries: Sequence[Delivery]) -> None:
        """Keep deliveries that the database refuses for good, each in a file of its own."""
        super().set_aside(deliveries)
        self._aside_bytes = _size_of(self.path.parent / _REFUSED)

    def take_back_refused(self) -> int:
        """Make segments of what was set aside, to try it again; gives how many."""
        taken = 0
        for file in sorted((self.path.parent / _REFUSED).glob(f"*{_SUFFIX}")):
            with self._guard:
                self._number += 1
                segment = self.path / f"{self._number:08d}{_SUFFIX}"
                try:
                    file.rename(segment)
                except FileNotFoundError:  # another receiver took it
                    continue
            self._learn(segment)
            taken += 1
        self._aside_bytes = _size_of(self.path.parent / _REFUSED)
        return taken

    def close(self) -> None:
        """Close the files; what is left waits for the next receiver."""
        with self._guard:
            self._close_file()
        (self.path / "probe").unlink(missing_ok=True)
        super().close()

    def _take_up(self) -> None:
        """Go on in a folder that was left with segments in it."""
        for segment in self.segments():
            self._learn(segment)
            self._number = max(self._number, int(segment.stem))

    def _learn(self, segment: Path) -> None:
        found = scan(segment.read_bytes()).deliveries
        if found:
            oldest = min(delivery.received_at for delivery in found)
            self._facts[segment] = _Segment(len(found), segment.stat().st_size, oldest)

    def _append(self, data: bytes) -> None:
        if self._file is None:
            self._open_next()
        file = self._file
        if file is None:
            raise OSError("no segment is open")
        start = os.fstat(file).st_size
        try:
            _write_all(file, data)
        except OSError:
            os.ftruncate(file, start)  # a torn frame would be reported as damage
            raise
        os.fdatasync(file)

    def _open_next(self) -> None:
        self._number += 1
        path = self.path / f"{self._number:08d}{_SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._file, self._active = os.open(path, flags, 0o600), path
        _sync_folder(self.path)

    def _note(self, deliveries: Sequence[Delivery], size: int) -> None:
        if self._active is None:
            return
        oldest = min(delivery.received_at for delivery in deliveries)
        facts = self._facts.setdefault(self._active, _Segment(0, 0, oldest))
        facts.deliveries += len(deliveries)
        facts.size += size
        facts.oldest = min(facts.oldest, oldest)
        if facts.size >= SEGMENT_BYTES:
            self._close_file()

    def _abandon(self) -> None:
        """Never write to this segment again: after a failed fsync nobody knows what is on the disk.

        One in which nothing is acknowledged goes: a full disk would get a file for each try.
        """
        litter = self._active if self._active not in self._facts else None
        try:
            self._close_file()
        except OSError:
            self._file = None
        if litter is not None:
            with suppress(OSError):
                litter.unlink()

    def _close_file(self) -> None:
        if self._file is not None:
            file, self._file, self._active = self._file, None, None
            os.close(file)


def _is_held(lock: FileLock, path: Path) -> bool:
    """Whether the lock is ours now, and not one on a file that its owner has deleted since."""
    return lock.try_exclusive() and (path / _LOCK).exists()


def refused_files(root: Path) -> int:
    """How many deliveries under `root` the database refuses for good."""
    return sum(1 for _ in (root / _REFUSED).glob(f"*{_SUFFIX}"))


def segment_files(root: Path) -> int:
    """How many segments lie under `root`, of living receivers and of dead ones."""
    aside = (_REFUSED, _DAMAGED)
    return sum(1 for file in root.glob(f"*/*{_SUFFIX}") if file.parent.name not in aside)


def orphans(root: Path) -> Iterator[Path]:
    """Folders of receivers under `root`, the living ones too: try `SpoolFolder.adopt` on each."""
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if path.is_dir() and path.name not in (_REFUSED, _DAMAGED):
            yield path


def spooled(root: Path) -> dict[UUID, str]:
    """Every delivery that lies in any spool under `root`: id → source key.

    Some may be committed already and not yet deleted here: see `hub.steps.spool_drain.count_spooled`.
    """
    found: dict[UUID, str] = {}
    for file in sorted(root.glob(f"*/*{_SUFFIX}")):
        try:
            data = file.read_bytes()
        except FileNotFoundError:  # drained while we looked
            continue
        found.update((delivery.id, delivery.source_key) for delivery in scan(data).deliveries)
    return found


def _keep_damage(segment: Path, start: int, data: bytes) -> None:
    folder = segment.parent.parent / _DAMAGED
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = folder / f"{segment.parent.name}-{segment.stem}-{start}.bin"
    _write_new(kept, data)
    _sync_folder(folder)
    log.error("spool segment %s: %d bytes at %d are no whole delivery; kept as %s",
              segment.name, len(data), start, kept.name)  # fmt: skip


def _write_new(path: Path, data: bytes) -> None:
    """`data` at `path` and on the disk; a file left half-written by a crash is written again."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _write_all(file, data)
        os.fsync(file)
    finally:
        os.close(file)


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob(f"*{_SUFFIX}"))

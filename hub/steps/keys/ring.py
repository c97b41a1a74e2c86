"""Where the key ring comes from: HUB_KEYS, HUB_KEYS_FILE, or a file of the hub's own."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hub.database.places import is_embedded, own_home, private_folder
from hub.errors import ConfigError
from hub.privacy.keyring import FIRST_INDEX_KEY, KeyRing, new_key, new_keys
from hub.settings import home

LOOKS_EVERY_S = 1.0
"""How often a process looks whether its key file was changed, at most, while it seals."""
_LAST_KEY_ID = 0xFFFF
_IDS = {"sealing": "active", "index": "index_active"}


def open_keyring() -> KeyRing:
    """The hub's keys. With an embedded store they are made on first use, in `HUB_HOME/keys.json`.

    A ring from a file takes over what a rotation adds to it while the process runs.

    Raises:
        ConfigError: there are none, others can read them, or what is there is no key ring.
    """
    given = _given()
    if given:
        return KeyRing.parse(_parsed(given, "HUB_KEYS"))
    path = _existing_file()
    seen = _stamp(path)
    ring = KeyRing.parse(_read(path))
    ring.fresh = _Watched(path, seen).fresh
    return ring


def has_keys() -> bool:
    """Whether this process was given keys, or the hub keeps its own: without them it can read nothing sealed."""
    named = os.environ.get("HUB_KEYS_FILE", "").strip()
    return bool(_given() or named or is_embedded())


def are_keys_there() -> bool:
    """Whether there is a ring already, so that `open_keyring` would make none."""
    if _given() or os.environ.get("HUB_KEYS_FILE", "").strip():
        return True
    return is_embedded() and (home() / "keys.json").exists()


def ring_document() -> dict[str, Any]:
    """The ring in its JSON form, keys and all: for a copy of it, and for nothing else.

    Raises:
        ConfigError: as `open_keyring`.
    """
    given = _given()
    return dict(_parsed(given, "HUB_KEYS") if given else _read(_existing_file()))


def write_ring(path: Path, document: Mapping[str, object]) -> None:
    """A ring in the file `path`, 0600 and on the disk; what was there is replaced.

    Raises:
        ConfigError: it cannot be written there.
    """
    try:
        _write_aside(path, document).replace(path)
        _sync(path.parent)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error


def rotate_keys() -> int:
    """Add a sealing key and make it the active one; its id. What older keys sealed stays readable.

    Raises:
        ConfigError: the keys are not in a file that we may change.
    """
    return _changed(lambda document: _add(document, "sealing"))


def add_index_key(wanted: int) -> int:
    """Add index key `wanted` if the ring does not have it, and let new databases begin with it; its id.

    Raises:
        ConfigError: as `rotate_keys`.
    """

    def add(document: dict[str, Any]) -> int:
        if str(wanted) not in document["index"]:
            document["index"] = {**document["index"], str(wanted): new_key()}
        document["index_active"] = wanted
        return wanted

    return _changed(add)


def remove_key(use: str, key_id: int) -> None:
    """Take a key out of the ring; the caller knows that nothing needs it. `use` is sealing or index.

    Raises:
        ConfigError: there is no such key, it is the active one, or the file is not ours to change.
    """

    def remove(document: dict[str, Any]) -> int:
        if str(key_id) not in document[use]:
            raise ConfigError(f"{use} key {key_id} is not in the key ring; see `hub keys list`")
        if document[_IDS[use]] == key_id:
            raise ConfigError(f"{use} key {key_id} is the active one; rotate first")
        document[use] = {n: key for n, key in document[use].items() if n != str(key_id)}
        return key_id

    _changed(remove)


def keys_place() -> str:
    """Where the keys are, for people: the variable, or the file."""
    return "HUB_KEYS" if _given() else str(_existing_file())


def key_file() -> Path:
    """The file with the keys.

    Raises:
        ConfigError: they are in the environment, which nobody can add a key to.
    """
    if _given():
        raise ConfigError("the keys are in HUB_KEYS; put them in a file and set HUB_KEYS_FILE")
    return _existing_file()


class _Watched:
    """A key file that a running process looks at now and then."""

    def __init__(self, path: Path, seen: tuple[int, ...] | None) -> None:
        self._path = path
        self._seen = seen
        self._looked = time.monotonic()

    def fresh(self, force: bool) -> KeyRing | None:
        """The ring, if the file is another one than before; a file that is gone or spoilt changes nothing."""
        now = time.monotonic()
        if not force and now - self._looked < LOOKS_EVERY_S:
            return None
        self._looked = now
        stamp = _stamp(self._path)
        if stamp is None or stamp == self._seen:
            return None
        try:
            ring = KeyRing.parse(_read(self._path))
        except ConfigError:
            return None
        self._seen = stamp
        return ring


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _given() -> str:
    return os.environ.get("HUB_KEYS", "").strip()


def _changed(change: Callable[[dict[str, Any]], int]) -> int:
    """The key file with a change made to it, alone and on the disk; what `change` gives."""
    path = key_file()
    with _locked(path):
        document: dict[str, Any] = dict(_read(path))
        if isinstance(document["index"], str):  # written before index keys had ids
            first = str(FIRST_INDEX_KEY)
            document |= {"index": {first: document["index"]}, "index_active": FIRST_INDEX_KEY}
        result = change(document)
        KeyRing.parse(document)
        _write_aside(path, document).replace(path)
        _sync(path.parent)
    return result


def _add(document: dict[str, Any], use: str) -> int:
    key_id = max(int(known) for known in document[use]) + 1
    if key_id > _LAST_KEY_ID:
        raise ConfigError(f"the key ring holds the last possible {use} key")
    document[use] = {**document[use], str(key_id): new_key()}
    document[_IDS[use]] = key_id
    return key_id


def _existing_file() -> Path:
    """The key file, made first if it is the hub's own and this is a new hub."""
    named = os.environ.get("HUB_KEYS_FILE", "").strip()
    if named:
        return Path(named).absolute()
    if not is_embedded():
        raise ConfigError(
            "no keys: with HUB_DATABASE_URL set HUB_KEYS_FILE, too; `hub keys new` prints a ring"
        )
    folder = own_home(home())
    path, made = folder / "keys.json", private_folder(folder / "locks") / "keys-were-made"
    if not path.exists():
        if made.exists() and not path.exists():  # another process may have made both just now
            raise ConfigError(
                f"{path}: gone; restore it from a backup: nothing sealed can be read without it"
            )
        _make(path)
    made.touch(mode=0o600)
    return path


def _make(path: Path) -> None:
    """New keys at `path`; if another process was faster, its keys stand."""
    aside = _write_aside(path, new_keys())
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        return
    finally:
        aside.unlink()
    _sync(path.parent)


def _write_aside(path: Path, document: Mapping[str, object]) -> Path:
    """The document in a new file beside `path`, 0600 and on the disk."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(number, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _sync(folder: Path) -> None:
    """Put names of files on the disk: a key must not be gone after a power cut that data survived."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _read(path: Path) -> Mapping[str, object]:
    try:
        mode = path.stat().st_mode
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: the keys cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a key ring") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"{path}: other users can read the keys; `chmod 600` it")
    return _parsed(text, str(path))


def _parsed(text: str, place: str) -> Mapping[str, object]:
    try:
        document = json.loads(text)
    except ValueError:
        # `from None`: the parser's error carries the text, and the text is the keys.
        raise ConfigError(f"{place}: not JSON; `hub keys new` prints a key ring") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{place}: not a key ring; `hub keys new` prints one")
    KeyRing.parse(document)
    return document


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone among those who change the folder of `path`; the file itself is replaced."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)

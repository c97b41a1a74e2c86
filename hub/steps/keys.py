"""Where the key ring comes from: HUB_KEYS, HUB_KEYS_FILE, or a file of the hub's own."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hub.database.places import own_home, private_folder
from hub.errors import ConfigError
from hub.privacy.keyring import KeyRing, new_keys
from hub.settings import home
from hub.steps.open_store import is_embedded

_LAST_KEY_ID = 0xFFFF


def open_keyring() -> KeyRing:
    """The hub's keys. With an embedded store they are made on first use, in `HUB_HOME/keys.json`.

    Raises:
        ConfigError: there are none, others can read them, or what is there is no key ring.
    """
    given = os.environ.get("HUB_KEYS", "").strip()
    return KeyRing.parse(_parsed(given, "HUB_KEYS") if given else _read(_existing_file()))


def rotate_keys() -> int:
    """Add a sealing key and make it the active one; its id. What older keys sealed stays readable.

    Raises:
        ConfigError: the keys are not in a file that we may change.
    """
    if os.environ.get("HUB_KEYS", "").strip():
        raise ConfigError("the keys are in HUB_KEYS; put them in a file and set HUB_KEYS_FILE")
    path = _existing_file()
    with _locked(path):
        document = dict(_read(path))
        sealing = document["sealing"]
        if not isinstance(sealing, Mapping):  # parsed before, so this only tells the type
            raise ConfigError(f"{path}: not a key ring")
        key_id = max(int(known) for known in sealing) + 1
        if key_id > _LAST_KEY_ID:
            raise ConfigError(f"{path}: holds the last possible sealing key")
        key = base64.b64encode(os.urandom(32)).decode()
        document |= {"active": key_id, "sealing": {**sealing, str(key_id): key}}
        _write_aside(path, document).replace(path)
        _sync(path.parent)
    return key_id


def keys_place() -> str:
    """Where the keys are, for people: the variable, or the file."""
    return "HUB_KEYS" if os.environ.get("HUB_KEYS", "").strip() else str(_existing_file())


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

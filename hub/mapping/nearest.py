"""The nearest valid word to one that is not: most mistakes in a document are slips of a key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`; did you mean phone_cn?`, or nothing if no known word comes near."""
    near = difflib.get_close_matches(str(word), list(known), 1, 0.5)
    return f"; did you mean {near[0]}?" if near else ""


def expected_one_of(word: object, known: Iterable[str]) -> str:
    """What is wrong with `word`, what was expected, and the nearest valid name."""
    names = sorted(known)
    return f"{word!r} is none of {', '.join(names)}{did_you_mean(word, names)}"

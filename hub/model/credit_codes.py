"""The check character of a 统一社会信用代码 (GB 32100). Pure."""

from __future__ import annotations

LENGTH = 18
# Letters that look like digits (I, O, S, V, Z) are not used.
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUE = {letter: number for number, letter in enumerate(_ALPHABET)}


def is_credit_code(text: str) -> bool:
    """Whether a text is a credit code: 18 upper-case characters of its alphabet, the last one as the others say."""
    if len(text) != LENGTH or not all(letter in _VALUE for letter in text):
        return False
    total = sum(_VALUE[letter] * pow(3, place, 31) for place, letter in enumerate(text[:-1]))
    return text[2:8].isdecimal() and -total % 31 == _VALUE[text[-1]]

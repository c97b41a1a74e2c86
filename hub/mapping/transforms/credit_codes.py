"""The unified social credit code of an organisation, GB 32100: `credit_code_cn`."""

from __future__ import annotations

import re
import unicodedata

from hub.mapping.transforms.base import Transform
from hub.mapping.values import Clean, Json, UnusableError, as_text

INVALID = "credit_code_invalid"
# Letters that look like digits (I, O, S, V, Z) are not used.
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_BASE = len(_ALPHABET)
_VALUE = {letter: number for number, letter in enumerate(_ALPHABET)}
_WEIGHTS = tuple(pow(3, place, _BASE) for place in range(17))
_CODE = re.compile(rf"[{_ALPHABET}]{{2}}\d{{6}}[{_ALPHABET}]{{10}}")
_BLANKS = re.compile(r"[\s\-]")


def credit_code_cn() -> Clean:
    """A 统一社会信用代码: 18 characters with the right check character (GB 32100); else unusable, marked."""

    def run(value: Json) -> str | None:
        text = as_text(value)
        if text is None:
            return None
        code = _BLANKS.sub("", unicodedata.normalize("NFKC", text)).upper()
        if not _CODE.fullmatch(code) or _check(code) != code[17]:
            raise UnusableError(INVALID)
        return code

    return run


def _check(code: str) -> str:
    total = sum(_VALUE[letter] * weight for letter, weight in zip(code, _WEIGHTS, strict=False))
    return _ALPHABET[-total % _BASE]


TRANSFORMS = (Transform("credit_code_cn", credit_code_cn),)

"""The unified social credit code of an organisation, GB 32100: `credit_code_cn`."""

from __future__ import annotations

import re
import unicodedata

from hub.mapping.transforms.base import Transform
from hub.mapping.values import Clean, Json, UnusableError, as_text
from hub.model.credit_codes import is_credit_code

INVALID = "credit_code_invalid"
_BLANKS = re.compile(r"[\s\-]")


def credit_code_cn() -> Clean:
    """A 统一社会信用代码: 18 characters with the right check character (GB 32100); else unusable, marked."""

    def run(value: Json) -> str | None:
        text = as_text(value)
        if text is None:
            return None
        code = _BLANKS.sub("", unicodedata.normalize("NFKC", text)).upper()
        if not is_credit_code(code):
            raise UnusableError(INVALID)
        return code

    return run


TRANSFORMS = (Transform("credit_code_cn", credit_code_cn),)

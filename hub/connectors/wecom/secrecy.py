"""Secrets stand in addresses here: tokens, the Secret. They stay out of the log."""

from __future__ import annotations

import logging

_HTTP_LOG = "httpx"  # logs each address at INFO
_SECRETS = ("access_token=", "corpsecret=")


class _WithoutTokens(logging.Filter):
    """Drops the HTTP client's line about a call whose address holds a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line may be written."""
        text = record.getMessage()
        return not any(name in text for name in _SECRETS)


def keep_tokens_out_of_logs() -> None:
    """Put the filter on the HTTP client's log, once."""
    log = logging.getLogger(_HTTP_LOG)
    if not any(isinstance(each, _WithoutTokens) for each in log.filters):
        log.addFilter(_WithoutTokens())
